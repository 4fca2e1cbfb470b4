"""People who do the same thing at the same moment: one of them does it, each thing once, and the others are told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar

import pytest
from django.db import connections

from handrail.access import queries as access
from handrail.access.actor import Actor
from handrail.access.capabilities import Role, bundled
from handrail.audit.models import AuditEvent
from handrail.kernel.errors import Conflict, HandrailError
from handrail.runbooks import sampling
from handrail.runbooks.actions import reviews, runs, together
from handrail.runbooks.actions.together import Together
from handrail.runbooks.models import ExceptionPacket, OperationRun, RunReview, WrongCompletion
from tests.factories import rows
from tests.factories.installation import Installation
from tests.factories.people import as_person
from tests.factories.switches import SwitchBoard, connected

T = TypeVar("T")


def at_once(acts: Sequence[Callable[[], T]]) -> list[T | HandrailError]:
    """What came of ``acts``, each in a thread of its own, begun together."""
    start = Barrier(len(acts))

    def run(act: Callable[[], T]) -> T | HandrailError:
        start.wait()
        try:
            return act()
        except HandrailError as error:
            return error
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts))


@pytest.fixture
def people(committed_db: str) -> list[Actor]:
    """Two who may take over, resolve and review."""
    workspace = rows.workspace()
    worker = access.worker("w", workspace.pk)
    return [
        as_person(worker, f"{name}@example.com", capabilities=bundled([Role.SENIOR_SUPPORT])) for name in ("ada", "ben")
    ]


def test_two_who_take_the_same_packets_together_have_each_packet_once(people: list[Actor]) -> None:
    from handrail.access.models import Workspace

    workspace = Workspace.objects.get(pk=people[0].workspace_id)
    tenant, definition = rows.tenant(workspace), rows.definition(workspace, text=rows.runbook_text())
    refs = [rows.exception(tenant, definition).ref for _ in range(12)]
    orders = (refs, refs[::-1])
    came = at_once(
        [
            lambda by=by, order=order: together.take_together(refs=order, by=by)  # type: ignore[misc]
            for by, order in zip(people, orders, strict=True)
        ]
    )
    done = [[one.ref for one in each if isinstance(one, Together) and not one.code] for each in came]  # type: ignore[union-attr]
    assert sorted(done[0] + done[1]) == sorted(refs)
    for by, taken in zip(people, done, strict=True):
        assert set(ExceptionPacket.objects.filter(taken_by=by.name).values_list("ref", flat=True)) == set(taken)
    assert AuditEvent.objects.filter(event="exception.taken").count() == len(refs)


def test_two_who_review_the_same_run_leave_one_verdict(people: list[Actor]) -> None:
    from handrail.access.models import Workspace

    workspace = Workspace.objects.get(pk=people[0].workspace_id)
    tenant, definition = rows.tenant(workspace), rows.definition(workspace, text=rows.runbook_text())
    run = rows.completed_run(tenant, definition)
    rows.drawn(run)
    came = at_once(
        [
            lambda by=by, verdict=verdict: reviews.review(ref=run.ref, verdict=verdict, reason="Seen.", by=by)  # type: ignore[misc]
            for by, verdict in zip(people, ("right", "wrong"), strict=True)
        ]
    )
    assert sorted(isinstance(one, Conflict) for one in came) == [False, True]
    verdict = RunReview.objects.get().verdict
    assert WrongCompletion.objects.count() == int(verdict == "wrong")


def test_many_clicks_at_once_start_one_run(committed_db: str) -> None:
    estate, world = Installation().runs, SwitchBoard()
    world.add("s1", owner=estate.tenant.key)
    task = estate.task("WEB-7K3M9QX2ZA")
    with connected(world), sampling.use(sampling.Sampling()):
        came = at_once([lambda: runs.start(task=task, by=estate.worker)] * 6)
    run = OperationRun.objects.get()
    assert {getattr(one, "ref", one) for one in came} == {run.ref}
    assert sum(getattr(one, "created", False) for one in came) == 1
