"""Exception packets as the actor may see them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, F, Min, Q, QuerySet

from handrail.access import queries as access
from handrail.access.actor import Actor
from handrail.access.capabilities import Capability
from handrail.access.guards import get_scoped, scoped, tenants_of
from handrail.access.refusals import Refusal
from handrail.access.snapshot import snapshot
from handrail.kernel.clock import now
from handrail.kernel.errors import Fault, Invalid
from handrail.kernel.hostile import is_storable
from handrail.runbooks import accounts, fence, outcomes, permissions, sealing
from handrail.runbooks.models import ExceptionPacket
from handrail.runbooks.queries import follow_ups, rereadings
from handrail.runbooks.queries.follow_ups import FollowUpChoice, StartedFollowUp
from handrail.runbooks.queries.rereadings import Reread
from handrail.runbooks.queries.runs import PAGE
from handrail.runbooks.sealing import ErasedRun
from handrail.runbooks.states import ExceptionCause, Handling, NoteKind

UNRESOLVED, MINE, UNASSIGNED = "unresolved", "mine", "unassigned"
NEWEST, OLDEST, DUE = "newest", "oldest", "due"
LATE, NO_DUE = "late", "none"
HANDLINGS = (UNRESOLVED, *(handling.value for handling in Handling))
SORTS = (NEWEST, OLDEST, DUE)
TEXT_LIMIT = 128
# Groups, and people who have packets, that are listed; more would not be read.
GROUPS, OWNERS = 200, 100
_AGE = re.compile(r"([1-9][0-9]{0,3})([mhd])")
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}


@dataclass(frozen=True, slots=True)
class ExceptionSummary:
    """``due_at``: until when it should be resolved; None where its runbook doesn't say. ``is_late``: it is later than
    that, and unresolved. ``outcome``: the code of what became of it; empty before it is resolved."""

    ref: str
    run: str
    runbook: str
    tenant: str
    tenant_name: str
    at: datetime
    cause: str
    reason: str
    message: str
    escalate_to: str
    handling: Handling
    taken_by: str | None
    due_at: datetime | None = None
    is_late: bool = False
    outcome: str = ""
    wave: str | None = None


@dataclass(frozen=True, slots=True)
class NoteOnException:
    """What somebody wrote before the packet was resolved. Of kind ``handed-back``, they gave it back with that."""

    at: datetime
    by: str
    kind: NoteKind
    text: str


@dataclass(frozen=True, slots=True)
class ExceptionGroup:
    """How many packets of one runbook (all its versions) stopped for one reason, and how many of them nobody has."""

    runbook: str
    reason: str
    count: int
    unassigned: int
    oldest: datetime


@dataclass(frozen=True, slots=True)
class ExceptionDetail:
    """``fields``: what the definition lets the packet carry. ``evidence``: the readings that decided. ``attempts``:
    what was tried, each with its result class and reason. ``account``: whether something changed outside, before and
    after side by side, the calls and the next action (see ``runbooks.account``); empty for older packets. ``fenced``:
    the runs that don't act while this packet is unresolved. ``notes``: what people wrote before it was resolved, the
    oldest first. ``assignable``: the people that the actor may give it to; empty where they may not. ``outcomes``: what
    may become of it, title by code; ``outcome_title``: what did. ``follow_ups``: the runs that were started from it;
    ``follow_up_choices``: those that its runbook names. ``reread``: its sources as they were read last, by a person."""

    summary: ExceptionSummary
    checkpoint: str
    step: str
    task: str
    subject: str
    definition_digest: str
    fields: dict[str, Any]
    evidence: list[dict[str, Any]]
    attempts: list[dict[str, Any]]
    account: dict[str, Any]
    fenced: list[str]
    taken_at: datetime | None
    resolved_at: datetime | None
    resolved_by: str | None
    note: str
    notes: list[NoteOnException]
    assignable: list[str]
    outcomes: dict[str, str]
    outcome_title: str
    follow_ups: list[StartedFollowUp]
    follow_up_choices: list[FollowUpChoice]
    reread: Reread | None
    erased: ErasedRun | None
    why_not_read_again: Refusal | None
    why_not_note: Refusal | None
    why_not_hand_back: Refusal | None
    why_not_assign: Refusal | None
    why_not_take: Refusal | None
    why_not_take_over: Refusal | None
    why_not_resolve: Refusal | None


@dataclass(frozen=True, slots=True)
class ExceptionFilter:
    """Empty texts filter nothing. ``handling``: one of HANDLINGS. ``owner``: mine, unassigned, or the e-mail address of
    the person who has it (had it, when it was resolved). ``older_than``: a number and m, h or d, such as 4h.
    ``cause``, one of ``ExceptionCause``, ``reason``, ``runbook`` and ``task`` match whole. ``text`` is looked for in
    the references of packet and run, the task's key, the subject and the message. ``due``: ``late``; a time, such as
    4h, for those that are late by then; or ``none``, those without a due time.

    ``sort``: newest or oldest first, or what is due first. ``after`` goes on behind the packet with that reference, in
    that order, so that packets of one moment are neither lost nor shown twice. ``before``: only packets written before
    it.
    """

    handling: str = ""
    tenant: str = ""
    owner: str = ""
    older_than: str = ""
    cause: str = ""
    reason: str = ""
    runbook: str = ""
    task: str = ""
    text: str = ""
    due: str = ""
    sort: str = NEWEST
    after: str = ""
    before: datetime | None = None
    limit: int = PAGE


def list_exceptions(actor: Actor, wanted: ExceptionFilter | None = None) -> list[ExceptionSummary]:
    """Exception packets in the actor's scope, newest first unless ``wanted`` says otherwise.

    Raises Denied without ``exception:view``, Invalid for a filter that can't be one, with a fault for each.
    """
    wanted = wanted or ExceptionFilter()
    rows = _wanted(actor, wanted).select_related("tenant", "run", "run__definition")
    order: tuple[Any, ...] = ("at", "pk") if wanted.sort == OLDEST else ("-at", "-pk")
    if wanted.sort == DUE:
        order = (F("due_at").asc(nulls_last=True), "pk")
    return [_exception(row) for row in _behind(rows, actor, wanted).order_by(*order)[: min(wanted.limit, 501)]]


def count_exceptions(actor: Actor, wanted: ExceptionFilter) -> int:
    """How many there are, whatever ``wanted.limit`` and ``after``. Raises as above."""
    return _wanted(actor, wanted).count()


def group_exceptions(actor: Actor, wanted: ExceptionFilter | None = None) -> list[ExceptionGroup]:
    """Those that ``list_exceptions`` lists, on all its pages, by runbook and reason: the largest groups first, GROUPS
    at most. Raises as above."""
    groups = _wanted(actor, wanted or ExceptionFilter()).values("run__runbook", "reason").order_by()
    counted = groups.annotate(
        count=Count("pk"), unassigned=Count("pk", filter=Q(handling=Handling.OPEN)), oldest=Min("at")
    ).order_by("-count", "run__runbook", "reason")
    return [
        ExceptionGroup(row["run__runbook"], row["reason"], row["count"], row["unassigned"], row["oldest"])
        for row in counted[:GROUPS]
    ]


def list_owners(actor: Actor) -> list[str]:
    """Who has unresolved packets in the actor's scope, by e-mail address. Raises Denied without ``exception:view``."""
    rows = _wanted(actor, ExceptionFilter(handling=Handling.TAKEN))
    names = rows.order_by("taken_by").values_list("taken_by", flat=True).distinct()[:OWNERS]
    return [name for name in names if name is not None]


