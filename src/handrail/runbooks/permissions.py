"""What may be done with a run or an exception packet, apart from who may ask: one answer for button, API and action."""

from __future__ import annotations

from handrail.access import guards
from handrail.access.actor import Actor
from handrail.access.capabilities import Capability
from handrail.access.refusals import Refusal, missing_capability, missing_everywhere
from handrail.runbooks.models import ExceptionPacket, OperationRun, RunReview, SampledRun, StopRequest, WrongCompletion
from handrail.runbooks.states import RUN, WAVE, Handling, RunState, WaveOrigin, WaveState
from handrail.runbooks.wavemodels import Wave


def why_not_cancel(actor: Actor, run: OperationRun) -> Refusal | None:
    if refusal := missing_capability(actor, Capability.RUN_CANCEL):
        return refusal
    if RUN.allows(RunState(run.state), RunState.CANCELLED):
        return None
    if RunState(run.state) in RUN.terminal:
        return Refusal("run-ended", f"This run has ended ({run.state}).")
    return Refusal(
        "run-invoked", "The job has been invoked: a run can be cancelled only before that. Wait for its end."
    )


def why_not_stop(actor: Actor, run: OperationRun, *, requested: StopRequest | None) -> Refusal | None:
    """``requested``: the order to stop that there is already."""
    if refusal := missing_capability(actor, Capability.RUN_STOP):
        return refusal
    if RunState(run.state) in RUN.terminal:
        return Refusal("run-ended", f"This run has ended ({run.state}).")
    if requested is not None:
        return Refusal("stop-requested", f"{requested.by} has ordered this run to stop. It stops before its next call.")
    return None


def why_not_mark_wrong(actor: Actor, run: OperationRun, *, marked: WrongCompletion | None) -> Refusal | None:
    """``marked``: the mark that there is already."""
    if refusal := missing_capability(actor, Capability.EXCEPTION_RESOLVE):
        return refusal
    if run.state != RunState.COMPLETED:
        return Refusal("run-not-completed", "Only a run that completed can be found wrong.")
    if marked is not None:
        return Refusal("found-wrong", f"{marked.by} has marked this run as found wrong already.")
    return None


def why_not_review(
    actor: Actor, run: OperationRun, *, drawn: SampledRun | None, review: RunReview | None
) -> Refusal | None:
    """``drawn``: that it was; ``review``: the second look that there was already."""
    if refusal := missing_capability(actor, Capability.RUN_REVIEW):
        return refusal
    if drawn is None:
        return Refusal("run-not-drawn", "This run was not drawn for a second look. It can be marked as found wrong.")
    if review is not None:
        return Refusal("run-reviewed", f"{review.by} has looked at this run already, and found it {review.verdict}.")
    if run.requested_by == actor.name:
        return Refusal("own-run", "You started this run yourself. Another person must look at it.")
    return None


def why_not_take(actor: Actor, packet: ExceptionPacket) -> Refusal | None:
    if refusal := missing_capability(actor, Capability.EXCEPTION_TAKE):
        return refusal
    if packet.handling == Handling.TAKEN:
        message = f"{packet.taken_by} has taken this over. Talk to them, or take it over from them."
        return Refusal("exception-taken", message)
    return _resolved(packet)


def why_not_take_over(actor: Actor, packet: ExceptionPacket) -> Refusal | None:
    """Why the actor can't take it over from the person who has it."""
    if refusal := missing_capability(actor, Capability.EXCEPTION_TAKE):
        return refusal
    if packet.handling == Handling.OPEN:
        return Refusal("exception-open", "Nobody has taken over this exception packet. Take it over.")
    if packet.taken_by == actor.name and packet.handling == Handling.TAKEN:
        return Refusal("exception-yours", "You have already taken over this exception packet.")
    return _resolved(packet)


def why_not_assign(actor: Actor, packet: ExceptionPacket) -> Refusal | None:
    return missing_capability(actor, Capability.EXCEPTION_TAKE) or _resolved(packet)


