"""The page of the tenants, and the same through the API and the command line; keys and names from before do no harm."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

from handrail.access.capabilities import Role
from handrail.access.models import Tenant
from tests.factories import rows
from tests.factories.web import Web
from tests.lanes import portion

pytestmark = pytest.mark.django_db
ADMIN = Role.WORKSPACE_ADMINISTRATOR
As = Callable[..., Client]


def quiet(house: Web) -> Tenant:
    """A tenant for which nothing is under way."""
    return rows.tenant(house.workspace, name="Quiet Ltd", key="ten_quiet")


def test_administrator_renames_closes_and_reopens(house: Web, as_role: As) -> None:
    tenant, client = quiet(house), as_role(ADMIN)
    assert "Quiet Ltd" in client.get("/admin/tenants").content.decode()
    client.post("/admin/tenants/rename", {"tenant": "ten_quiet", "name": "Calm Ltd", "key": "ten_calm"})
    client.post("/admin/tenants/close", {"tenant": "ten_calm", "reason": "Contract ended"})
    tenant.refresh_from_db()
    assert (tenant.name, tenant.key, tenant.closed_reason) == ("Calm Ltd", "ten_calm", "Contract ended")
    assert "Contract ended" in client.get("/admin/tenants").content.decode()
    assert "Contract ended" in as_role(Role.OPERATOR).get("/admin/t/ten_calm").content.decode()
    client.post("/admin/tenants/reopen", {"tenant": "ten_calm"})
    tenant.refresh_from_db()
    assert tenant.closed_at is None


@pytest.mark.parametrize(
    ("act", "fields", "status", "message"),
    [
        ("rename", {"name": "x", "key": "a/b"}, 422, "beginning with a letter"),
        ("rename", {}, 422, "give a name"),
        ("close", {"reason": " "}, 422, "Say why"),
        ("reopen", {}, 409, "not closed"),
    ],
)
def test_refused_change_says_why(
    house: Web, as_role: As, *, act: str, fields: dict[str, str], status: int, message: str
) -> None:
    quiet(house)
    response = as_role(ADMIN).post(f"/admin/tenants/{act}", {"tenant": "ten_quiet", **fields})
    assert (response.status_code, message in response.content.decode()) == (status, True)


def test_tenant_with_work_under_way_is_not_closed(house: Web, as_role: As) -> None:
    response = as_role(ADMIN).post("/admin/tenants/close", {"tenant": house.ids()["tenant"], "reason": "x"})
    assert (response.status_code, "under way" in response.content.decode()) == (409, True)


def test_others_see_no_form_and_are_denied(house: Web, as_role: As) -> None:
    quiet(house)
    client = as_role(Role.OPERATOR)
    assert '<form method="post" action="/admin/tenants' not in client.get("/admin/tenants").content.decode()
    assert client.post("/admin/tenants/close", {"tenant": "ten_quiet", "reason": "x"}).status_code == 403


def test_api_renames_closes_and_reopens(house: Web, as_role: As) -> None:
    quiet(house)
    client = as_role(ADMIN)
    call = {"content_type": "application/json"}
    assert client.patch("/api/v1/tenants/ten_quiet", {"name": "Calm"}, **call).json()["name"] == "Calm"
    assert client.post("/api/v1/tenants/ten_quiet/close", {"reason": "left"}, **call).json()["closed_reason"] == "left"
    assert client.post("/api/v1/tenants/ten_quiet/close", {"reason": "left"}, **call).status_code == 409
    assert client.post("/api/v1/tenants/ten_quiet/reopen", **call).json()["closed_at"] is None
    assert client.patch("/api/v1/tenants/ten_quiet", {"key": "a/b"}, **call).status_code == 422
    assert as_role(Role.AUDITOR).patch("/api/v1/tenants/ten_quiet", {"name": "x"}, **call).status_code == 403


ODD = [
    "a/b",
    "a?b",
    "a#b",
    "a%2Fb",
    "a b",
    "\u202eten",
    "a//b",
    "k\u00fcnde",
    "<b>",
    'a"b',
    "a&b",
    "tab\tline\nend\r\n",
]


@pytest.mark.parametrize("key", portion(ODD, 3))
def test_pages_stand_with_a_tenant_whose_key_is_from_before(house: Web, as_role: As, key: str) -> None:
    tenant = Tenant.objects.get(pk=house.completed.tenant_id)
    tenant.key = key
    tenant.name = "\u202eevil\u2066"
    tenant.save()
    client = as_role(*Role)
    for page in (
        "/admin",
        "/admin/tenants",
        "/admin/operations",
        "/admin/exceptions",
        "/admin/packets",
        "/admin/audit",
    ):
        assert client.get(page).status_code == 200, page
    shown = client.get(reverse("tenant", args=[key]))
    assert shown.status_code == 200
    for page in ("/admin", "/admin/tenants", "/admin/operations"):
        text = client.get(page).content.decode()
        assert "⟨U+202E⟩evil" in text or "<bdi>\u202eevil\u2066</bdi>" in text or "\u202eevil" not in text, page


def test_what_turns_text_round_is_written_out_in_names_and_keys_from_before(house: Web, as_role: As) -> None:
    tenant = Tenant.objects.get(pk=house.completed.tenant_id)
    tenant.key = tenant.name = "a\u202eb"
    tenant.save()
    client = as_role(*Role)
    for page in ("/admin", "/admin/tenants", reverse("tenant", args=[tenant.key])):
        assert "<code>a⟨U+202E⟩b" in client.get(page).content.decode().replace("<bdi>", ""), page
