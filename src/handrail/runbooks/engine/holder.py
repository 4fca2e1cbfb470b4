"""What the worker that holds a run's lease knows, and all that it writes of the run."""

from __future__ import annotations

import time
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from django.db import InterfaceError, OperationalError, transaction

from handrail.access.actor import Actor
from handrail.definitions.runbook.format import RunbookLimitsSpec
from handrail.kernel.clock import RemoteClock, steady
from handrail.runbooks import brakes, reporting
from handrail.runbooks.brakes import Controls
from handrail.runbooks.engine import ledger, position
from handrail.runbooks.engine.decision import Commit, Wait
from handrail.runbooks.engine.execution import LeasedRun, Subject
from handrail.runbooks.engine.ledger import Fence, Written
from handrail.runbooks.engine.position import Row
from handrail.runbooks.limits import gate, starts
from handrail.runbooks.limits.circuit import CallVerdict
from handrail.runbooks.limits.gate import ConnectorWait, HeldUp, Slot, TurnWait
from handrail.runbooks.limits.verdicts import Heard
from handrail.runbooks.models import OperationRun
from handrail.runbooks.states import RUN, RunState
from handrail.runbooks.timing import Timing

# A write that took longer leaves too wide a guess of what time it is in the database: that is asked again then.
UNSURE_SECONDS = 0.2
# The result of a call is written for so long after its intent's time, unless another worker has written something else.
RESULT_KEPT_SECONDS = 60.0
_UNHEARD = Heard(CallVerdict.NOTHING)


