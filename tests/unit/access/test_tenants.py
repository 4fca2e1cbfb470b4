"""Tenants are renamed, closed and reopened; nothing new begins for one that is closed."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import transaction

from handrail.access import actions, queries, subjects
from handrail.access.actor import Actor
from handrail.access.capabilities import Role
from handrail.audit.models import AuditEvent
from handrail.kernel.errors import Conflict, Denied, Invalid, NotFound
from handrail.runbooks.actions import previews, runs
from handrail.support import queries as support_queries
from handrail.support.actions import support_requests
from handrail.support.input import SupportRequestInput
from tests.factories import rows
from tests.factories.installation import Installation

ADMIN = Role.WORKSPACE_ADMINISTRATOR


@pytest.fixture
def house(db: None) -> Installation:
    return Installation()


@pytest.fixture
def admin(house: Installation) -> Actor:
    return queries.actor_for(rows.member(house.workspace, ADMIN))


def events(name: str) -> list[str]:
    return list(AuditEvent.objects.filter(event=name).values_list("subject", flat=True))


def test_rename_changes_name_and_key_and_is_audited(house: Installation, admin: Actor) -> None:
    actions.rename_tenant(key="ten_one", name="\u202eOne  Ltd", new_key="ten:1", by=admin)
    assert queries.get_tenant(admin, "ten:1").name == "One Ltd"
    renamed = AuditEvent.objects.get(event="tenant.renamed")
    assert (renamed.subject, renamed.context["before"]) == (
        f"TEN-{house.tenant.pk}",
        subjects.keyed_digest(house.tenant.pk, "ten_one"),
    )


@pytest.mark.parametrize(
    "change", [{}, {"name": ""}, {"name": "\u200b"}, {"new_key": "a/b"}, {"new_key": ".."}], ids=str
)
def test_rename_to_what_can_not_be_is_invalid(house: Installation, admin: Actor, change: dict[str, str]) -> None:
    with pytest.raises(Invalid):
        actions.rename_tenant(key="ten_one", by=admin, **change)


def test_rename_to_a_key_that_is_taken_is_refused(house: Installation, admin: Actor) -> None:
    actions.create_tenant(key="ten_two", name="Two", by=admin)
    with pytest.raises(Conflict) as caught:
        actions.rename_tenant(key="ten_one", new_key="ten_two", by=admin)
    assert caught.value.code == "key-taken"


@pytest.mark.parametrize("odd", ["a/b", "..", "a?b#c", "a%2Fb", "\u202eevil", "a b", "/"])
def test_tenant_with_a_key_from_before_gets_another(house: Installation, admin: Actor, odd: str) -> None:
    rows.tenant(house.workspace, key=odd)
    actions.rename_tenant(key=odd, new_key="ten_new", by=admin)
    assert queries.get_tenant(admin, "ten_new").key == "ten_new"


Act = Callable[[Actor], object]
ACTS: dict[str, Act] = {
    "rename": lambda by: actions.rename_tenant(key="ten_one", name="New", by=by),
    "close": lambda by: actions.close_tenant(key="ten_one", reason="left", by=by),
    "reopen": lambda by: actions.reopen_tenant(key="ten_one", by=by),
}


@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)
def test_only_an_administrator_of_every_tenant_may(house: Installation, act: Act) -> None:
    for who in (
        rows.member(house.workspace, ADMIN, tenants=[house.tenant]),
        rows.member(house.workspace, *[role for role in Role if role is not ADMIN]),
    ):
        with pytest.raises(Denied):
            act(queries.actor_for(who))
    other = queries.actor_for(rows.member(Installation(None, workspace="other", tenant="ten_x").workspace, ADMIN))
    with pytest.raises(NotFound):
        act(other)


def test_close_needs_a_reason_and_happens_once(house: Installation, admin: Actor) -> None:
    with pytest.raises(Invalid):
        actions.close_tenant(key="ten_one", reason=" ", by=admin)
    actions.close_tenant(key="ten_one", reason="Contract ended", by=admin)
    shown = queries.get_tenant(admin, "ten_one")
    assert (shown.closed_by, shown.closed_reason) == (admin.name, "Contract ended")
    with pytest.raises(Conflict):
        actions.close_tenant(key="ten_one", reason="again", by=admin)
    actions.reopen_tenant(key="ten_one", by=admin)
    assert queries.get_tenant(admin, "ten_one").closed_at is None
    with pytest.raises(Conflict):
        actions.reopen_tenant(key="ten_one", by=admin)
    assert events("tenant.closed") == events("tenant.reopened") == [f"TEN-{house.tenant.pk}"]


def test_close_and_another_key_wait_for_what_is_under_way(house: Installation, admin: Actor) -> None:
    run = house.runs.start(switch="s1")
    for act in (ACTS["close"], lambda by: actions.rename_tenant(key="ten_one", new_key="ten_2", by=by)):
        with pytest.raises(Conflict, match="1 run") as caught, transaction.atomic():
            act(admin)
        assert caught.value.code == "open-work"
    actions.rename_tenant(key="ten_one", name="A name is only shown", by=admin)
    runs.cancel(ref=run.ref, by=queries.actor_for(rows.member(house.workspace, Role.OPERATOR)))
    ACTS["close"](admin)


def test_nothing_new_begins_for_a_closed_tenant(house: Installation, admin: Actor) -> None:
    estate, operator = house.runs, queries.actor_for(rows.member(house.workspace, Role.OPERATOR))
    request = {"by": operator, "given": SupportRequestInput(summary="Help")}
    earlier = support_requests.submit(**request, submission_key="form-000001", tenant="ten_one")  # type: ignore[arg-type]
    ACTS["close"](admin)
    acts: list[Callable[[], object]] = [
        lambda: runs.start(task=estate.task(), by=estate.worker),
        lambda: previews.preview(task=estate.task(), by=operator),
        lambda: support_requests.submit(**request, submission_key="form-000002", tenant="ten_one"),  # type: ignore[arg-type]
    ]
    for act in acts:
        with pytest.raises(Conflict) as caught:
            act()
        assert caught.value.code == "tenant-closed"
    panel = support_queries.panel_for_tenant(operator, "ten_one")
    assert panel.why_not_request is not None
    assert (panel.why_not_request.code, panel.latest) == ("tenant-closed", earlier.handoff)
    actions.reopen_tenant(key="ten_one", by=admin)
    assert runs.start(task=estate.task(), by=estate.worker).created


def test_no_packet_begins_for_a_closed_tenant(db: None) -> None:
    house = Installation(None, tenant="ten_a")
    packets = house.packets
    actions.close_tenant(key="ten_a", reason="left", by=queries.command_line())
    with pytest.raises(Conflict) as caught:
        packets.assemble()
    assert caught.value.code == "tenant-closed"


def test_task_of_a_closed_tenant_is_refused_with_the_reason(house: Installation, admin: Actor) -> None:
    ACTS["close"](admin)
    with pytest.raises(Conflict, match="closed"):
        house.runs.start(switch="s1")
