"""Starting a run in the browser: what was previewed is what starts, once, and what was typed is kept."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from django.db.models.functions import Now
from django.test import Client
from django.utils.html import escape

from handrail.access.capabilities import Role
from handrail.access.models import Tenant, User
from handrail.definitions.models import Definition
from handrail.kernel.clock import now
from handrail.runbooks.models import Brake, OperationRun, Report
from tests.factories import rows
from tests.factories.installation import Installation
from tests.factories.runs import Runs
from tests.factories.switches import RUNBOOK, SwitchBoard, connected

pytestmark = pytest.mark.django_db
START = "/admin/operations/start"
MADE = "WEB-7K3M9QX2ZA"


@pytest.fixture
def estate(db: None) -> Runs:
    return Installation().runs


@pytest.fixture
def board(estate: Runs) -> Iterator[SwitchBoard]:
    world = SwitchBoard()
    world.add("s1", owner=estate.tenant.key)
    with connected(world):
        yield world


@pytest.fixture
def operator(estate: Runs, board: SwitchBoard, enter: Callable[[User], Client]) -> Client:
    return enter(rows.member(estate.workspace, Role.OPERATOR, email="operator@example.com"))


def typed(estate: Runs, **changed: str) -> dict[str, str]:
    given = {"runbook": "flip-switch", "made": MADE, "act": "preview"}
    return given | {"task.tenant_id": estate.tenant.key, "task.switch_id": "s1"} | changed


def hidden(page: str) -> dict[str, str]:
    """The form that starts what was previewed."""
    form = page[page.index('id="preview"') :]
    return dict(re.findall(r'<input type="hidden" name="((?!csrf)[^"]+)" value="([^"]*)">', form)) | {"act": "start"}


def deprecated(estate: Runs) -> None:
    gone = {"state": "deprecated", "deprecated_at": Now(), "deprecated_by": "x@example.com"}
    Definition.objects.filter(pk=estate.definition.pk).update(**gone)


def replaced(estate: Runs) -> None:
    """Another person approves version 2 meanwhile."""
    deprecated(estate)
    rows.definition(estate.workspace, text=RUNBOOK.replace("version: 1", "version: 2"), version=2, name="flip-switch")


def test_form_has_a_control_for_each_field_and_keeps_its_key_in_its_address(operator: Client) -> None:
    page = operator.get(START, follow=True)
    assert re.fullmatch(rf"{START}\?runbook=flip-switch&made=WEB-[0-9A-Z]{{10}}", page.redirect_chain[0][0])
    text = page.content.decode()
    assert 'name="task.tenant_id"' in text
    assert 'list="tenants"' in text
    assert 'name="task.budget"' in text
    assert 'inputmode="numeric"' in text
    assert Tenant.objects.get().key in text[text.index("<datalist") :]


def test_preview_shows_the_reads_and_what_would_be_invoked_and_changes_nothing(
    operator: Client, estate: Runs, board: SwitchBoard
) -> None:
    page = operator.post(START, typed(estate))
    text = page.content.decode()
    assert page.status_code == 200
    assert "A run would invoke" in text
    assert "/switches/s1" in text
    assert escape('switch.fuse != "sealed"') in text
    assert estate.tenant.key in text
    assert (board.effects, OperationRun.objects.count()) == ([], 0)


def test_second_click_reload_and_back_start_one_run(operator: Client, estate: Runs) -> None:
    form = hidden(operator.post(START, typed(estate)).content.decode())
    first, second = operator.post(START, form), operator.post(START, form)
    run = OperationRun.objects.get()
    assert first.url == second.url == f"/admin/operations/{run.ref}"
    assert (run.task["switch_id"], run.requested_by) == ("s1", "operator@example.com")
    assert run.ref in operator.post(START, typed(estate)).content.decode()


def test_nothing_starts_under_another_version_than_the_previewed_one(operator: Client, estate: Runs) -> None:
    form = hidden(operator.post(START, typed(estate)).content.decode())
    replaced(estate)
    page = operator.post(START, form)
    text = page.content.decode()
    assert page.status_code == 409
    assert "Another version was approved meanwhile" in text
    assert "flip-switch v2" in text
    assert 'value="s1"' in text
    assert OperationRun.objects.count() == 0


def test_second_click_after_another_version_was_approved_opens_the_run_of_the_first(
    operator: Client, estate: Runs
) -> None:
    form = hidden(operator.post(START, typed(estate)).content.decode())
    operator.post(START, form)
    replaced(estate)
    assert operator.post(START, form).url == f"/admin/operations/{OperationRun.objects.get().ref}"


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("task.budget", "many", "Expected integer"),
        ("task.budget", "-1", "Expected at least 0"),
        ("task.switch_id", "", "This field is required"),
        ("task.tenant_id", "ten_nobody", "There is no open tenant of this key"),
        ("key", "a/../b", "Expected no . or .."),
    ],
)
def test_wrong_field_is_named_beside_it_and_what_was_typed_is_kept(
    operator: Client, estate: Runs, field: str, value: str, message: str
) -> None:
    page = operator.post(START, typed(estate, **{"task.switch_id": "s1 & <b>", field: value}))
    text = page.content.decode()
    assert page.status_code == 422
    element = field.replace(".", "-")
    assert f'id="{element}-fault"' in text
    assert message in text[text.index(f'id="{element}-fault"') :]
    assert value == "" or f'value="{escape(value)}"' in text
    assert field == "task.switch_id" or 'value="s1 &amp; &lt;b&gt;"' in text


def test_tenant_of_somebody_else_is_answered_as_one_that_nobody_has(
    estate: Runs, board: SwitchBoard, enter: Callable[[User], Client]
) -> None:
    other = rows.tenant(estate.workspace, key="ten_hidden")
    person = enter(rows.member(estate.workspace, Role.OPERATOR, tenants=[estate.tenant]))
    hidden_one = person.post(START, typed(estate, **{"task.tenant_id": other.key}))
    nobody = person.post(START, typed(estate, **{"task.tenant_id": "ten_nobody"}))
    bare = [re.sub(r'value="[^"]{40,}"', "", one.content.decode()) for one in (hidden_one, nobody)]
    assert hidden_one.status_code == nobody.status_code == 422
    assert bare[0].replace("ten_hidden", "ten_nobody") == bare[1]
    assert "ten_hidden" not in person.get(f"{START}/tenants?task.tenant_id=hidden").content.decode()


def test_part_of_a_tenants_name_offers_those_that_have_it(operator: Client, estate: Runs) -> None:
    Tenant.objects.filter(pk=estate.tenant.pk).update(name="Northwind Lighting")
    page = operator.post(START, typed(estate, **{"task.tenant_id": "lighting"})).content.decode()
    assert f'name="tenant" value="{estate.tenant.key}"' in page
    again = typed(estate, **{"task.tenant_id": "lighting"}) | {"tenant": estate.tenant.key}
    del again["act"]
    assert "A run would invoke" in operator.post(START, again).content.decode()


def test_form_asks_as_much_for_three_thousand_tenants_as_for_three(operator: Client, estate: Runs) -> None:
    Tenant.objects.bulk_create(
        Tenant(workspace=estate.workspace, key=f"ten_{n:04}", name=f"Tenant {n:04}", created_at=now())
        for n in range(3000)
    )
    page = operator.get(f"{START}?runbook=flip-switch&made={MADE}").content.decode()
    assert page.count("<option") <= 103


def test_tenant_closed_after_the_preview_starts_nothing(operator: Client, estate: Runs) -> None:
    form = hidden(operator.post(START, typed(estate)).content.decode())
    Tenant.objects.filter(pk=estate.tenant.pk).update(
        closed_at="2026-01-01T00:00:00Z", closed_by="x", closed_reason="y"
    )
    page = operator.post(START, form)
    assert (page.status_code, OperationRun.objects.count()) == (409, 0)
    assert "This tenant is closed" in page.content.decode()


def test_paused_intake_is_said_before_and_refused_at_the_start(operator: Client, estate: Runs) -> None:
    form = hidden(operator.post(START, typed(estate)).content.decode())
    Brake.objects.create(
        ref="BRK-1", workspace=estate.workspace, kind="intake", at="2026-01-01T00:00:00Z", by="x", reason="y"
    )
    page = operator.post(START, form)
    assert (page.status_code, OperationRun.objects.count()) == (409, 0)
    assert "The intake is paused" in page.content.decode()
    assert "disabled" in operator.post(START, typed(estate)).content.decode()


def test_run_that_would_stop_is_not_offered_to_be_started(operator: Client, estate: Runs, board: SwitchBoard) -> None:
    board.add("s1", owner="somebody else")
    text = operator.post(START, typed(estate)).content.decode()
    assert "A run would stop before invoking anything" in text
    assert "Start this run" not in text


def test_roles_that_start_no_runs_get_no_form_and_no_button(
    estate: Runs, board: SwitchBoard, enter: Callable[[User], Client]
) -> None:
    person = enter(rows.member(estate.workspace, Role.AUDITOR))
    assert person.get(START).status_code == 403
    assert person.post(START, typed(estate)).status_code == 403
    assert START not in person.get("/admin/operations").content.decode()


def test_task_described_here_is_reported_to_no_task_system(operator: Client, estate: Runs) -> None:
    operator.post(START, hidden(operator.post(START, typed(estate)).content.decode()))
    operator.post(START, hidden(operator.post(START, typed(estate, key="TASK-9")).content.decode()))
    for run in OperationRun.objects.order_by("pk"):
        estate.advance(run)
    assert list(OperationRun.objects.order_by("pk").values_list("task_key", "made_here")) == [
        (MADE, True),
        ("TASK-9", False),
    ]
    assert list(Report.objects.values_list("run__task_key", flat=True)) == ["TASK-9"]
    here = operator.get(f"/admin/operations/{OperationRun.objects.get(made_here=True).ref}").content.decode()
    assert "Reported to no task system" in here


@pytest.mark.parametrize("key", [MADE, "EXC-AAAAAAAAAA.1"])
def test_task_systems_task_is_reported_whatever_its_key_looks_like(operator: Client, estate: Runs, key: str) -> None:
    operator.post(START, hidden(operator.post(START, typed(estate)).content.decode()))
    mine, theirs = OperationRun.objects.get(), estate.start(key)
    assert (mine.pk != theirs.pk, theirs.made_here) == (True, False)
    for run in (mine, theirs):
        estate.advance(run)
    assert [one.run_id for one in Report.objects.all()] == [theirs.pk]


@pytest.mark.parametrize("made", ["", "TASK-1", "WEB-1234", "WEB-7K3M9QX2Z!", "EXC-7K3M9QX2ZA"])
def test_only_a_key_that_was_made_for_the_form_stands_in_for_one(operator: Client, estate: Runs, made: str) -> None:
    page = operator.post(START, typed(estate, made=made))
    assert page.status_code == 422
    assert 'id="key-fault"' in page.content.decode()


def test_form_without_an_active_runbook_says_what_is_needed(operator: Client, estate: Runs) -> None:
    deprecated(estate)
    assert "No runbook is active" in operator.get(START).content.decode()
