"""Who is notified of which event: the one table of it, as data.

Responders are notified what a runbook or packet profile names them for, or what is the installation's own. People are
notified by e-mail what their roles make theirs, unless they have chosen otherwise; by themselves most kinds are quiet.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from handrail.access.capabilities import Capability, Role
from handrail.audit.events import EventName

E, C = EventName, Capability


class NoticeKind(StrEnum):
    """What people choose by."""

    EXCEPTIONS = "exceptions"
    EXCEPTIONS_LATE = "exceptions-late"
    EXCEPTIONS_MINE = "exceptions-mine"
    EXCEPTIONS_RESOLVED = "exceptions-resolved"
    PACKETS_TO_SIGN = "packets-to-sign"
    PACKETS_HOLDS = "packets-holds"
    PACKETS_SIGNED = "packets-signed"
    PACKETS_STUCK = "packets-stuck"
    PACKETS_CONSUMED = "packets-consumed"
    DEFINITIONS = "definitions"
    DEFINITIONS_MINE = "definitions-mine"
    BRAKES = "brakes"
    WAVES = "waves"
    TASKS = "tasks"
    AUDIT = "audit"
    ACCOUNT = "account"


@dataclass(frozen=True, slots=True)
class KindRule:
    """``needs``: the capability without which nobody is notified. ``roles``: who is notified without having chosen;
    None: those it concerns. ``everywhere``: only those who are entitled to every tenant."""

    label: str
    needs: Capability
    roles: frozenset[str] | None = frozenset()
    everywhere: bool = False


# Held for one event by those who have the role that the runbook escalates to.
NAMED = "named by the runbook"
_STUCK = frozenset({Role.ESCALATION_OWNER.value})
KINDS: Mapping[NoticeKind, KindRule] = {
    NoticeKind.EXCEPTIONS: KindRule(
        "Exception packets that are opened or handed back", C.EXCEPTION_VIEW, frozenset({NAMED})
    ),
    NoticeKind.EXCEPTIONS_LATE: KindRule(
        "Exception packets that nobody has taken in time, or that are overdue",
        C.EXCEPTION_TAKE,
        frozenset({Role.SENIOR_SUPPORT.value}),
    ),
    NoticeKind.EXCEPTIONS_MINE: KindRule("Exception packets that are assigned to you", C.EXCEPTION_VIEW, None),
    NoticeKind.EXCEPTIONS_RESOLVED: KindRule("Exception packets that are resolved", C.EXCEPTION_VIEW),
    NoticeKind.PACKETS_TO_SIGN: KindRule("Escalation packets that wait for your approval", C.PACKET_APPROVE, None),
    NoticeKind.PACKETS_HOLDS: KindRule("Holds that are yours to decide", C.PACKET_CLEAR_HOLD, None),
    NoticeKind.PACKETS_SIGNED: KindRule("Escalation packets that end after you approved them", C.PACKET_VIEW, None),
    NoticeKind.PACKETS_STUCK: KindRule("Escalation packets that expire or are not delivered", C.PACKET_RELEASE, _STUCK),
    NoticeKind.PACKETS_CONSUMED: KindRule("Escalation packets that are consumed or replied to", C.PACKET_VIEW),
    NoticeKind.DEFINITIONS: KindRule(
        "Definitions that wait for a decision", C.DEFINITION_DECIDE, frozenset({Role.GOVERNANCE_OWNER.value}), True
    ),
    NoticeKind.DEFINITIONS_MINE: KindRule("Decisions about definitions that you proposed", C.DEFINITION_VIEW, None),
    NoticeKind.BRAKES: KindRule("Pauses and circuit breakers", C.RUN_PAUSE),
    NoticeKind.WAVES: KindRule("Waves that stop themselves, or end with exceptions", C.RUN_VIEW, frozenset({NAMED})),
    NoticeKind.TASKS: KindRule(
        "Tasks that are refused, and outcomes that are not reported", C.RUN_START, everywhere=True
    ),
    NoticeKind.ACCOUNT: KindRule("Changes to how you show who you are: passkeys and codes", C.TENANT_VIEW, None),
    NoticeKind.AUDIT: KindRule(
        "Sealing of the audit log that fails", C.AUDIT_VIEW, frozenset({Role.AUDITOR.value}), everywhere=True
    ),
}


class Responsible(StrEnum):
    """Which responder is notified."""

    NOBODY = "nobody"
    EXCEPTION = "exception"  # the one that the exception packet is escalated to
    SIGNERS = "signers"  # the profile's signer groups
    HOLDS = "holds"  # the owners of open holds
    WAVE = "wave"  # the one that its packet is escalated to; if it has stopped runs
    HOUSE = "house"  # the installation's own


class Concerned(StrEnum):
    """Which people are notified, of those whose choice and scope it is."""

    EVERYBODY = "everybody"
    HOLDER = "holder"  # who has the exception packet
    TO_SIGN = "to-sign"  # who may sign the revision now
    HOLD_OWNERS = "hold-owners"
    VOTERS = "voters"  # who approved the revision
    PERSON = "person"  # whose account it is, also where they have done it themselves
    AUTHOR = "author"  # who proposed the definition, or asked for it back


@dataclass(frozen=True, slots=True)
class Rule:
    """``title`` names the subject by ``{subject}``. ``watch``: whether it begins or ends that somebody is reminded."""

    title: str
    people: tuple[tuple[Concerned, NoticeKind], ...]
    responsible: Responsible = Responsible.NOBODY
    urgent: bool = False


_ALL = Concerned.EVERYBODY
_REPLIED = ((Concerned.VOTERS, NoticeKind.PACKETS_SIGNED), (_ALL, NoticeKind.PACKETS_CONSUMED))
_OWN = ((Concerned.PERSON, NoticeKind.ACCOUNT),)
_ENDED = ((Concerned.VOTERS, NoticeKind.PACKETS_SIGNED), (_ALL, NoticeKind.PACKETS_STUCK))

RULES: Mapping[EventName, Rule] = {
    E.RUN_STOPPED: Rule(
        "A run stopped: {subject}", ((_ALL, NoticeKind.EXCEPTIONS),), Responsible.EXCEPTION, urgent=True
    ),
    E.EXCEPTION_NOT_TAKEN: Rule(
        "Nobody has taken {subject}", ((_ALL, NoticeKind.EXCEPTIONS_LATE),), Responsible.EXCEPTION, urgent=True
    ),
    E.EXCEPTION_ASSIGNED: Rule("{subject} is assigned to you", ((Concerned.HOLDER, NoticeKind.EXCEPTIONS_MINE),)),
    E.EXCEPTION_HANDED_BACK: Rule(
        "{subject} was handed back", ((_ALL, NoticeKind.EXCEPTIONS),), Responsible.EXCEPTION, urgent=True
    ),
    E.EXCEPTION_OVERDUE: Rule(
        "{subject} is overdue",
        ((Concerned.HOLDER, NoticeKind.EXCEPTIONS_MINE), (_ALL, NoticeKind.EXCEPTIONS_LATE)),
        Responsible.EXCEPTION,
        urgent=True,
    ),
    E.EXCEPTION_RESOLVED: Rule(
        "{subject} is resolved", ((_ALL, NoticeKind.EXCEPTIONS_RESOLVED),), Responsible.EXCEPTION
    ),
    E.PACKET_ASSEMBLED: Rule(
        "{subject} waits for you",
        ((Concerned.TO_SIGN, NoticeKind.PACKETS_TO_SIGN), (Concerned.HOLD_OWNERS, NoticeKind.PACKETS_HOLDS)),
        Responsible.SIGNERS,
    ),
    E.PACKET_REOPENED: Rule(
        "{subject} waits for an approval again", ((Concerned.TO_SIGN, NoticeKind.PACKETS_TO_SIGN),), Responsible.SIGNERS
    ),
    E.PACKET_SUPERSEDED: Rule(
        "{subject} was superseded after you approved it", ((Concerned.VOTERS, NoticeKind.PACKETS_SIGNED),)
    ),
    E.PACKET_EXPIRES_SOON: Rule(
        "{subject} expires soon",
        ((Concerned.TO_SIGN, NoticeKind.PACKETS_TO_SIGN), (_ALL, NoticeKind.PACKETS_STUCK)),
        Responsible.SIGNERS,
    ),
    E.PACKET_EXPIRED: Rule("{subject} has expired", _ENDED, Responsible.SIGNERS),
    E.PACKET_DELIVERY_REFUSED: Rule("The lane refused {subject}", _ENDED, Responsible.SIGNERS, urgent=True),
    E.PACKET_GIVEN_UP: Rule("{subject} could not be delivered", _ENDED, Responsible.SIGNERS, urgent=True),
    E.PACKET_ASSEMBLY_STOPPED: Rule("{subject} could not be assembled", ((_ALL, NoticeKind.PACKETS_STUCK),)),
    E.PACKET_CONSUMED: Rule("{subject} was consumed", ((_ALL, NoticeKind.PACKETS_CONSUMED),)),
    E.PACKET_REPLIED: Rule("The vendor replied to {subject}", _REPLIED),
    E.PACKET_UNWATCHED: Rule("Sources of {subject} can't be read while the vendor has it", _ENDED, Responsible.SIGNERS),
    E.PACKET_CONSUMED_STALE: Rule(
        "The vendor opened {subject} after its sources had changed", _ENDED, Responsible.SIGNERS, urgent=True
    ),
    E.PACKET_RECALL_REQUESTED: Rule("{subject} was recalled", _ENDED, Responsible.SIGNERS),
    E.DEFINITION_PROPOSED: Rule("Proposed: {subject}", ((_ALL, NoticeKind.DEFINITIONS),)),
    E.DEFINITION_RETURN_REQUESTED: Rule("Asked back: {subject}", ((_ALL, NoticeKind.DEFINITIONS),)),
    E.DEFINITION_APPROVED: Rule("Approved: {subject}", ((Concerned.AUTHOR, NoticeKind.DEFINITIONS_MINE),)),
    E.DEFINITION_REJECTED: Rule("Rejected: {subject}", ((Concerned.AUTHOR, NoticeKind.DEFINITIONS_MINE),)),
    E.DEFINITION_RETURNED: Rule("Active again: {subject}", ((Concerned.AUTHOR, NoticeKind.DEFINITIONS_MINE),)),
    E.DEFINITION_DEPRECATED: Rule("Deprecated: {subject}", ((Concerned.AUTHOR, NoticeKind.DEFINITIONS_MINE),)),
    E.BRAKE_APPLIED: Rule("Runs are paused: {subject}", ((_ALL, NoticeKind.BRAKES),), Responsible.HOUSE),
    E.BRAKE_RELEASED: Rule("Runs go on: {subject}", ((_ALL, NoticeKind.BRAKES),), Responsible.HOUSE),
    E.BREAKER_OPENED: Rule(
        "The circuit breaker of {subject} opened", ((_ALL, NoticeKind.BRAKES),), Responsible.HOUSE, urgent=True
    ),
    E.WAVE_STOPPED: Rule("{subject} has stopped itself", ((_ALL, NoticeKind.WAVES),), Responsible.WAVE, urgent=True),
    E.WAVE_COMPLETED: Rule("{subject} has ended", ((_ALL, NoticeKind.WAVES),), Responsible.WAVE),
    E.TASK_REFUSED: Rule("A task was refused", ((_ALL, NoticeKind.TASKS),), Responsible.HOUSE),
    E.RUN_REPORT_REFUSED: Rule(
        "The task system refused the outcome of {subject}", ((_ALL, NoticeKind.TASKS),), Responsible.HOUSE
    ),
    E.RUN_REPORT_STOPPED: Rule(
        "The outcome of {subject} was not reported", ((_ALL, NoticeKind.TASKS),), Responsible.HOUSE
    ),
    E.PASSKEY_ENROLLED: Rule("A passkey was enrolled for {subject}", _OWN),
    E.PASSKEY_CONFIRMED: Rule("A passkey of {subject} was confirmed", _OWN),
    E.PASSKEY_SUSPENDED: Rule("A passkey of {subject} was suspended", _OWN, urgent=True),
    E.PASSKEY_REMOVED: Rule("A passkey of {subject} was removed", _OWN, urgent=True),
    E.FACTOR_APP_ADDED: Rule("An authenticator app was added for {subject}", _OWN),
    E.FACTOR_APP_REMOVED: Rule("The authenticator app of {subject} was removed", _OWN, urgent=True),
    E.FACTOR_CODES_MADE: Rule("New recovery codes were made for {subject}", _OWN),
    E.FACTOR_CODE_USED: Rule("A recovery code of {subject} was used", _OWN, urgent=True),
    E.FACTOR_RESET: Rule("Passkeys and codes of {subject} were reset", _OWN, urgent=True),
    E.AUDIT_SEAL_REFUSED: Rule(
        "The audit log is not sealed any more", ((_ALL, NoticeKind.AUDIT),), Responsible.HOUSE, urgent=True
    ),
    E.AUDIT_WITNESS_REFUSED: Rule(
        "A witness refuses the audit log, or can't be trusted",
        ((_ALL, NoticeKind.AUDIT),),
        Responsible.HOUSE,
        urgent=True,
    ),
    E.AUDIT_TIMESTAMP_REFUSED: Rule(
        "A time stamp of the audit log is wrong", ((_ALL, NoticeKind.AUDIT),), Responsible.HOUSE
    ),
    E.AUDIT_QUORUM_MISSING: Rule(
        "The audit log lacks the cosignatures of its witnesses", ((_ALL, NoticeKind.AUDIT),), Responsible.HOUSE
    ),
}


def wants(kind: NoticeKind, roles: frozenset[str], chosen: bool | None) -> bool:
    """Whether somebody with ``roles`` is notified by e-mail of what concerns them. ``chosen``: what they have said."""
    if chosen is not None:
        return chosen
    default = KINDS[kind].roles
    return default is None or bool(default & roles)