@snapshot()
def get_exception(actor: Actor, ref: str) -> ExceptionDetail:
    """One exception packet. Raises NotFound, Denied."""
    packet = get_scoped(actor, _exceptions(actor), Capability.EXCEPTION_VIEW, ref=ref)
    return ExceptionDetail(
        summary=_exception(packet),
        checkpoint=packet.checkpoint,
        step=packet.step,
        task=packet.run.task_key,
        subject=packet.run.subject,
        definition_digest=packet.run.definition_digest,
        fields=packet.fields,
        evidence=packet.evidence,
        attempts=packet.attempts,
        account=accounts.of(packet.run),
        fenced=fence.fenced_by(packet.run),
        taken_at=packet.taken_at,
        resolved_at=packet.resolved_at,
        resolved_by=packet.resolved_by,
        note=packet.note,
        notes=[NoteOnException(one.at, one.by, NoteKind(one.kind), one.text) for one in packet.notes.order_by("pk")],
        assignable=_assignable(actor, packet),
        outcomes=dict(outcomes.known(packet.run)),
        outcome_title=outcomes.title(packet.run, packet.outcome) if packet.outcome else "",
        follow_ups=follow_ups.started(packet),
        follow_up_choices=follow_ups.choices(actor, packet),
        reread=rereadings.latest(packet),
        erased=sealing.erased(packet.tenant_id, packet.run.ref),
        why_not_read_again=permissions.why_not_read_again(actor, packet),
        why_not_note=permissions.why_not_note(actor, packet),
        why_not_hand_back=permissions.why_not_hand_back(actor, packet),
        why_not_assign=permissions.why_not_assign(actor, packet),
        why_not_take=permissions.why_not_take(actor, packet),
        why_not_take_over=permissions.why_not_take_over(actor, packet),
        why_not_resolve=permissions.why_not_resolve(actor, packet),
    )


