"""Waves as the actor may see them: how far they are, what came of their members, and why they stopped."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import Exists, OuterRef, Q, QuerySet

from handrail.access.actor import Actor
from handrail.access.capabilities import Capability
from handrail.access.guards import scoped
from handrail.access.refusals import Refusal, missing_capability
from handrail.access.snapshot import snapshot
from handrail.definitions.active import active_runbooks, compiled_runbook
from handrail.kernel.clock import now
from handrail.kernel.errors import Conflict, Fault, Invalid, NotFound
from handrail.kernel.hostile import is_storable
from handrail.runbooks import permissions
from handrail.runbooks.models import ExceptionPacket, OperationRun
from handrail.runbooks.states import WaveOrigin, WaveState
from handrail.runbooks.wavemodels import Wave, WaveStop
from handrail.runbooks.waves.rules import StopRule, WaveRules

PAGE = 50
FIRST = 20


@dataclass(frozen=True, slots=True)
class WaveCounts:
    """Tasks by how they stand, in the actor's scope. ``not_attempted``: given back, and not taken up again."""

    waiting: int = 0
    under_way: int = 0
    completed: int = 0
    exceptions: int = 0
    cancelled: int = 0
    not_attempted: int = 0

    @property
    def total(self) -> int:
        return self.remaining + self.under_way + self.ended

    @property
    def ended(self) -> int:
        return self.completed + self.exceptions + self.cancelled

    @property
    def remaining(self) -> int:
        """What was not begun."""
        return self.waiting + self.not_attempted


@dataclass(frozen=True, slots=True)
class WaveSummary:
    """``round`` is counted from 1; ``canary``: it is a canary. ``changed_*``: who last started, paused, resumed or
    abandoned it, and why; None where nobody has. ``stops``: how often it has stopped itself."""

    ref: str
    event: str
    runbook: str
    version: int
    origin: WaveOrigin
    state: WaveState
    at: datetime
    by: str
    counts: WaveCounts
    round: int
    canary: bool
    stops: int
    changed_at: datetime | None
    changed_by: str
    change_reason: str
    finished_at: datetime | None

    @property
    def ended(self) -> bool:
        return self.finished_at is not None

    @property
    def share_ended(self) -> float:
        """Of its tasks, from 0 to 1."""
        return self.counts.ended / self.counts.total if self.counts.total else 0.0


@dataclass(frozen=True, slots=True)
class WaveReason:
    """Why so many members stopped."""

    cause: str
    reason: str
    count: int


@dataclass(frozen=True, slots=True)
class WaveException:
    """One of the first members that stopped."""

    ref: str
    run: str
    tenant: str
    tenant_name: str
    reason: str
    at: datetime
    handling: str


@dataclass(frozen=True, slots=True)
class WavePacket:
    """What the responder gets when the wave stops itself: the rule, what it had counted, the first exceptions
    in the actor's scope."""

    number: int
    at: datetime
    rule: str
    reason: str
    message: str
    escalate_to: str
    counts: dict[str, Any]
    exceptions: tuple[dict[str, str], ...]


@dataclass(frozen=True, slots=True)
class WaveDetail:
    """``estimated_end``: at the pace since it began or went on; None where there is none yet, or nothing goes on."""

    summary: WaveSummary
    rules: WaveRules
    reasons: tuple[WaveReason, ...]
    first_exceptions: tuple[WaveException, ...]
    packets: tuple[WavePacket, ...]
    estimated_end: datetime | None
    why_not_pause: Refusal | None
    why_not_resume: Refusal | None
    why_not_abandon: Refusal | None


@dataclass(frozen=True, slots=True)
class WavesStopped:
    """How waves stopped themselves: ``stops`` times, ``in_time`` of them before everything had begun; ``invoked`` runs
    had begun by then, and ``spared`` had not."""

    waves: int
    stops: int
    in_time: int
    invoked: int
    spared: int


@dataclass(frozen=True, slots=True)
class StartableRunbook:
    """An active runbook, and by what its waves are carried at most."""

    name: str
    version: int
    title: str
    rules: WaveRules


@snapshot()
def list_waves(
    actor: Actor, *, state: str = "", after: str = "", ended: bool = True, limit: int = PAGE
) -> list[WaveSummary]:
    """Waves that have a member in the actor's scope, newest first. ``after``: the reference of the last one of the
    page before. Raises Denied; Invalid for a state or wave that there is none of."""
    actor.require(Capability.RUN_VIEW)
    rows = visible(actor).select_related("definition").order_by("-at", "-pk")
    if state:
        if state not in set(WaveState):
            known = ", ".join(WaveState)
            raise Invalid("There is no such state.", code="unknown-filter", faults=[Fault("state", f"one of: {known}")])
        rows = rows.filter(state=state)
    if not ended:
        rows = rows.filter(finished_at=None)
    if after:
        last = visible(actor).filter(ref=after).first() if is_storable(after) else None
        if last is None:
            fault = Fault("after", "no wave of your scope")
            raise Invalid("There is no such wave.", code="unknown-filter", faults=[fault])
        rows = rows.filter(Q(at__lt=last.at) | Q(at=last.at, pk__lt=last.pk))
    found = list(rows[: max(1, min(limit, 500))])
    counts = _counts(actor, [wave.ref for wave in found])
    return [_summary(wave, counts.get(wave.ref, WaveCounts())) for wave in found]


