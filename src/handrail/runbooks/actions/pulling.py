"""Tasks are pulled from the task system of a workspace, page by page; how far that came is kept."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import structlog
from django.db import transaction
from pydantic import ValidationError

from handrail.access.actor import Actor
from handrail.access.capabilities import Capability
from handrail.connectors import registry
from handrail.connectors.extract import extract
from handrail.connectors.operation import Performer
from handrail.connectors.outcome import ReadFailed, Reading
from handrail.connectors.rest import Get, GetNext
from handrail.kernel.clock import now
from handrail.kernel.errors import Fault, HandrailError, Invalid, Misconfigured
from handrail.runbooks import brakes, paging, task_system, timing
from handrail.runbooks.actions.tasks import Received, receive
from handrail.runbooks.limits import gate
from handrail.runbooks.limits.gate import TurnWait
from handrail.runbooks.models import TaskPull
from handrail.runbooks.paging import NextPage, PullStop
from handrail.runbooks.task_system import TaskSystem

log = structlog.get_logger("handrail.runbooks")

MAX_PAGES = 100


def pull(*, by: Actor) -> list[Received]:
    """Receives every open task of the workspace's task system, page by page; none while the intake is paused.

    Where it can't go on behind the first page, what came is received, and why it stopped is kept (``TaskPull``) and
    logged. Raises Misconfigured when the workspace has no task system, ReadFailed when it can't be read at all.
    """
    by.require(Capability.RUN_START)
    system = task_system.required(by.workspace_id)
    if brakes.intake_paused_since(by.workspace_id) is not None:
        return []
    received: list[Received] = []
    pages = 0
    stop: PullStop | None = None
    try:
        for page in _pages(system):
            if isinstance(page, PullStop):
                stop = page
                break
            pages += 1
            received += [receive(item=item, by=by) for item in page]
    except HandrailError as error:
        _keep(system, by, pages, received, PullStop("page-failed", error.message))
        raise
    _keep(system, by, pages, received, stop)
    return received


def _pages(system: TaskSystem) -> Iterator[list[Any] | PullStop]:
    """The tasks of each page; at last, perhaps, why there are no further ones. Raises what the first page does."""
    waits = timing.get()
    turn_wait = TurnWait(waits.limit_wait_seconds, waits.limit_further_wait_seconds)
    get, seen, count = _first(system), {system.list_path}, 0
    for number in range(MAX_PAGES):
        try:
            reading = _read(system, get, turn_wait)
            items = _items(reading, system)
        except (ReadFailed, Invalid, Misconfigured) as error:
            if number == 0:
                raise
            yield paging.OTHER_ORIGIN if error.code == "refused-origin" else PullStop("page-failed", error.message)
            return
        yield items
        following = paging.following(reading, system, before=count if number else None)
        count += len(items)
        if following is None:
            return
        if isinstance(following, PullStop):
            yield following
            return
        if following.address in seen:
            yield paging.REPEATED
            return
        seen.add(following.address)
        try:
            get = _next(following, get)
        except ValidationError:
            yield paging.UNUSABLE
            return
    yield paging.LIMIT


def _first(system: TaskSystem) -> Get:
    try:
        return Get(path=system.list_path, page=True)
    except ValidationError:
        fault = Fault("list_path", "expected a path, percent-encoded")
        raise Misconfigured("The task list has no usable path.", code="refused-path", faults=[fault]) from None


def _next(following: NextPage, get: Get) -> Get:
    if following.path:
        return Get(path=following.path, page=True)
    before = get.references if isinstance(get, GetNext) else ()
    return GetNext(path=get.path, references=(*before, following.reference), page=True)


def _read(system: TaskSystem, get: Get, turn_wait: TurnWait) -> Reading:
    source = cast(Performer, registry.get(system.connector))
    return gate.read(system.connector, source, get, turn_wait=turn_wait)


def _items(reading: Reading, system: TaskSystem) -> list[Any]:
    items = extract(reading.value, system.items_at)
    if not isinstance(items, list):
        fault = Fault(system.items_at, "expected a list")
        raise Invalid("The task system's answer holds no list of tasks.", faults=[fault])
    return cast("list[Any]", items)


@transaction.atomic
def _keep(system: TaskSystem, by: Actor, pages: int, received: list[Received], stop: PullStop | None) -> None:
    before = TaskPull.objects.filter(workspace_id=by.workspace_id, system=system.label).first()
    at = now()
    found = {
        "at": at,
        "pages": pages,
        "tasks": len(received),
        "code": stop.code if stop else "",
        "message": stop.message[:300] if stop else "",
    }
    found |= {} if stop else {"whole_at": at}
    TaskPull.objects.update_or_create(workspace_id=by.workspace_id, system=system.label, defaults=found)
    if stop is not None and (before is None or before.code != stop.code):
        log.warning("a pull of tasks could not go on", system=system.label, code=stop.code, pages=pages)
