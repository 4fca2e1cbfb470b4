"""What a stop tells people: whether something changed outside, before and after side by side, and what to do.

The account stands in the ledger row that ends the run, and is sealed with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from handrail.connectors.outcome import Failure
from handrail.definitions.requests.forms import StartForm
from handrail.definitions.runbook.compiled import CompiledRunbook, CompiledStep
from handrail.runbooks.engine.position import Row
from handrail.runbooks.states import EventKind, ExceptionCause

YES, NO, UNKNOWN = "yes", "no", "unknown"
_UNSENT = frozenset({failure.value for failure in Failure if not failure.sent} | {"not-sent"})
_OPEN_CAUSES = frozenset({ExceptionCause.UNKNOWN_OUTCOME, ExceptionCause.AMBIGUOUS})
_OPEN = frozenset({"unknown", "pending", "ambiguous", Failure.TIMEOUT_AFTER_SEND, Failure.CONNECTION_LOST})
# With these a verification ends that was given its whole time.
_VERIFIED_IN_VAIN = frozenset({ExceptionCause.VERIFICATION, ExceptionCause.BOUNDARY})

DEFAULT_ACTIONS: Mapping[ExceptionCause, str] = {
    ExceptionCause.PREREQUISITE: "Correct the source or the task, then have the task delegated again.",
    ExceptionCause.BOUNDARY: "Decide this yourself, or with the person responsible. Handrail must not decide it.",
    ExceptionCause.AMBIGUOUS: "Find out from the target what became of the action, before anything is repeated.",
    ExceptionCause.TERMINAL: "Find out why the target refused the action, correct that, and delegate the task again.",
    ExceptionCause.RETRIES_EXHAUSTED: "Wait until the target works again, then have the task delegated again.",
    ExceptionCause.VERIFICATION: "Compare before and after, correct what is wrong, and delegate again if needed.",
    ExceptionCause.UNKNOWN_OUTCOME: "Find out from the target whether the action took effect, before it is repeated.",
    ExceptionCause.SOURCE: "Find out why the source can't be read, then have the task delegated again.",
    ExceptionCause.STOPPED: "Ask the person who stopped it, then decide whether the task is delegated again.",
    ExceptionCause.DEFINITION: "Have the owner of the runbook, or of the configuration, correct it.",
}


def may_have_acted(rows: Iterable[Row]) -> bool:
    """Whether a changing call may have been sent: an intent without a result that says that nothing was."""
    return any(row.kind is EventKind.INTENT and _changes(row) for row in _sent(rows))


def _sent(rows: Iterable[Row]) -> list[Row]:
    """``rows`` without the attempts of which nothing was sent: those whose result, right behind, says so."""
    found: list[Row] = []
    for row in rows:
        unsent = row.kind is EventKind.RESULT and not _UNSENT.isdisjoint(_outcome(row))
        if unsent and found and found[-1].kind is EventKind.INTENT:
            found.pop()
        else:
            found.append(row)
    return found


def _outcome(row: Row) -> set[str | None]:
    return {row.detail.get("class"), row.detail.get("failure")}


def _changes(intent: Row) -> bool:
    return bool(intent.detail.get("effect", "mutating") == "mutating")


def next_action(runbook: CompiledRunbook | None, reason: str, cause: ExceptionCause) -> str:
    """The runbook's own words for ``reason``, else what usually helps."""
    own = runbook.spec.exception.next_actions if runbook is not None else {}
    return own.get(reason) or DEFAULT_ACTIONS.get(cause, DEFAULT_ACTIONS[ExceptionCause.DEFINITION])


def untouched(runbook: CompiledRunbook | None, reason: str, cause: ExceptionCause) -> dict[str, Any]:
    """The account of a stop before anything was sent."""
    return {"changed": NO, "why": "Nothing was sent.", "next_action": next_action(runbook, reason, cause)}


def unseen(reason: str, cause: ExceptionCause, rows: Sequence[Row]) -> dict[str, Any]:
    """The account of a stop behind a call whose definition can't be followed, so that nothing could be read."""
    why, what = "The sources could not be read again.", next_action(None, reason, cause)
    return {"changed": UNKNOWN, "why": why, "next_action": what, "calls": _calls(None, rows)}


def whole(
    runbook: CompiledRunbook,
    rows: Sequence[Row],
    start: Mapping[str, Any],
    found: Mapping[str, Any],
    *,
    unread: Sequence[str],
    reason: str,
    cause: ExceptionCause,
) -> dict[str, Any]:
    """The account of a stop behind a call. ``start``: the readings before the first call; ``found``: those made after
    the stop; ``unread``: the reads that could not be made then."""
    differing = [name for name in _names(runbook) if _differ(runbook, name, start, found)]
    verified = any(row.kind is EventKind.VERIFIED and runbook.step(row.step).mutating for row in rows)
    changed, why = _verdict(
        differing, verified=verified, unread=unread, is_open=cause in _OPEN_CAUSES or _is_open(rows, cause)
    )
    return {
        "changed": changed,
        "why": why,
        "differing": differing,
        "next_action": next_action(runbook, reason, cause),
        "calls": _calls(runbook, rows),
        "state": _side_by_side(runbook, start, found, differing),
        "unread": list(unread),
    }