@snapshot()
def get_wave(actor: Actor, ref: str) -> WaveDetail:
    """One wave that has a member in the actor's scope. Raises NotFound, Denied."""
    wave = visible(actor).select_related("definition").filter(ref=ref).first()
    if wave is None:
        raise NotFound
    actor.require(Capability.RUN_VIEW)
    summary = _summary(wave, _counts(actor, [ref]).get(ref, WaveCounts()))
    return WaveDetail(
        summary=summary,
        rules=WaveRules.from_json(wave.rules),
        reasons=_reasons(actor, wave),
        first_exceptions=_first_exceptions(actor, wave),
        packets=_packets(actor, wave),
        estimated_end=_estimated_end(actor, wave, summary),
        why_not_pause=permissions.why_not_steer(actor, wave, WaveState.PAUSED),
        why_not_resume=permissions.why_not_steer(actor, wave, WaveState.RUNNING),
        why_not_abandon=permissions.why_not_steer(actor, wave, WaveState.ABANDONED),
    )


def find_waves(actor: Actor, text: str, *, limit: int) -> list[WaveSummary]:
    """Waves with this reference, or of this event, that have a member in the actor's scope, newest first. Raises
    Denied."""
    actor.require(Capability.RUN_VIEW)
    rows = visible(actor).filter(Q(ref=text.upper()) | Q(event=text)).select_related("definition")
    return [_summary(wave, WaveCounts()) for wave in rows.order_by("-at", "-pk")[:limit]]


def named_waves(actor: Actor, refs: Collection[str]) -> list[WaveSummary]:
    """Those of ``refs`` that have a member in the actor's scope, without counts. Raises Denied."""
    actor.require(Capability.RUN_VIEW)
    return [_summary(wave, WaveCounts()) for wave in visible(actor).filter(ref__in=refs).select_related("definition")]


def get_state(actor: Actor, ref: str) -> WaveState:
    """How the wave stands now, for one who may steer it: a token for that alone sees what it has done.

    Raises NotFound.
    """
    wave = visible(actor).filter(ref=ref).first()
    if wave is None:
        raise NotFound
    return WaveState(wave.state)


def visible(actor: Actor) -> QuerySet[Wave]:
    """The waves of the actor's workspace: for who is entitled to some tenants only, those with a member of theirs."""
    rows = Wave.objects.filter(workspace_id=actor.workspace_id)
    if actor.tenant_ids is None:
        return rows
    return rows.filter(Exists(scoped(actor, OperationRun.objects.filter(wave=OuterRef("ref")))))


def why_not_start(actor: Actor) -> Refusal | None:
    """Why the actor may not start a wave; None where they may."""
    return missing_capability(actor, Capability.WAVE_START)


def list_startable(actor: Actor) -> list[StartableRunbook]:
    """The active runbooks of the actor's workspace, by name, for one who may start waves."""
    actor.require(Capability.WAVE_START)
    found = []
    for definition in active_runbooks(actor.workspace_id):
        try:
            rules = WaveRules.of(compiled_runbook(definition).spec.waves)
        except (Invalid, Conflict):
            continue  # it can't be followed, so nothing of it is started
        found.append(StartableRunbook(definition.name, definition.version, definition.title, rules))
    return found


@snapshot()
def stopped_in_time(actor: Actor, *, since: datetime, until: datetime) -> WavesStopped:
    """Of the whole workspace, of stops from ``since`` and before ``until``. Raises Denied."""
    actor.require_everywhere(Capability.EVALUATION_VIEW)
    rows = WaveStop.objects.filter(workspace_id=actor.workspace_id, at__gte=since, at__lt=until)
    found = list(rows.values_list("wave", "counts"))
    spared = [int(counts["not_attempted"]) for _, counts in found]
    invoked = [int(counts["completed"] + counts["exceptions"] + counts["under_way"]) for _, counts in found]
    return WavesStopped(
        waves=len({wave for wave, _ in found}),
        stops=len(found),
        in_time=sum(1 for count in spared if count),
        invoked=sum(invoked),
        spared=sum(spared),
    )


