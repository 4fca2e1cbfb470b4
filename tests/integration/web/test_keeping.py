"""The page of what is kept of a tenant, and every page of a tenant that was erased."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.test import Client

from handrail.access import closing, erasures, holds, kept_erasures, queries
from handrail.access.capabilities import BUNDLES, Role
from handrail.access.models import Erasure, LegalHold, Tenant
from handrail.kernel.clock import now
from handrail.runbooks.models import OperationRun
from tests.factories import rows
from tests.factories.web import Web
from tests.integration.web.test_roles import NEEDS, ROUTES

pytestmark = pytest.mark.django_db
OWNER, ADMIN = Role.GOVERNANCE_OWNER, Role.WORKSPACE_ADMINISTRATOR


@pytest.fixture(autouse=True)
def kept(tmp_path: Path) -> Iterator[None]:
    with (
        kept_erasures.configured.use(tmp_path / "kept-erasures"),
        closing.open_work.use(lambda _: ()),
        erasures.on_its_way.use(lambda _: ()),
    ):
        yield


def lift_hold(house: Web) -> None:
    one, two = (queries.actor_for(rows.member(house.workspace, OWNER)) for _ in range(2))
    holds.ask_to_lift(ref=house.hold.ref, reason="over", by=one)
    holds.lift(ref=house.hold.ref, by=two)


def test_the_page_shows_holds_and_what_an_erasure_would_leave(house: Web, as_role: Callable[..., Client]) -> None:
    page = as_role(OWNER).get(f"/admin/tenants/keeping/{house.tenant.key}").content.decode()
    for text in (house.hold.ref, house.erasure.ref, "What would stay", "A legal hold stands"):
        assert text in page
    other = as_role(Role.OPERATOR).get(f"/admin/tenants/keeping/{house.tenant.key}").content.decode()
    assert "What would stay" not in other


def test_a_hold_is_set_asked_to_be_lifted_and_lifted_on_the_page(house: Web, as_role: Callable[..., Client]) -> None:
    client, key = as_role(OWNER), house.tenant.key
    client.post("/admin/tenants/hold", {"tenant": key, "reason": "court"})
    ref = LegalHold.objects.latest("pk").ref
    client.post("/admin/tenants/hold/ask-to-lift", {"tenant": key, "ref": ref, "reason": "over"})
    refused = client.post("/admin/tenants/hold/lift", {"tenant": key, "ref": ref})
    assert (refused.status_code, "Another person" in refused.content.decode()) == (409, True)
    assert as_role(ADMIN).post("/admin/tenants/hold/lift", {"tenant": key, "ref": ref}).status_code == 302
    assert LegalHold.objects.get(ref=ref).lifted_at is not None


def test_every_page_of_an_erased_tenant_opens_and_names_nobody(house: Web, as_role: Callable[..., Client]) -> None:
    lift_hold(house)
    OperationRun.objects.filter(finished_at=None).update(state="cancelled", finished_at=now(), due_at=None)
    key, name = house.tenant.key, house.tenant.name
    form = {"tenant": key, "ref": house.erasure.ref}
    done = as_role(OWNER).post("/admin/tenants/erase/confirm", form, follow=True)
    assert "Certificate" in done.content.decode()
    assert Erasure.objects.get().finished_at is not None
    ids = house.ids() | {"tenant": Tenant.objects.get(pk=house.tenant.pk).key}
    clients = {role: as_role(role) for role in (Role.SENIOR_SUPPORT, Role.ESCALATION_OWNER, OWNER, Role.AUDITOR, ADMIN)}
    for path, capability in NEEDS.items():
        role = next((one for one in clients if capability in {None, *BUNDLES[one]}), OWNER)
        answer = clients[role].get(ROUTES[path].url(ids))
        assert answer.status_code < 500, path
        if not answer.streaming:
            assert key not in answer.content.decode(), path
            assert name not in answer.content.decode(), path