def _assignable(actor: Actor, packet: ExceptionPacket) -> list[str]:
    if permissions.why_not_assign(actor, packet) is not None:
        return []
    able = access.list_colleagues(actor, Capability.EXCEPTION_TAKE, packet.tenant_id)
    return [name for name in able if name not in (actor.name, packet.taken_by)]


def _wanted(actor: Actor, wanted: ExceptionFilter) -> QuerySet[ExceptionPacket]:
    actor.require(Capability.EXCEPTION_VIEW)
    if faults := _faults(actor, wanted):
        raise Invalid("The list can't be filtered like this.", faults=faults)
    rows = scoped(actor, ExceptionPacket.objects.all())
    exact = {
        "handling": "" if wanted.handling == UNRESOLVED else wanted.handling,
        "tenant__key": wanted.tenant,
        "cause": wanted.cause,
        "reason": wanted.reason,
        "run__runbook": wanted.runbook,
        "run__task_key": wanted.task,
    }
    rows = rows.filter(**{name: value for name, value in exact.items() if value})
    if wanted.handling == UNRESOLVED:
        rows = rows.exclude(handling=Handling.RESOLVED)
    if wanted.owner:
        rows = rows.filter(taken_by=_owner(actor, wanted.owner))
    if age := _AGE.fullmatch(wanted.older_than):
        rows = rows.filter(at__lte=now() - int(age[1]) * _UNITS[age[2]])
    if wanted.due:
        rows = _due(rows, wanted.due)
    if wanted.text:
        places = ("ref", "run__ref", "run__task_key", "run__subject", "message")
        anywhere = [Q(**{f"{place}__icontains": wanted.text}) for place in places]
        rows = rows.filter(Q(*anywhere, _connector=Q.OR))
    return rows if wanted.before is None else rows.filter(at__lt=wanted.before)


def _due(rows: QuerySet[ExceptionPacket], asked: str) -> QuerySet[ExceptionPacket]:
    if asked == NO_DUE:
        return rows.filter(due_at=None)
    by = now()
    if age := _AGE.fullmatch(asked):
        by += int(age[1]) * _UNITS[age[2]]
    return rows.filter(due_at__lte=by).exclude(handling=Handling.RESOLVED)


def _owner(actor: Actor, asked: str) -> str | None:
    return {MINE: actor.name, UNASSIGNED: None}.get(asked, asked)