@dataclass(slots=True)
class LeaseHolder:
    """``fence``: state, lease and last row as this worker left them. ``failures``: of the run, before this lease.
    ``in_process_wait_seconds``: how long the worker may still wait here. ``unattended_seconds``: see ``LeasedRun``.
    ``next_run``: see ``ledger.Written``.
    ``controls``: what people have ordered, as the last statement found it that says so; ``controls_are_new`` until they
    were used, or time has passed. ``report_lease``: until when this worker has the report of the run that it ended.

    ``turn_wait``: at the gates of connectors; ``limited_seconds``: how long the run has waited there since its last
    row. ``went_on_at``: since then the run asks a service again that was in trouble. ``slot``: for the call whose
    intent is written, or about to be. ``limits``: of its runbook, once that is known.
    """

    run: OperationRun
    by: Actor
    timing: Timing
    clock: RemoteClock
    fence: Fence
    rows: tuple[Row, ...]
    subject: Subject
    failures: int
    in_process_wait_seconds: float
    unattended_seconds: float
    controls: Controls
    controls_are_new: bool = True
    own_intent: bool = False
    next_run: int | None = None
    report_lease: datetime | None = None
    limited_seconds: float = 0.0
    went_on_at: datetime | None = None
    turn_wait: TurnWait = field(default_factory=lambda: TurnWait(0.0, 0.0))
    slot: Slot | None = None
    limits: RunbookLimitsSpec | None = None

    @classmethod
    def of(cls, run: OperationRun, *, by: Actor, timing: Timing) -> LeaseHolder:
        """The holder of the lease that ``run`` is under, with what the database has of the run now."""
        seen = ledger.observe(run)
        return cls(
            run=run,
            by=by,
            timing=timing,
            clock=seen.clock,
            fence=Fence(RunState(run.state), run.due_at, seen.rows[-1].sequence if seen.rows else 0),
            rows=seen.rows,
            subject=seen.subject,
            failures=run.failures,
            in_process_wait_seconds=timing.in_process_wait_seconds,
            unattended_seconds=run.unattended_seconds,
            controls=seen.controls,
            limited_seconds=seen.controls.gate.seconds if seen.controls.gate else 0.0,
            went_on_at=seen.clock.now() if seen.controls.gate and seen.controls.gate.in_trouble else None,
        )

    @property
    def has_ended(self) -> bool:
        return self.fence.state in RUN.terminal

    def leased(self) -> LeasedRun:
        """The run as it is now, for a move to decide by."""
        return LeasedRun(
            run=self.run,
            state=self.fence.state,
            rows=self.rows,
            position=position.read(self.rows),
            subject=self.subject,
            own_intent=self.own_intent,
            by=self.by,
            timing=self.timing,
            at=self.clock.now(),
            resumed_at=self.went_on_at or self.controls.resumed_at,
            unattended_seconds=self.unattended_seconds,
            limited_seconds=self.limited_seconds + self.turn_wait.waited_seconds,
        )

    def new_turn_wait(self) -> TurnWait:
        """For the calls of one decision, each of which may wait for its turn."""
        self.limited_seconds += self.turn_wait.waited_seconds
        timing = self.timing
        self.turn_wait = TurnWait(
            timing.limit_wait_seconds, timing.limit_further_wait_seconds, self.keep, waited_before=self.limited_seconds
        )
        return self.turn_wait

    def give_back_slot(self, heard: Heard = _UNHEARD) -> HeldUp | None:
        """Ends the claim to call, if there is one; ``heard``: what the call said of the service."""
        slot, self.slot = self.slot, None
        return gate.leave(slot, heard) if slot is not None else None

    def commit(self, decided: Commit, limits: RunbookLimitsSpec | None = None) -> None:
        """Writes what was decided. How many leases before this one brought nothing, because their workers were gone or
        failed, stands in the first row. ``limits``: of its runbook, where this is its first call. Raises Stale when
        another worker has the run, or its subject's next turn; NoPlace where no further run may begin."""
        if self.failures:
            first = replace(decided.rows[0], detail=decided.rows[0].detail | {"taken_over": self.failures})
            decided = replace(decided, rows=(first, *decided.rows[1:]))
        due_at = decided.due_at or self.clock.after(self.timing.lease_seconds)
        report = reporting.born(self.clock.now()) if decided.ending else None
        run, fence, began = self.run, self.fence, steady()
        # What became of this worker's own call is written even where another one has the run by now, to find that out:
        # the next row is whose who writes it first.
        by_row = Fence(fence.state, None, fence.sequence) if self.own_intent else fence
        turn, known = self.subject.turn, [brake.id for brake in self.controls.brakes]

        def act() -> Written:
            with transaction.atomic() if limits else nullcontext():
                if limits:
                    starts.take(run, limits)
                return ledger.write(
                    run, decided, by_row, by=self.by, due_at=due_at, turn=turn, known_brakes=known, report=report
                )

        def landed() -> Written | None:
            return ledger.find_written(run, decided, fence, due_at=due_at)

        written = ledger.insist(act, landed=landed, is_over=self._is_over)
        self.fence = Fence(decided.state, None if decided.ending else due_at, fence.sequence + len(decided.rows))
        self.rows, self.failures, self.next_run = (*self.rows, *written.rows), 0, written.next_run
        self.unattended_seconds = self.limited_seconds = self.turn_wait.waited_seconds = 0.0
        self.went_on_at = None
        self.report_lease = report["due_at"] if report and "attempts" in report else None
        self.own_intent = decided.is_intent
        self._learn(written.controls)
        self.clock = written.clock
        if steady() - began >= UNSURE_SECONDS:
            # Without an answer its guess, which is never behind, must do: an intent that was written is acted on.
            with suppress(OperationalError, InterfaceError):
                self.clock = ledger.clock()

    def current_controls(self) -> Controls:
        """What people have ordered: as the last statement found it, or asked now where that was used before."""
        if not self.controls_are_new:
            self.controls = brakes.read(self.run)
        self.controls_are_new = False
        return self.controls

    def _learn(self, controls: Controls | None) -> None:
        self.controls_are_new = controls is not None
        self.controls = controls or self.controls

    def keep(self, seconds: float) -> None:
        """Keeps the run leased for at least the next ``seconds``. Raises Stale when another worker has it already."""
        needed = self.clock.after(seconds + self.timing.lease_margin_seconds)
        if self.fence.due_at is None or self.fence.due_at < needed:
            self._hold(max(needed, self.clock.after(self.timing.lease_seconds)))

    def release(self, waiting: Wait) -> bool:
        """Gives the run back: any worker may lease it when the wait is over. What a person holds it for is noted; False
        where that has ended meanwhile. Raises Stale likewise."""
        if waiting.connector is not None:
            self._wait_for_connector(waiting, waiting.connector)
            return True
        if waiting.held is None:
            if self.controls.gate is not None:
                brakes.note_passed(self.run, self.went_on_at or self.clock.now())
            self._hold(waiting.until, failures=self.failures)
            return True
        with transaction.atomic():
            if not brakes.note_paused(self.run, waiting.held):
                return False
            self._hold(waiting.until, failures=self.failures)
        return True

    def _wait_for_connector(self, waiting: Wait, wait: ConnectorWait) -> None:
        """Gives the run back until then, and notes what it waits for."""
        limited = self.limited_seconds + self.turn_wait.waited_seconds
        if not wait.cause.is_trouble:
            limited += max((waiting.until - self.clock.now()) / timedelta(seconds=1), 0)
        with transaction.atomic():
            resumed_at = self.went_on_at or self.controls.resumed_at
            brakes.note_gate(self.run, wait, waited_seconds=limited, resumed_at=resumed_at)
            self._hold(waiting.until, failures=self.failures)

    def fail(self) -> datetime:
        """Counts an unexpected error, and gives the run back until the time returned. Raises Stale likewise."""
        self.failures += 1
        until = self.clock.after(self.timing.after_unexpected_error(self.failures))
        self._hold(until, failures=self.failures)
        return until

    def wait_in_process(self, waiting: Wait) -> bool:
        """Waits here, if that is short and this worker has not waited long already."""
        seconds = max((waiting.until - self.clock.now()) / timedelta(seconds=1), 0)
        if waiting.connector is not None or seconds > min(self.timing.short_wait_seconds, self.in_process_wait_seconds):
            return False
        self.in_process_wait_seconds -= seconds
        self.keep(seconds)
        time.sleep(seconds)
        self.controls_are_new = False
        return True

    def look_again(self) -> bool:
        """Whether the run is still this worker's. What it knows beside the ledger is new then."""
        now = OperationRun.objects.filter(pk=self.run.pk).select_related("definition").first()
        if now is None or (now.state, now.due_at) != (self.fence.state, self.fence.due_at):
            return False
        seen = ledger.observe(now)
        self.run.definition, self.clock, self.subject = now.definition, seen.clock, seen.subject
        self._learn(seen.controls)
        return True

    def _hold(self, until: datetime, failures: int | None = None) -> None:
        run, fence = self.run, self.fence

        def act() -> bool:
            ledger.hold(run, fence, until=until, failures=failures)
            return True

        def landed() -> bool | None:
            return OperationRun.objects.filter(pk=run.pk, state=fence.state, due_at=until).exists() or None

        ledger.insist(act, landed=landed, is_over=self._is_over)
        self.fence = Fence(fence.state, until, fence.sequence)

    def _is_over(self) -> bool:
        """Whether the lease, or the time of an intent, is over: then others may act on the run. What became of a call
        is insisted on for longer."""
        kept = timedelta(seconds=RESULT_KEPT_SECONDS if self.own_intent else 0)
        return self.fence.due_at is None or self.clock.now() >= self.fence.due_at + kept