def _verdict(differing: Sequence[str], *, verified: bool, unread: Sequence[str], is_open: bool) -> tuple[str, str]:
    if differing:
        return YES, f"Different from before: {', '.join(differing)}."
    if verified:
        return YES, "An earlier step was verified."
    if unread:
        return UNKNOWN, f"Could not be read again: {', '.join(unread)}."
    if is_open:
        return UNKNOWN, "All that was read is as before, but the action may still take effect."
    return NO, "All that was read is as before."


def _is_open(rows: Iterable[Row], cause: ExceptionCause) -> bool:
    """Whether a changing call of the step under way may still take effect, for all that was answered."""
    attempts: dict[int | None, bool] = {}
    for row in _sent(rows):
        if row.kind is EventKind.VERIFIED:
            attempts = {}
        elif row.kind is EventKind.INTENT and _changes(row):
            attempts[row.attempt] = True
        elif row.kind is EventKind.RESULT and row.attempt in attempts:
            if row.detail.get("class") == "succeeded":  # of one call, however often it was made under its key
                attempts = {row.attempt: cause not in _VERIFIED_IN_VAIN}
            else:
                attempts[row.attempt] = not _OPEN.isdisjoint(_outcome(row))
    return any(attempts.values())


def _names(runbook: CompiledRunbook) -> list[str]:
    return [f"{read}.{name}" for read, spec in runbook.reads.items() for name in spec.extraction.variables]


def _side_by_side(
    runbook: CompiledRunbook, start: Mapping[str, Any], found: Mapping[str, Any], differing: Sequence[str]
) -> list[dict[str, Any]]:
    """A row for each value that is required or differs; the values themselves only where the packet may carry them."""
    allowed, required = frozenset(runbook.spec.exception.copy_), _required(runbook)
    table = []
    for name in _names(runbook):
        if name not in required and name not in differing:
            continue
        row: dict[str, Any] = {"name": name, "required": required.get(name, []), "differs": name in differing}
        if name in allowed:
            for when, values in (("before", start), ("after", found)):
                if known := runbook.copy([name], values):
                    row[when] = known[name]
        else:
            row["withheld"] = True
        table.append(row)
    return table


def _required(runbook: CompiledRunbook) -> dict[str, list[str]]:
    """By value: the conditions and guards of the verifications that name it."""
    found: dict[str, list[str]] = {}
    for step in runbook.steps:
        if step.verify is None:
            continue
        for check in (*step.verify.conditions, *step.verify.guards):
            for name in dict.fromkeys(name.removeprefix("before.") for name in check.condition.names):
                if check.condition.source not in found.setdefault(name, []):
                    found[name].append(check.condition.source)
        for name in step.verify.unchanged:
            if "unchanged" not in found.setdefault(name, []):
                found[name].append("unchanged")
    return found


def _calls(runbook: CompiledRunbook | None, rows: Sequence[Row]) -> list[dict[str, Any]]:
    """For each step that was called: how often, with which idempotency key, which job, and what it answered last.
    Without ``runbook``, which says what they are and what may be copied, no job and no answer."""
    jobs = {step.name for step in runbook.steps if _starts_job(step)} if runbook is not None else set()
    calls: dict[str, dict[str, Any]] = {}
    for row in rows:
        if row.kind is EventKind.INTENT:
            call = calls.setdefault(row.step, {"step": row.step, "attempts": 0, "answer": {}})
            call |= {"attempts": call["attempts"] + 1, "idempotency_key": row.idempotency_key}
        elif row.kind is EventKind.RESULT and row.step in calls:
            call, answer = calls[row.step], row.detail.get("answer") or {}
            call |= {"class": row.detail.get("class"), "answer": answer or call["answer"]}
            if row.step in jobs and answer.get("id") is not None:
                call["job"] = answer["id"]
    for call in calls.values():
        # Of an answer that was understood the packet carries what the definition copies, and no more.
        answer = call.pop("answer")
        if call.get("class") == "ambiguous" and runbook is not None:
            call.update(_carried(runbook, call["step"], answer))
    return list(calls.values())


def _carried(runbook: CompiledRunbook, step: str, answer: Mapping[str, Any]) -> dict[str, Any]:
    """Of the declared values of an ``answer`` those that the packet may carry, and the names of the others."""
    allowed = frozenset(runbook.spec.exception.copy_)
    carried = {name: value for name, value in answer.items() if f"steps.{step}.{name}" in allowed}
    withheld = sorted(answer.keys() - carried.keys())
    return {"answer": carried} | ({"withheld": withheld} if withheld else {})


def _starts_job(step: CompiledStep) -> bool:
    """Whether the ``id`` that the step's call answers is a job's, and not that of whatever it was made for."""
    return step.poll is not None or isinstance(step.call, StartForm)


def _differ(runbook: CompiledRunbook, name: str, start: Mapping[str, Any], found: Mapping[str, Any]) -> bool:
    was, now = runbook.copy([name], start), runbook.copy([name], found)
    return bool(was and now) and (type(was[name]) is not type(now[name]) or was != now)