def _behind(rows: QuerySet[ExceptionPacket], actor: Actor, wanted: ExceptionFilter) -> QuerySet[ExceptionPacket]:
    """Those of ``rows`` that come after ``wanted.after`` in the order of the list. Raises Invalid."""
    if not wanted.after:
        return rows
    last = scoped(actor, ExceptionPacket.objects.filter(ref=wanted.after)).values_list("at", "pk", "due_at").first()
    if last is None:
        fault = Fault("after", "the reference of the last exception packet of a list, EXC-…")
        raise Invalid("The list can't go on from there.", faults=[fault])
    at, pk, due_at = last
    if wanted.sort == DUE:
        without = Q(due_at=None, pk__gt=pk)
        return rows.filter(
            without if due_at is None else Q(due_at__gt=due_at) | Q(due_at=due_at, pk__gt=pk) | Q(due_at=None)
        )
    if wanted.sort == OLDEST:
        return rows.filter(Q(at__gt=at) | Q(at=at, pk__gt=pk))
    return rows.filter(Q(at__lt=at) | Q(at=at, pk__lt=pk))


def _faults(actor: Actor, wanted: ExceptionFilter) -> list[Fault]:
    """What of ``wanted`` can't be a filter, in words: nothing that was asked for is left out silently."""
    given = {
        name: getattr(wanted, name)
        for name in (
            *("handling", "tenant", "owner", "older_than", "due"),
            *("cause", "reason", "runbook", "task", "text", "sort"),
        )
    }
    known = {"handling": HANDLINGS, "cause": tuple(ExceptionCause), "sort": SORTS}
    faults = [
        Fault(name, f"one of: {', '.join(known[name])}")
        for name in known
        if given[name] and given[name] not in known[name]
    ]
    owner = given["owner"]
    if owner and owner not in (MINE, UNASSIGNED) and "@" not in owner:
        faults.append(Fault("owner", f"{MINE}, {UNASSIGNED} or a member's e-mail address"))
    if given["older_than"] and _AGE.fullmatch(given["older_than"]) is None:
        faults.append(Fault("older_than", "a number and m, h or d: 30m, 4h or 7d"))
    if given["due"] not in ("", LATE, NO_DUE) and _AGE.fullmatch(given["due"]) is None:
        faults.append(Fault("due", f"{LATE}, {NO_DUE} or a number and m, h or d: 4h for what is late in four hours"))
    if given["tenant"] and is_storable(given["tenant"]) and not tenants_of(actor).filter(key=given["tenant"]).exists():
        faults.append(Fault("tenant", "the key of a tenant that you have access to"))
    odd = [name for name, value in (*given.items(), ("after", wanted.after)) if not is_storable(value)]
    faults += [Fault(name, "text without U+0000") for name in odd]
    long = [name for name, value in given.items() if len(value) > (254 if name == "owner" else TEXT_LIMIT)]
    return faults + [Fault(name, f"at most {TEXT_LIMIT} characters") for name in long]


def _exceptions(actor: Actor) -> QuerySet[ExceptionPacket]:
    return scoped(actor, ExceptionPacket.objects.select_related("tenant", "run", "run__definition"))


def _exception(packet: ExceptionPacket) -> ExceptionSummary:
    return ExceptionSummary(
        ref=packet.ref,
        run=packet.run.ref,
        runbook=packet.run.definition.name,
        tenant=packet.tenant.key,
        tenant_name=packet.tenant.name,
        at=packet.at,
        cause=packet.cause,
        reason=packet.reason,
        message=packet.message,
        escalate_to=packet.escalate_to,
        handling=Handling(packet.handling),
        wave=packet.run.wave_id,
        taken_by=packet.taken_by,
        due_at=packet.due_at,
        is_late=packet.due_at is not None and packet.handling != Handling.RESOLVED and packet.due_at <= now(),
        outcome=packet.outcome or "",
    )
