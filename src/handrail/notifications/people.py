"""Who is notified of an event: responders by name, and people by what it makes theirs and by what they chose."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from handrail.access import queries as access
from handrail.access.actor import Actor
from handrail.access.capabilities import Role
from handrail.audit.events import EventName
from handrail.audit.queries import Published
from handrail.connectors import channels
from handrail.definitions import queries as definitions
from handrail.definitions.states import DefinitionKind
from handrail.kernel.errors import NotFound
from handrail.notifications.models import Notification, NotificationChoice
from handrail.notifications.rules import KINDS, NAMED, Concerned, NoticeKind, Responsible, Rule, wants
from handrail.notifications.states import RecipientKind
from handrail.packets.queries import ConcernedPeople, concerned_by
from handrail.runbooks.queries.notices import ExceptionNotice, get_exception_notice, is_wave_visible

OWN_GROUPS = frozenset(Role)
_STOPS = frozenset({EventName.RUN_STOPPED, EventName.WAVE_STOPPED, EventName.WAVE_COMPLETED})


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of the event's subject: an exception packet, a revision, or neither."""

    event: Published
    exception: ExceptionNotice | None = None
    revision: ConcernedPeople | None = None
    members: tuple[Actor, ...] = ()

    @property
    def subject(self) -> str:
        """What the event is about, as its page is found: a run that stopped is shown by its exception packet."""
        return self.exception.ref if self.exception is not None else self.event.subject

    @property
    def is_in_wave(self) -> bool:
        """Whether it is a run of a wave that stopped: people hear of the wave. Should nobody take its exception packet,
        they are reminded of it like of any other."""
        return self.event.event == EventName.RUN_STOPPED and bool(self.event.context.get("wave"))

    @property
    def is_wave_without_exceptions(self) -> bool:
        return self.event.event == EventName.WAVE_COMPLETED and not self.event.context.get("exceptions")

    @property
    def is_known_reply(self) -> bool:
        """Whether the vendor says only that it was consumed, of which people hear by its own event."""
        return self.event.event == EventName.PACKET_REPLIED and bool(self.event.context.get("known"))

    @property
    def escalate_to(self) -> str:
        """The group that the runbook escalates an exception packet or a wave to; empty for what is neither."""
        if self.exception is not None:
            return self.exception.escalate_to
        return str(self.event.context.get("escalate_to", "")) if self.event.subject_kind == "wave" else ""

    @property
    def subject_kind(self) -> str:
        return "exception" if self.exception is not None else self.event.subject_kind


@dataclass(frozen=True, slots=True)
class PersonNotified:
    """One person and what kind of message it is to them."""

    user_id: int
    kind: NoticeKind


@dataclass(frozen=True, slots=True)
class Audience:
    """``responders``: names as definitions have them. ``unheard``: the role that a runbook escalates to, where no mail
    reaches anybody who has it; empty for none."""

    responders: tuple[str, ...] = ()
    people: tuple[PersonNotified, ...] = field(default=())
    unheard: str = ""


def facts_of(event: Published, by: Actor) -> Facts:
    """Reads what is needed to decide who is notified, as it is now."""
    members = tuple(access.list_active_members(by)) if by.workspace_id else ()
    ref = str(event.context.get("packet", "")) if event.subject_kind == "run" else event.subject
    if ref.startswith("EXC-"):
        try:
            return Facts(event, exception=get_exception_notice(by, ref), members=members)
        except NotFound:
            return Facts(event, members=members)
    if event.subject_kind == "packet":
        number = event.context.get("revision")
        asked = number if isinstance(number, int) else None
        try:
            return Facts(event, revision=concerned_by(by, ref, asked, members), members=members)
        except NotFound:
            return Facts(event, members=members)
    return Facts(event, members=members)


def audience_of(facts: Facts, rule: Rule, by: Actor) -> Audience:
    """The person who did it is not notified, unless it is about their account: somebody else may have their session.
    Everybody is notified once, as the first kind that fits."""
    if facts.is_in_wave or facts.is_wave_without_exceptions or facts.is_known_reply:
        return Audience()
    chosen = _choices(by.workspace_id)
    people: dict[int, PersonNotified] = {}
    for concerned, kind in rule.people:
        for member in _concerned(facts, concerned, by):
            user = member.user_id
            themselves = member.name == facts.event.actor and concerned is not Concerned.PERSON
            if user is None or user in people or themselves or not _may(member, kind, facts):
                continue
            if wants(kind, member.roles | _named(facts, kind, member), chosen.get((user, kind.value))):
                people[user] = PersonNotified(user, kind)
    named = dict.fromkeys(responders_of(facts, rule.responsible))
    unheard = _unheard(facts, rule) if not named and not _are_reached(people) else ""
    return Audience(tuple(named), tuple(people.values()), unheard)