_COUNTS = """
SELECT run.wave_id,
       count(*) FILTER (WHERE run.finished_at IS NULL AND run.wave_round IS NULL),
       count(*) FILTER (WHERE run.finished_at IS NULL AND run.wave_round IS NOT NULL),
       count(*) FILTER (WHERE run.state = 'completed'),
       count(*) FILTER (WHERE run.state = 'exception'),
       count(*) FILTER (WHERE run.state = 'cancelled' AND run.not_attempted IS NULL),
       count(DISTINCT (run.task_key, run.tenant_id)) FILTER (WHERE run.not_attempted AND NOT EXISTS (
           SELECT FROM runbooks_operationrun AS again
           WHERE again.workspace_id = run.workspace_id AND again.task_key = run.task_key
             AND again.runbook = run.runbook AND again.task_version = run.task_version
             AND again.tenant_id = run.tenant_id AND again.made_here = run.made_here
             AND again.not_attempted IS NULL))
FROM runbooks_operationrun AS run
WHERE run.wave_id = ANY(%(waves)s) AND (%(tenants)s::bigint[] IS NULL OR run.tenant_id = ANY(%(tenants)s))
GROUP BY 1"""


def _counts(actor: Actor, refs: Sequence[str]) -> dict[str, WaveCounts]:
    if not refs:
        return {}
    tenants = None if actor.tenant_ids is None else sorted(actor.tenant_ids)
    with connection.cursor() as cursor:
        cursor.execute(_COUNTS, {"waves": list(refs), "tenants": tenants})
        return {ref: WaveCounts(*counts) for ref, *counts in cursor.fetchall()}


def _summary(wave: Wave, counts: WaveCounts) -> WaveSummary:
    return WaveSummary(
        ref=wave.ref,
        event=wave.event,
        runbook=wave.runbook,
        version=wave.definition.version,
        origin=WaveOrigin(wave.origin),
        state=WaveState(wave.state),
        at=wave.at,
        by=wave.by,
        counts=counts,
        round=wave.round + 1,
        canary=wave.round == wave.canary_round,
        stops=wave.stops,
        changed_at=wave.changed_at,
        changed_by=wave.changed_by,
        change_reason=wave.change_reason,
        finished_at=wave.finished_at,
    )


def _stopped_of(actor: Actor, wave: Wave) -> QuerySet[ExceptionPacket]:
    return scoped(actor, ExceptionPacket.objects.filter(run__wave=wave))


def _reasons(actor: Actor, wave: Wave) -> tuple[WaveReason, ...]:
    counted: dict[tuple[str, str], int] = {}
    for cause, reason in _stopped_of(actor, wave).values_list("cause", "reason"):
        counted[cause, reason] = counted.get((cause, reason), 0) + 1
    found = [WaveReason(cause, reason, count) for (cause, reason), count in counted.items()]
    return tuple(sorted(found, key=lambda one: (-one.count, one.reason)))


def _first_exceptions(actor: Actor, wave: Wave) -> tuple[WaveException, ...]:
    rows = _stopped_of(actor, wave).select_related("run", "tenant").order_by("at", "pk")[:FIRST]
    return tuple(
        WaveException(row.ref, row.run.ref, row.tenant.key, row.tenant.name, row.reason, row.at, row.handling)
        for row in rows
    )


# What a packet says to who is entitled to some tenants only: its own words count runs of all.
_WITHOUT_COUNTS = {
    StopRule.BOUNDARY: "A run stopped at a boundary, or changed more than it may.",
    StopRule.SAME_REASON: "Too many runs stopped for the same reason.",
    StopRule.SHARE: "Too many of the runs that ended stopped.",
}


def _packets(actor: Actor, wave: Wave) -> tuple[WavePacket, ...]:
    seen = set(_stopped_of(actor, wave).values_list("ref", flat=True))
    return tuple(
        WavePacket(
            number=row.number,
            at=row.at,
            rule=row.rule,
            reason=row.reason,
            message=row.message if actor.tenant_ids is None else _WITHOUT_COUNTS[StopRule(row.rule)],
            escalate_to=row.escalate_to,
            counts=row.counts if actor.tenant_ids is None else {},
            exceptions=tuple(one for one in row.exceptions if one["exception"] in seen),
        )
        for row in wave.stopped.order_by("-number")
    )


def _estimated_end(actor: Actor, wave: Wave, summary: WaveSummary) -> datetime | None:
    counts = summary.counts
    left = counts.remaining + counts.under_way
    if wave.state != WaveState.RUNNING or not left:
        return None
    began = max(wave.counted_from, wave.changed_at or wave.at)
    members = scoped(actor, OperationRun.objects.filter(wave=wave, admitted_at__gte=began))
    ended = members.filter(finished_at__isnull=False).count()
    first = members.order_by("admitted_at").values_list("admitted_at", flat=True).first()
    if not ended or first is None:
        return None
    at = now()
    return at + (at - first) / ended * left
