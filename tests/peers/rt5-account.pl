# Gives a fresh Request Tracker what the peer tests need, and prints one `name token` a line:
#   handrail   may create, read and search tickets in the queue Support and set the custom field HandrailKey
#   onlooker   may see that queue, but not create tickets in it: the desk refuses it for want of a right
# Neither is a superuser. A token goes into the header `Authorization: token …`. Safe to run twice: what exists stays,
# and each run adds new tokens. rt5-serve sets RT_SITE_CONFIG before it runs this.
use strict;
use warnings;
use lib '/usr/local/share/request-tracker5/lib', '/usr/share/request-tracker5/lib';
use RT -init;

# The object's id, or the end of the script with the reason that RT gave.
sub made {
    my ($what, $id, $why) = @_;
    $id or die "$what: $why\n";
    return $id;
}

my $queue = RT::Queue->new(RT->SystemUser);
$queue->Load('Support');
if (!$queue->id) {
    made('queue', $queue->Create(Name => 'Support', CorrespondAddress => 'rt@desk.test'));
}

my %where = (Name => 'HandrailKey', LookupType => RT::Ticket->CustomFieldLookupType);
my $field = RT::CustomField->new(RT->SystemUser);
$field->LoadByName(%where);
if (!$field->id) {
    made('field', $field->Create(%where, Type => 'FreeformSingle', MaxValues => 1));
}
$field->AddToObject($queue);

sub account {
    my ($name, @rights) = @_;
    my $user = RT::User->new(RT->SystemUser);
    $user->Load($name);
    if (!$user->id) {
        made($name, $user->Create(Name => $name, EmailAddress => "$name\@desk.test", Privileged => 1));
    }
    $user->PrincipalObj->GrantRight(Right => $_, Object => $queue) for @rights;
    my ($id, $why, $token) = RT::AuthToken->new(RT->SystemUser)->Create(Owner => $user->id, Description => 'peer tests');
    made("token of $name", $id, $why);
    print "$name $token\n";
}

# No more than the guide tells people to grant.
account('handrail', qw(SeeQueue CreateTicket ShowTicket SeeCustomField SetInitialCustomField));
account('onlooker', qw(SeeQueue ShowTicket));
