"""Brings a wave to where its members say that it is: it stops, begins members, completes, gives back or takes up again.

Any worker may do this at any time, twice or late: it is decided under the lock of the wave's row, by what its members
are at that moment, and written in the same transaction. It is done when a member ends, and now and then by a duty.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

from django.db import OperationalError, connection, transaction
from django.db.models import F
from django.db.models.functions import Now
from psycopg.errors import SerializationFailure

from handrail.access.actor import Actor
from handrail.audit.actions import record
from handrail.audit.events import EventName, EventOutcome
from handrail.definitions.active import compiled_runbook
from handrail.definitions.runbook.compiled import CompiledRunbook
from handrail.kernel.canonical import digest
from handrail.kernel.clock import now
from handrail.kernel.errors import Conflict, Invalid
from handrail.runbooks.engine.statements import MEMBER_WAITS
from handrail.runbooks.models import ExceptionPacket
from handrail.runbooks.states import WaveOrigin, WaveState
from handrail.runbooks.wavemodels import Wave, WaveStop
from handrail.runbooks.waves import facts as counting
from handrail.runbooks.waves import returning, rules
from handrail.runbooks.waves.rules import StopVerdict, WaveFacts, WaveRules
from handrail.work.wake import wake

T = TypeVar("T")
FIRST_EXCEPTIONS = 20
# Where transactions are REPEATABLE READ or stricter, of those that meet at a wave one gets through each time.
_MEETINGS = 50
# Materialised: a subquery would be run again for each row that it is joined with, and name further members each time.
_BEGIN = """
WITH first AS MATERIALIZED (
    SELECT id FROM runbooks_operationrun
    WHERE wave_id = %(wave)s AND wave_round IS NULL AND finished_at IS NULL
    ORDER BY wave_place, id LIMIT %(count)s FOR UPDATE SKIP LOCKED)
UPDATE runbooks_operationrun AS run
SET wave_round = %(round)s, admitted_at = clock_timestamp(), due_at = clock_timestamp(), held_by = NULL,
    failures = greatest(run.failures - 1, 0)
FROM first WHERE run.id = first.id"""
# A worker that has such a run leased loses it so, and can write no intent.
_HOLD = f"""
UPDATE runbooks_operationrun
SET wave_round = NULL, admitted_at = NULL, due_at = clock_timestamp() + interval '{MEMBER_WAITS}', held_by = NULL,
    failures = greatest(failures - 1, 0)
WHERE wave_id = %(wave)s AND state IN ('received', 'checking') AND wave_round IS NOT NULL"""  # noqa: S608 - a constant


def locked(wave: int | str) -> Wave | None:
    """The wave with this id or reference, None where there is none. Nobody else changes it until the caller's
    transaction ends."""
    key = {"ref": wave} if isinstance(wave, str) else {"pk": wave}
    return Wave.objects.select_for_update(of=("self",)).select_related("definition").filter(**key).first()


def undisturbed(act: Callable[[], T]) -> T:
    """``act``, a transaction about a wave; again where another one has changed the wave since it began."""
    for last in (*[False] * _MEETINGS, True):
        try:
            return act()
        except OperationalError as error:
            if last or connection.in_atomic_block or not isinstance(error.__cause__, SerializationFailure):
                raise
            time.sleep(random.uniform(0.0, 0.02))  # noqa: S311 - only so that not all try at once
    raise AssertionError("the loop returns or raises")


def settle(key: int | str, *, by: Actor) -> bool:
    """Does what is to be done for the wave ``key`` now, in a transaction of its own. Whether more is to be done.

    In the scope of its whole workspace.
    """
    with transaction.atomic():
        wave = locked(key)
        if wave is None or not wave.unsettled:
            return False
        if wave.state == WaveState.RUNNING:
            return _advance(wave, by)
        if wave.state == WaveState.PAUSED:
            _settled(wave)
            return False
        more = returning.give_back(wave, by=by, why=why_returned(wave))
        if not more and wave.state != WaveState.STOPPED:  # further tasks of its event may come, and go back too
            _settled(wave)
        return more


def hold_members(wave: Wave) -> int:
    """Keeps the members that were let begin from beginning, where they have called nothing yet. How many."""
    with connection.cursor() as cursor:
        cursor.execute(_HOLD, {"wave": wave.ref})
        return int(cursor.rowcount)


def why_returned(wave: Wave) -> str:
    """In a sentence, for those that a task goes back to."""
    if wave.state == WaveState.ABANDONED:
        return f"{wave.changed_by} abandoned its wave: {wave.change_reason}"
    last = wave.stopped.order_by("-number").first()
    return f"Its wave stopped itself. {last.message if last else ''}".strip()


def _advance(wave: Wave, by: Actor) -> bool:
    limits, found = WaveRules.from_json(wave.rules), counting.read(wave)
    runbook = _runbook(wave)
    verdict = rules.why_stop(limits, found, runbook.overreaching if runbook else frozenset())
    if verdict is not None:
        _stop(wave, verdict, found, by, escalate_to=escalated_to(wave))
        return True
    more = False
    if found.returned and (taken := returning.take_up(wave, by=by)):
        more, found = taken == returning.BATCH, counting.read(wave)
    if rules.is_round_over(limits, found, canary=wave.round == wave.canary_round):
        wave.round += 1
        Wave.objects.filter(pk=wave.pk).update(round=wave.round)
        found = counting.read(wave)
    _begin(wave, rules.admissible(limits, found, canary=wave.round == wave.canary_round))
    if found.waiting == found.open == found.returned == 0 and _expects_none(wave, limits, found):
        _complete(wave, by, escalate_to=escalated_to(wave))
    return more


def _runbook(wave: Wave) -> CompiledRunbook | None:
    """None where the definition can't be followed: then neither can the members, and each says so."""
    try:
        return compiled_runbook(wave.definition)
    except (Invalid, Conflict):
        return None


