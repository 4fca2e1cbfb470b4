"""What people do with waves: pause, resume, abandon; and what workers do: bring them to where their members say."""

from __future__ import annotations

from collections.abc import Callable

import structlog
from django.db import connection, transaction

from handrail.access.actor import Actor
from handrail.access.refusals import reason_of, refuse
from handrail.audit.actions import record
from handrail.audit.events import EventName
from handrail.definitions.states import DefinitionState
from handrail.kernel import scope
from handrail.kernel.canonical import digest_bytes
from handrail.kernel.clock import now
from handrail.kernel.errors import Conflict, NotFound
from handrail.kernel.scope import RowScope
from handrail.runbooks import permissions
from handrail.runbooks.models import OperationRun
from handrail.runbooks.queries.waves import visible
from handrail.runbooks.states import WaveState
from handrail.runbooks.wavemodels import Wave
from handrail.runbooks.waves import joining, settling
from handrail.runbooks.waves.joining import DUTY, EVERY_SECONDS

__all__ = ["DUTY", "EVERY_SECONDS", "abandon", "member_ended", "pause", "resume", "settle", "unsettled"]

log = structlog.get_logger("handrail.runbooks")
# Of one call: far more than the largest wave has batches.
_STEPS = 1000
_EVENTS = {
    WaveState.PAUSED: EventName.WAVE_PAUSED,
    WaveState.RUNNING: EventName.WAVE_RESUMED,
    WaveState.ABANDONED: EventName.WAVE_ABANDONED,
}
_CHANGED = (
    *("state", "round", "canary_round", "counted_from", "finished_at", "unsettled"),
    *("changed_at", "changed_by", "change_reason"),
)


def settle(*, wave: int | str, by: Actor) -> None:
    """Does all that is to be done for the wave now, in short transactions. In the scope of its whole workspace."""
    for _ in range(_STEPS):
        if not settling.undisturbed(lambda: settling.settle(wave, by=by)):
            return


def member_ended(run: OperationRun, *, by: Actor) -> None:
    """Lets the wave of ``run`` go on, which has ended: whatever fails here is done later by a duty, which says so."""
    if run.wave_id is None:
        return
    try:
        settle(wave=run.wave_id, by=by)
    except Exception as error:  # noqa: BLE001 - the run has ended, and is to be reported
        log.warning("a wave is settled later", wave=run.wave_id, error=type(error).__name__)


def unsettled() -> list[tuple[int, int]]:
    """The waves of all workspaces that something is to be done for, by workspace and id."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT workspace_id, id FROM handrail_wave_lease WHERE unsettled ORDER BY id")
        return [(workspace, pk) for workspace, pk in cursor.fetchall()]


def pause(*, ref: str, reason: str, by: Actor) -> None:
    """No further member begins; what has called nothing yet waits again. What is under way goes on to its end.

    Raises NotFound, Denied, Invalid without a reason, Conflict where the wave does not run.
    """

    def change(wave: Wave) -> None:
        wave.state = WaveState.PAUSED
        settling.hold_members(wave)

    _steer(ref, reason, by, WaveState.PAUSED, change)


def resume(*, ref: str, reason: str, by: Actor) -> None:
    """Lets a wave go on. One that had stopped itself begins with a canary again, and takes up what it gave back.

    Raises as ``pause``; Conflict ``definition-not-active`` where its version is not active any more.
    """

    def change(wave: Wave) -> None:
        if wave.definition.state != DefinitionState.ACTIVE:
            raise Conflict(
                "The runbook version of this wave is not active any more: abandon the wave.",
                code="definition-not-active",
            )
        if wave.state == WaveState.STOPPED:
            wave.counted_from, wave.round = now(), wave.round + 1
            wave.canary_round = wave.round
        wave.state = WaveState.RUNNING

    _steer(ref, reason, by, WaveState.RUNNING, change)


def abandon(*, ref: str, reason: str, by: Actor) -> None:
    """Ends a wave for good: what was not begun goes back to the task system as not attempted. Raises as ``pause``."""

    def change(wave: Wave) -> None:
        wave.state, wave.finished_at = WaveState.ABANDONED, now()
        settling.hold_members(wave)

    _steer(ref, reason, by, WaveState.ABANDONED, change)


def _steer(ref: str, reason: str, by: Actor, after: WaveState, change: Callable[[Wave], None]) -> None:
    seen = visible(by).filter(ref=ref).first()
    if seen is None:
        raise NotFound
    permissions.require_steering(by, seen)
    said = reason_of(reason)
    # A person who may steer a wave steers all of it.
    with scope.entered(RowScope(by.workspace_id, None)):
        settling.undisturbed(lambda: _written(ref, said, by, after, change))


def _written(ref: str, said: str, by: Actor, after: WaveState, change: Callable[[Wave], None]) -> None:
    with transaction.atomic():
        wave = settling.locked(ref)
        assert wave is not None
        refuse(permissions.why_not_steer(by, wave, after))
        before = wave.state
        change(wave)
        wave.changed_at, wave.changed_by, wave.change_reason, wave.unsettled = now(), by.name, said, True
        wave.save(update_fields=_CHANGED)
        record(
            _EVENTS[after],
            by=by,
            subject_kind="wave",
            subject=wave.ref,
            before=before,
            escalate_to=settling.escalated_to(wave),
            reason=digest_bytes(said.encode()),
        )
        joining.hasten()
