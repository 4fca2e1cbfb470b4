"""What pages say of the task system: messages that it does not show, and a list that could not be read to its end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from django.test import Client

from handrail.access.capabilities import Role
from handrail.kernel.clock import now
from handrail.runbooks import task_system
from handrail.runbooks.models import TaskPull, TaskUpdate
from tests.factories.task_queue import SYSTEM
from tests.factories.web import Web

pytestmark = pytest.mark.django_db
WHY = "The task system names a page as the next one that was read already."


def test_run_s_page_says_what_the_task_system_does_not_show_and_what_to_do(
    house: Web, as_role: Callable[..., Client]
) -> None:
    page = as_role(Role.OPERATOR).get(f"/admin/operations/{house.stopped.run.ref}").content.decode()
    assert "The task system refused the message permanently: status 400." in page
    assert f"/admin/messages/{house.message.ref}/redeliver" in page
    TaskUpdate.objects.filter(pk=house.message.pk).update(delivered_at=now())
    page = as_role(Role.OPERATOR).get(f"/admin/operations/{house.stopped.run.ref}").content.decode()
    assert "kept by the task system" in page
    assert "redeliver" not in page


def test_operations_says_that_the_list_was_not_read_to_its_end(house: Web, as_role: Callable[..., Client]) -> None:
    client = as_role(Role.OPERATOR)
    TaskPull.objects.create(
        workspace=house.workspace, system="task_systems.mine", at=now(), code="next-repeated", message=WHY
    )
    with task_system.use(replace(SYSTEM, name="mine", workspace=house.workspace.slug)):
        assert WHY in client.get("/admin/operations").content.decode()
        TaskPull.objects.update(code="", message="")
        assert WHY not in client.get("/admin/operations").content.decode()


def test_message_is_written_again_from_the_page(house: Web, as_role: Callable[..., Client]) -> None:
    run, address = house.stopped.run.ref, f"/admin/messages/{house.message.ref}/redeliver"
    TaskUpdate.objects.filter(pk=house.message.pk).update(due_at=None)
    with task_system.use(replace(SYSTEM, workspace=house.workspace.slug)):
        answer = as_role(Role.OPERATOR).post(address, {"run": run}, follow=True)
        assert answer.redirect_chain == [(f"/admin/operations/{run}", 302)]
        assert f"{house.message.ref} is due" in answer.content.decode()
        assert TaskUpdate.objects.get(pk=house.message.pk).due_at is not None
        TaskUpdate.objects.filter(pk=house.message.pk).update(delivered_at=now(), due_at=None)
        answer = as_role(Role.OPERATOR).post(address, {"run": "//elsewhere.example"}, follow=True)
        assert answer.redirect_chain == [("/admin/operations", 302)]
        assert "has already kept this message" in answer.content.decode()


def test_message_is_no_button_for_those_who_may_not(house: Web, as_role: Callable[..., Client]) -> None:
    TaskUpdate.objects.filter(pk=house.message.pk).update(due_at=None)
    page = as_role(Role.AUDITOR).get(f"/admin/operations/{house.stopped.run.ref}").content.decode()
    assert f"handrail tasks redeliver {house.message.ref}" in page
    assert f"/admin/messages/{house.message.ref}" not in page