def escalated_to(wave: Wave) -> str:
    """The responder that the runbook names; its owner where it can't be followed."""
    runbook = _runbook(wave)
    return runbook.escalate_to if runbook else wave.definition.owner


def _begin(wave: Wave, count: int) -> None:
    if count:
        with connection.cursor() as cursor:
            cursor.execute(_BEGIN, {"wave": wave.ref, "round": wave.round, "count": count})
        # Those that wait for this row must not decide by members as they were before.
        Wave.objects.filter(pk=wave.pk).update(round=F("round"))
        wake("run")


def _expects_none(wave: Wave, limits: WaveRules, found: WaveFacts) -> bool:
    if wave.origin == WaveOrigin.PERSON:
        return True
    since = max(filter(None, (wave.at, wave.changed_at, found.joined_at)))
    return now() > since + timedelta(seconds=limits.stays_open_seconds)


def _stop(wave: Wave, verdict: StopVerdict, found: WaveFacts, by: Actor, *, escalate_to: str) -> None:
    """One packet and one event, for the responder of the runbook. What has called nothing does not begin any more."""
    held = hold_members(wave)
    wave.state, wave.stops = WaveState.STOPPED, wave.stops + 1
    Wave.objects.filter(pk=wave.pk).update(state=wave.state, stops=wave.stops, unsettled=True)
    whole = counting.read(wave, since=wave.at)
    counts = {
        "completed": whole.completed,
        "exceptions": whole.stopped,
        "under_way": found.open - held,
        "not_attempted": found.waiting + held,
        "reasons": [[one.cause, one.reason, one.count] for one in whole.reasons[:FIRST_EXCEPTIONS]],
    }
    packet = WaveStop.objects.create(
        workspace_id=wave.workspace_id,
        wave=wave,
        number=wave.stops,
        at=now(),
        rule=verdict.rule,
        reason=verdict.reason,
        message=verdict.message[:500],
        escalate_to=escalate_to[:120],
        counts=counts,
        exceptions=_first_exceptions(wave),
    )
    record(
        EventName.WAVE_STOPPED,
        by=by,
        subject_kind="wave",
        subject=wave.ref,
        outcome=EventOutcome.FAILED,
        number=packet.number,
        rule=packet.rule,
        reason=packet.reason or None,
        escalate_to=packet.escalate_to,
        completed=whole.completed,
        exceptions=whole.stopped,
        not_attempted=counts["not_attempted"],  # type: ignore[arg-type]
        packet=digest({"counts": counts, "exceptions": packet.exceptions, "message": packet.message}),
    )


def _first_exceptions(wave: Wave) -> list[dict[str, str]]:
    rows = ExceptionPacket.objects.filter(run__wave=wave, at__gte=wave.counted_from).order_by("at", "pk")
    found = rows.values_list("ref", "run__ref", "cause", "reason")[:FIRST_EXCEPTIONS]
    return [dict(zip(("exception", "run", "cause", "reason"), row, strict=True)) for row in found]


def _complete(wave: Wave, by: Actor, *, escalate_to: str) -> None:
    Wave.objects.filter(pk=wave.pk).update(state=WaveState.COMPLETED, finished_at=Now(), unsettled=False)
    whole = counting.read(wave, since=wave.at)
    record(
        EventName.WAVE_COMPLETED,
        by=by,
        subject_kind="wave",
        subject=wave.ref,
        escalate_to=escalate_to[:120],
        completed=whole.completed,
        exceptions=whole.stopped,
    )


def _settled(wave: Wave) -> None:
    Wave.objects.filter(pk=wave.pk).update(unsettled=False)
