"""What a task system is sent: outcomes, built from the rows of a run, and further messages, built from their own."""

from __future__ import annotations

from typing import Any

from handrail.connectors.tasksystem import MessageKind, OutgoingMessage
from handrail.runbooks import accounts
from handrail.runbooks.models import OperationRun, TaskUpdate
from handrail.runbooks.states import RunState
from handrail.runbooks.task_system import TaskSystem

_RUN_PAGE, _EXCEPTION_PAGE = "/admin/operations/{}", "/admin/exceptions/{}"
_CHANGED = {"yes": "Outside something was changed.", "no": "Nothing was changed outside."}
_UNKNOWN_CHANGE = "Whether something was changed outside is not known."
_STATES = {
    RunState.COMPLETED: "{run} completed.",
    RunState.EXCEPTION: "{run} stopped, and a person is needed: {exception}.",
    RunState.CANCELLED: "{run} was cancelled. Nothing was changed.",
}
# How a run ends that its wave never began.
NOT_ATTEMPTED = "not-attempted"
_NOT_ATTEMPTED = "{run} was not attempted: its wave ended before. Nothing was changed."
_TITLES = {
    MessageKind.REFUSED: "The task could not become a run",
    MessageKind.TAKEN: "Taken over by a person",
    MessageKind.HANDED_BACK: "Handed back",
    MessageKind.RESOLVED: "Resolved",
    MessageKind.FOLLOWED_UP: "Another run follows",
}


def outcome_of(run: OperationRun) -> dict[str, Any]:
    """What is written back: the run, how it ended, its completion record or exception, and its retry ledger."""
    ended: dict[str, Any] = {
        "run": run.ref,
        "runbook": run.definition.name,
        "version": run.definition.version,
        "definition_digest": run.definition_digest,
        "state": run.state,
        "finished_at": run.finished_at.isoformat() if run.finished_at else None,
    }
    if run.not_attempted:
        last = run.checkpoints.order_by("-sequence").first()
        ended |= {"state": NOT_ATTEMPTED, "reason": last.detail.get("message", "") if last else ""}
    if run.wave_id is not None:
        ended["wave"] = run.wave_id
    if run.state == RunState.COMPLETED:
        ended["completion"] = {"fields": run.completion.fields, "digest": run.completion.digest}
        if run.retry_ledger.attempts == 0:
            ended["completion"]["already_as_required"] = True
    if run.state == RunState.EXCEPTION:
        packet = run.exception_packet
        ended["exception"] = {"packet": packet.ref, "cause": packet.cause, "reason": packet.reason}
        if account := accounts.of(run):
            ended |= {"changed_outside": account["changed"], "next_action": account["next_action"]}
    retries = getattr(run, "retry_ledger", None)
    if retries is not None:
        ended["retry_ledger"] = {
            "limit": retries.limit,
            "attempts": retries.attempts,
            "waited_seconds": retries.waited_seconds,
        }
    return ended


def outcome_message(run: OperationRun, system: TaskSystem) -> OutgoingMessage:
    """The outcome of ``run``. Its key is the run's reference, with another prefix where it is looked for in text:
    other messages name the run too."""
    report = outcome_of(run)
    stopped = {"reason": report.get("reason"), **report.get("exception", {})}
    packet = stopped.get("packet")
    url = system.page((_EXCEPTION_PAGE if packet else _RUN_PAGE).format(packet or run.ref))
    if url is not None:
        report |= {"url": url}
    changed = str(report.get("changed_outside", ""))
    said = _NOT_ATTEMPTED if report["state"] == NOT_ATTEMPTED else _STATES[RunState(run.state)]
    lines = [said.format(run=run.ref, exception=packet)]
    lines += [f"Reason: {stopped['reason']}"] if stopped["reason"] else []
    if packet:
        lines.append(_CHANGED.get(changed, _UNKNOWN_CHANGE))
    if next_action := report.get("next_action"):
        lines.append(f"Next: {next_action}")
    lines.append(f"Runbook: {report['runbook']} v{report['version']}.")
    lines += [url] if url else []
    return OutgoingMessage(
        key=f"OUT-{run.ref.partition('-')[2]}",
        task=run.task_key,
        kind=MessageKind.OUTCOME,
        title=lines[0],
        lines=tuple(lines),
        report=report,
        values={
            **_of_run(run),
            "state": report["state"],
            "at": report["finished_at"],
            "exception": packet,
            "cause": stopped.get("cause"),
            "reason": stopped.get("reason"),
            "changed_outside": changed or None,
            "next_action": report.get("next_action"),
            "url": url,
        },
    )


def further_message(row: TaskUpdate, system: TaskSystem) -> OutgoingMessage:
    """The further message that ``row`` keeps: what was true when it was written."""
    kind, detail = MessageKind(row.kind), dict(row.detail)
    page = _EXCEPTION_PAGE if detail.get("exception") else _RUN_PAGE
    about = detail.get("exception") or detail.get("run")
    url = system.page(page.format(about)) if about else None
    said = {**detail, **({"url": url} if url else {})}
    lines = [_headline(kind, detail), *(f"{key}: {value}" for key, value in _lines(detail)), *([url] if url else [])]
    values = {**(_of_run(row.run) if row.run else {}), **detail, "at": row.at.isoformat(), "by": row.by, "url": url}
    return OutgoingMessage(
        key=row.ref,
        task=row.task_key,
        kind=kind,
        title=_headline(kind, detail),
        lines=tuple(lines),
        report={
            "key": row.ref,
            "kind": kind.value,
            "task": row.task_key,
            "at": row.at.isoformat(),
            "by": row.by,
            **said,
        },
        values={name: value for name, value in values.items() if isinstance(value, str | int)},
    )


def _headline(kind: MessageKind, detail: dict[str, Any]) -> str:
    about = detail.get("exception") or detail.get("run") or ""
    return f"{_TITLES[kind]}{f' ({about})' if about else ''}."


def _lines(detail: dict[str, Any]) -> list[tuple[str, str]]:
    """What people read of the detail, fault by fault."""
    words = {"taken_by": "By", "code": "Code", "text": "Text", "follow_up": "Run", "wave": "Wave", "message": "Why"}
    found = [(label, str(detail[name])) for name, label in words.items() if detail.get(name)]
    return [*found, *((str(fault["field"]), str(fault["message"])) for fault in detail.get("faults", ()))]


def _of_run(run: OperationRun) -> dict[str, str | int | None]:
    return {
        "run": run.ref,
        "runbook": run.runbook,
        "version": run.task_version,
        "tenant": run.tenant.key,
        "state": run.state,
    }
