"""What a worker does after a seal: the newest checkpoint goes to every witness and time-stamp service that is due.

No call is made while a transaction is open, and no transaction is open while one waits. A witness that is slow, lies or
is away keeps none of the others from cosigning: each is asked in a thread of its own, and its problem is its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta

import structlog
from django.core.exceptions import ObjectDoesNotExist
from django.db import transaction

from handrail.anchoring.services import configured
from handrail.audit import anchors, checkpoint, cosigned, signing, stamped, stamps, store
from handrail.audit.actions import By, record
from handrail.audit.anchors import AnchorKind, AnchorProblem
from handrail.audit.cosignature import CosignerKey
from handrail.audit.cosigned import WrongCosignature
from handrail.audit.events import EventName, EventOutcome
from handrail.audit.models import AuditCheckpoint
from handrail.audit.stamps import StampTrust, WrongStamp
from handrail.connectors.anchors import Replied, WitnessAnswer
from handrail.kernel.clock import now
from handrail.kernel.errors import HandrailError, Invalid
from handrail.work.backoff import doubled

AT_ONCE = 16
# A witness that has cosigned another size than was thought is asked again at once, this often.
ROUNDS = 2
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 5.0, 300.0
log = structlog.get_logger("handrail.anchoring")

_PROBLEMS = {
    Replied.UNKNOWN_LOG: AnchorProblem.UNKNOWN_LOG,
    Replied.REFUSED: AnchorProblem.REFUSED,
    Replied.PASSING: AnchorProblem.UNREACHABLE,
    Replied.NOT_UNDERSTOOD: AnchorProblem.NOT_UNDERSTOOD,
}


@dataclass(frozen=True, slots=True)
class _WitnessCall:
    """``old``: the size that the witness is thought to have cosigned last, and ``proof`` from there."""

    name: str
    key: CosignerKey
    old: int
    proof: tuple[bytes, ...]
    text: str


def anchor(*, by: By) -> None:
    """Everything that is due: cosignatures, time stamps, and whether the quorum has been missing for too long."""
    signed = _newest()
    if signed is not None:
        cosign(signed, by=by)
        stamp(signed, by=by)
    watch_quorum(by=by)


def cosign(signed: AuditCheckpoint, *, by: By) -> None:
    """Asks every witness that is due and has not cosigned this checkpoint."""
    trust, due = anchors.trust.get(), anchors.due(AnchorKind.WITNESS)
    open_ = {name: key for name, key in trust.witnesses.items() if name in due and not cosigned.has(signed.size, key)}
    believed = {name: anchors.size_there(name) for name in open_}
    for _ in range(ROUNDS):
        calls = [_call(name, key, signed, believed[name]) for name, key in open_.items()]
        answers = _asked([call for call in calls if call is not None])
        again: dict[str, CosignerKey] = {}
        for name, (call, answer) in answers.items():
            if answer.replied is Replied.SIZE and answer.size != call.old and answer.size <= signed.size:
                again[name], believed[name] = call.key, answer.size
            else:
                _settle(call, answer, signed, by=by)
        open_ = again
    for name in open_:  # it has named yet another size: somebody else feeds it at the same time
        _note(AnchorKind.WITNESS, name, AnchorProblem.UNREACHABLE, "It names another size each time.", by=by)


def _call(name: str, key: CosignerKey, signed: AuditCheckpoint, believed: int | None) -> _WitnessCall | None:
    old = believed if believed is not None else cosigned.newest_size(key)
    old = old if old <= signed.size else 0
    try:
        proof = cosigned.proof_from(old, signed.size)
    except ObjectDoesNotExist:  # subtrees are missing: ``audit verify`` says so
        log.warning("a witness can't be shown that the log has grown", witness=name, size=signed.size)
        return None
    return _WitnessCall(name, key, old, proof, signed.text)


def _asked(calls: Sequence[_WitnessCall]) -> Mapping[str, tuple[_WitnessCall, WitnessAnswer]]:
    services = configured.get().witnesses
    known = [call for call in calls if call.name in services]
    if not known:
        return {}

    def ask(call: _WitnessCall) -> WitnessAnswer:
        try:
            return services[call.name].add_checkpoint(old=call.old, proof=call.proof, text=call.text)
        except HandrailError as error:  # it could not be sent at all
            return WitnessAnswer(Replied.REFUSED, error.message)

    with ThreadPoolExecutor(min(AT_ONCE, len(known)), thread_name_prefix="witness") as pool:
        return {call.name: (call, answer) for call, answer in zip(known, pool.map(ask, known), strict=True)}


def _settle(call: _WitnessCall, answer: WitnessAnswer, signed: AuditCheckpoint, *, by: By) -> None:
    """Keeps the cosignature, or what is wrong."""
    if answer.replied is Replied.COSIGNED:
        problem, message = _kept(call, answer, signed)
        _note(AnchorKind.WITNESS, call.name, problem, message, by=by)
    elif answer.replied is Replied.SIZE and answer.size > signed.size:
        last = store.latest()
        if last is not None and answer.size <= last.size:  # another worker has sealed and sent more meanwhile
            return
        message = f"It has cosigned {answer.size} leaves, but the log ends at {signed.size}: it was rolled back."
        _note(AnchorKind.WITNESS, call.name, AnchorProblem.AHEAD, message, by=by, there=answer.size)
    elif answer.replied is Replied.SIZE and call.old != signed.size:
        message = "It refuses the very size that it names."
        _note(AnchorKind.WITNESS, call.name, AnchorProblem.NOT_UNDERSTOOD, message, by=by)
    elif answer.replied in (Replied.SIZE, Replied.FORKED):
        message = f"The log over {signed.size} leaves does not extend what it has cosigned: it was forked."
        _note(AnchorKind.WITNESS, call.name, AnchorProblem.FORKED, message, by=by, there=answer.size or None)
    else:
        _note(AnchorKind.WITNESS, call.name, _PROBLEMS[answer.replied], answer.message, by=by)


def _kept(call: _WitnessCall, answer: WitnessAnswer, signed: AuditCheckpoint) -> tuple[AnchorProblem | None, str]:
    try:
        found = cosigned.accepted(answer.lines, signed, call.key)
    except WrongCosignature as error:
        return (AnchorProblem.WRONG_TIME if error.time else AnchorProblem.WRONG_SIGNATURE), error.message
    except Invalid:
        return AnchorProblem.NOT_UNDERSTOOD, "Its answer holds no signature lines."
    if found is None:
        return AnchorProblem.WRONG_SIGNATURE, "It has signed with another key than the configured one."
    cosigned.keep(signed, call.key, *found)
    return None, ""


def stamp(signed: AuditCheckpoint, *, by: By) -> None:
    """Has every service that is due stamp this checkpoint, unless its last stamp is recent."""
    trust, due = anchors.trust.get().services, anchors.due(AnchorKind.TIMESTAMP)
    for name, service in configured.get().timestamps.items():
        last = stamped.latest(name)
        recent = last is not None and (
            last[0] >= signed.size or now() - last[1] < timedelta(seconds=service.every_seconds)
        )
        if name not in trust or name not in due or recent:
            continue
        asked = stamps.request(signed.text)
        answer = service.stamp(asked.query)
        if answer.response is None:
            _note(AnchorKind.TIMESTAMP, name, AnchorProblem.UNREACHABLE, answer.message, by=by)
            continue
        problem, message = _stamped(name, answer.response, signed, trust[name], nonce=asked.nonce)
        _note(AnchorKind.TIMESTAMP, name, problem, message, by=by)


def _stamped(
    name: str, response: bytes, signed: AuditCheckpoint, trust: StampTrust, *, nonce: int
) -> tuple[AnchorProblem | None, str]:
    try:
        found = stamps.verify(response, signed.text, trust, nonce=nonce)
        stamps.check_time(found, not_before=signed.at, at=now())
    except WrongStamp as error:
        return (AnchorProblem.REFUSED if error.refused else AnchorProblem.WRONG_STAMP), error.message
    stamped.keep(signed, name, response, found)
    return None, ""


def watch_quorum(*, by: By) -> None:
    """Records once that the quorum has been missing for too long, and once that it is there again."""
    status = cosigned.quorum()
    if status.configured and (status.late or status.reached):
        _note(AnchorKind.QUORUM, "quorum", AnchorProblem.LATE if status.late else None, status.message, by=by)


_RECORDED = {
    AnchorKind.WITNESS: EventName.AUDIT_WITNESS_REFUSED,
    AnchorKind.TIMESTAMP: EventName.AUDIT_TIMESTAMP_REFUSED,
    AnchorKind.QUORUM: EventName.AUDIT_QUORUM_MISSING,
}


@transaction.atomic
def _note(
    kind: AnchorKind, name: str, problem: AnchorProblem | None, message: str, *, by: By, there: int | None = None
) -> None:
    """Keeps what came of it, and records each thing that somebody has to look at once, until it is over."""
    before = anchors.note(kind, name, problem, message, there=there)
    if problem is not None and kind is not AnchorKind.QUORUM:
        longest = problem.is_evidence or problem in (AnchorProblem.UNKNOWN_LOG, AnchorProblem.REFUSED)
        wait = doubled(FIRST_WAIT_SECONDS, before.failures, LONGEST_WAIT_SECONDS)
        anchors.put_off(kind, name, LONGEST_WAIT_SECONDS if longest else wait)
        log.warning("an anchor of the audit log", anchor=name, kind=kind, problem=problem, reason=message)
    reported = problem is not None and (problem.is_evidence or kind is AnchorKind.QUORUM)
    if reported and before.problem != problem:
        record(
            _RECORDED[kind],
            by=by,
            subject_kind="log",
            subject=signing.get().origin,
            outcome=EventOutcome.FAILED,
            anchor=name,
            kind=problem,
            reason=message,
        )
    elif kind is AnchorKind.QUORUM and problem is None and before.problem:
        record(EventName.AUDIT_QUORUM_REACHED, by=by, subject_kind="log", subject=signing.get().origin)


def _newest() -> AuditCheckpoint | None:
    """The newest checkpoint, if it is ours: nothing else is shown to anybody outside."""
    last, by = store.latest(), signing.get()
    if last is None:
        return None
    try:
        signed = checkpoint.verify(last.text, origin=by.origin, keys=by.accepted())
    except Invalid:  # ``audit verify`` says so
        return None
    return last if (signed.size, signed.root) == (last.size, bytes(last.root)) else None