def why_not_note(actor: Actor, packet: ExceptionPacket) -> Refusal | None:
    """Anyone who may take it over may write what they saw, also while somebody else has it."""
    return missing_capability(actor, Capability.EXCEPTION_TAKE) or _resolved(packet)


def why_not_hand_back(actor: Actor, packet: ExceptionPacket) -> Refusal | None:
    return missing_capability(actor, Capability.EXCEPTION_TAKE) or _not_theirs(
        actor,
        packet,
        first="Nobody has taken over this exception packet.",
        only="who has it, can hand it back. If they can't, take it over from them.",
    )


def why_not_read_again(actor: Actor, packet: ExceptionPacket) -> Refusal | None:
    """Anyone who may take it over may have its sources read, also while somebody else has it."""
    if refusal := missing_capability(actor, Capability.EXCEPTION_TAKE) or _resolved(packet):
        return refusal
    if packet.tenant.closed_at is not None:
        return Refusal("tenant-closed", "This tenant is closed: nothing is read for it any more.")
    return None


def why_not_follow_up(actor: Actor, packet: ExceptionPacket) -> Refusal | None:
    """Why the actor can't start any run from the packet, whatever its runbook names."""
    refusal = missing_capability(actor, Capability.EXCEPTION_TAKE) or _not_theirs(
        actor,
        packet,
        first="Take over this exception packet first; then start a follow-up run.",
        only="who took this over, can start a follow-up run.",
    )
    if refusal is None and packet.tenant.closed_at is not None:
        return Refusal("tenant-closed", guards.CLOSED)
    return refusal


def why_not_resolve(actor: Actor, packet: ExceptionPacket) -> Refusal | None:
    return missing_capability(actor, Capability.EXCEPTION_RESOLVE) or _not_theirs(
        actor,
        packet,
        first="Take over this exception packet first; then resolve it with a note.",
        only="who took this over, can resolve it. If they can't, take it over from them.",
    )


def _not_theirs(actor: Actor, packet: ExceptionPacket, *, first: str, only: str) -> Refusal | None:
    """Why the packet, which is to be the actor's, is not: ``first`` where nobody has it; ``only``, after the name of
    who has it, where somebody else does."""
    if packet.handling == Handling.OPEN:
        return Refusal("exception-open", first)
    if refusal := _resolved(packet):
        return refusal
    if packet.taken_by != actor.name:
        return Refusal("exception-taken", f"Only {packet.taken_by}, {only}")
    return None


def _resolved(packet: ExceptionPacket) -> Refusal | None:
    if packet.handling != Handling.RESOLVED:
        return None
    return Refusal("exception-resolved", f"{packet.resolved_by} has resolved this.")


def require_steering(actor: Actor, wave: Wave) -> None:
    """Raises Denied unless the actor may pause the whole of it: everywhere, or because it is of a list that they gave,
    whose tenants were all theirs."""
    if wave.origin == WaveOrigin.PERSON and wave.by == actor.name:
        actor.require(Capability.RUN_PAUSE)
    else:
        actor.require_everywhere(Capability.RUN_PAUSE)


def why_not_steer(actor: Actor, wave: Wave, after: WaveState) -> Refusal | None:
    """Why the actor can't bring the wave to the state ``after``: pause, resume or abandon it."""
    missing = missing_capability if wave.origin == WaveOrigin.PERSON and wave.by == actor.name else missing_everywhere
    if refusal := missing(actor, Capability.RUN_PAUSE):
        return refusal
    state = WaveState(wave.state)
    if WAVE.allows(state, after):
        return None
    if state in WAVE.terminal:
        return Refusal("wave-ended", f"This wave has ended ({state}).")
    if state is after:
        return Refusal(f"wave-{state}", f"This wave is {state} already.")
    return Refusal("wave-not-running", f"This wave is {state}: there is nothing to pause.")