def _are_reached(people: Mapping[int, PersonNotified]) -> bool:
    return bool(people) and channels.current().mail is not None


def _unheard(facts: Facts, rule: Rule) -> str:
    """The role that should have heard of a stop. Of what a person does, they know themselves; and an installation that
    notifies nobody at all has nothing to hear by."""
    is_stop = facts.event.event in _STOPS and rule.responsible in (Responsible.EXCEPTION, Responsible.WAVE)
    return facts.escalate_to if is_stop and not channels.current().is_silent else ""


def _named(facts: Facts, kind: NoticeKind, member: Actor) -> frozenset[str]:
    """A runbook that escalates to a role of Handrail's own names the people who hold it."""
    by_name = kind in (NoticeKind.EXCEPTIONS, NoticeKind.WAVES)
    return frozenset({NAMED}) if by_name and facts.escalate_to in member.roles else frozenset()


def responders_of(facts: Facts, responsible: Responsible) -> Iterator[str]:
    """Names of responders. A group that is one of Handrail's own roles has people, who are notified themselves: it is a
    responder only where one is configured under its name."""
    match responsible:
        case Responsible.EXCEPTION:
            if facts.exception is not None:
                yield from _usable([str(facts.event.context.get("to") or facts.exception.escalate_to)])
                yield from notified_before(facts.event.workspace_id, facts.exception.ref, facts.event.event)
        case Responsible.SIGNERS | Responsible.HOLDS:
            if facts.revision is not None:
                yield from _groups(facts.revision)
        case Responsible.WAVE:
            named, stopped = facts.event.context.get("escalate_to"), facts.event.context.get("exceptions")
            if named and stopped:
                yield from _usable([str(named)])
        case Responsible.HOUSE:
            if (house := channels.current().house) is not None:
                yield house
        case Responsible.NOBODY:
            return


def notified_before(workspace_id: int, subject: str, event: str) -> list[str]:
    """The responders who were notified of ``subject`` already, for what they all should know: that it is resolved."""
    if event != EventName.EXCEPTION_RESOLVED:
        return []
    rows = Notification.objects.filter(
        workspace_id=workspace_id, recipient_kind=RecipientKind.RESPONDER, events__subject=subject
    )
    return sorted(set(rows.values_list("recipient", flat=True)))


def _groups(revision: ConcernedPeople) -> Iterator[str]:
    """Those who own open holds come first: until these are decided nobody can sign."""
    names = revision.hold_owners or revision.signer_groups
    if channels.current().mail is None:
        yield from _usable(names)
        return
    configured = {one.name for one in channels.current().by_key.values()}
    yield from (name for name in names if name in configured)  # members of other groups have mail themselves


def _usable(names: Iterable[str]) -> Iterator[str]:
    configured = {one.name for one in channels.current().by_key.values()}
    for name in names:
        if name in configured or name not in OWN_GROUPS:
            yield name


def _concerned(facts: Facts, concerned: Concerned, by: Actor) -> Iterable[Actor]:
    match concerned:
        case Concerned.EVERYBODY:
            return facts.members
        case Concerned.PERSON:
            return [one for one in facts.members if one.name == facts.event.subject]
        case Concerned.HOLDER:
            holder = facts.exception.taken_by if facts.exception is not None else None
            return [one for one in facts.members if one.name == holder]
        case Concerned.AUTHOR:
            author = _author(facts.event, by)
            return [one for one in facts.members if one.name == author]
    if facts.revision is None:
        return ()
    ids = {
        Concerned.TO_SIGN: facts.revision.signers,
        Concerned.HOLD_OWNERS: facts.revision.owners,
        Concerned.VOTERS: facts.revision.voters,
    }[concerned]
    return [one for one in facts.members if one.user_id in ids]


def _may(member: Actor, kind: NoticeKind, facts: Facts) -> bool:
    rule, tenant = KINDS[kind], facts.event.tenant_id
    if not member.may(rule.needs) or (rule.everywhere and member.tenant_ids is not None):
        return False
    if facts.event.subject_kind == "wave":
        return is_wave_visible(member, facts.subject)
    return not tenant or member.tenant_ids is None or tenant in member.tenant_ids


def _author(event: Published, by: Actor) -> str | None:
    kind, _, rest = event.subject.partition("/")
    name, _, version = rest.partition("/")
    try:
        found = definitions.find_definition_id(by, DefinitionKind(kind), name, int(version))
    except (NotFound, ValueError):
        return None
    row = definitions.get_definition(by, found).summary
    return row.return_requested_by or row.proposed_by


def _choices(workspace_id: int) -> Mapping[tuple[int, str], bool]:
    rows = NotificationChoice.objects.filter(workspace_id=workspace_id).values_list("user_id", "kind", "email")
    return {(user, kind): email for user, kind, email in rows}
