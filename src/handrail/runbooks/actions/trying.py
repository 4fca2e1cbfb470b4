"""What can be seen of task systems without changing anything: their first pages, and what is configured."""

from __future__ import annotations

from collections.abc import Iterator

from handrail.access import queries
from handrail.connectors import registry
from handrail.connectors.extract import extract
from handrail.connectors.finding import Finding
from handrail.connectors.rest import Get, RestConnector
from handrail.connectors.tasksystem import MessageKind
from handrail.kernel.errors import HandrailError, Invalid
from handrail.runbooks import paging, task_system
from handrail.runbooks.paging import PullStop
from handrail.runbooks.task_system import TaskSystem
from handrail.runbooks.taskitems import parse

FIX_CONFIG = "Fix handrail.toml, then run handrail check again."


def task_systems() -> Iterator[Finding]:
    """Of each task system, whether its list can be read, and whether runs of its tasks have a workspace to be in."""
    if not task_system.known():
        fix = "Add [tasks], unless tasks come in by hand only."
        yield Finding("task system", ok=True, message="None is configured.", fix=fix)
    for system in task_system.known():
        name = "task system" if not system.name else system.label
        try:
            yield _look(name, system)
        except HandrailError as error:
            yield Finding(name, ok=False, message=error.message, fix=FIX_CONFIG)


def _look(name: str, system: TaskSystem) -> Finding:
    """Its first page, read. What shows that an outcome is kept can only be seen with an outcome."""
    workspace = queries.get_workspace(system.workspace)
    connector = registry.get(system.connector)
    if not isinstance(connector, RestConnector):
        message = f"connectors.{connector.name} is of kind {connector.kind}."
        return Finding(name, ok=False, message=message, fix=f'[{system.label}] connector needs one of kind "rest".')
    reading = connector.read(Get(path=system.list_path, page=True))
    items = extract(reading.value, system.items_at)
    if not isinstance(items, list):
        message = f"{system.items_at} of {system.list_path} is not a list."
        return Finding(name, ok=False, message=message, fix=f"Fix [{system.label}] items_at or list_path.")
    message = f"{len(items)} tasks on the first page, for workspace {workspace.slug}."
    if unreadable := sum(not _is_task(item, system) for item in items):
        fix = f"Compare [{system.label}] key_at, task_at, runbook_at, version_at and payload_at with what is listed."
        return Finding(name, ok=False, message=f"{message} {unreadable} of them can't be read as tasks.", fix=fix)
    following = paging.following(reading, system)
    if isinstance(following, PullStop):
        return Finding(name, ok=False, message=following.message, fix=f"Fix [{system.label}] next_at.")
    return Finding(name, ok=True, message=message, fix=_advice(system))


def _is_task(item: object, system: TaskSystem) -> bool:
    try:
        parse(item, system)
    except Invalid:
        return False
    return True


def _advice(system: TaskSystem) -> str:
    """About outcomes that are believed to be kept without a look, and messages that are not sent at all."""
    outcome = system.call_of(MessageKind.OUTCOME)
    if outcome is not None and outcome.kept == "by-status":
        return f'[{system.label}.outcome] kept = "by-status" believes every success. Say where to look, if you can.'
    if system.messages is None:
        return f"Add [{system.label}.messages], so that people there see refused tasks and what becomes of exceptions."
    return ""
