# Gives a fresh Request Tracker what the peer tests need, and prints one `name token` a line:
#   tasks      may see, comment and change tickets in the queue Remediation, whose custom field HandrailTask holds a
#              delegated task as JSON; tickets are made there by root, as by the people who qualify tasks
#   watcher    may only see that queue and comment nothing
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

# The queue of delegated tasks.
my $remediation = RT::Queue->new(RT->SystemUser);
$remediation->Load('Remediation');
if (!$remediation->id) {
    made('queue', $remediation->Create(Name => 'Remediation'));
}
my %task = (Name => 'HandrailTask', LookupType => RT::Ticket->CustomFieldLookupType);
my $task = RT::CustomField->new(RT->SystemUser);
$task->LoadByName(%task);
if (!$task->id) {
    made('field', $task->Create(%task, Type => 'TextSingle', MaxValues => 1));
}
$task->AddToObject($remediation);
$queue = $remediation;
account('tasks', qw(SeeQueue ShowTicket ShowTicketComments CommentOnTicket ModifyTicket SeeCustomField));
account('watcher', qw(SeeQueue ShowTicket ShowTicketComments SeeCustomField));
