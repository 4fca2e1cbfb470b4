"""Keys and slugs are checked, names cleaned: what is kept stands in an address and on a page without harm."""

from __future__ import annotations

import pytest
from django.urls import reverse

from handrail.access import actions, names
from handrail.access.models import Tenant, User, Workspace
from handrail.kernel.errors import Invalid
from tests.factories.installation import Installation

BAD = {
    "empty": "",
    "space": " ",
    "dot": ".",
    "two dots": "..",
    "hidden": ".x",
    "slash": "a/b",
    "backslash": "a\\b",
    "question mark": "a?b",
    "fragment": "a#b",
    "percent": "a%2Fb",
    "space inside": "a b",
    "space after": "a ",
    "line break": "a\n",
    "NUL": "a\0",
    "half surrogate": "a\ud800",
    "direction override": "a\u202eb",
    "isolate": "a\u2066b",
    "zero width": "a\u200bb",
    "byte order mark": "\ufeffa",
    "non-ASCII": "k\u00fcnde",
    "full-width slash": "a\uff0fb",
    "option": "-a",
    "semicolon": "a;b",
    "ampersand": "a&b",
    "markup": "<b>",
    "quote": 'a"b',
    "brace": "{key}",
    "too long": "a" * 129,
}


@pytest.mark.parametrize("key", BAD.values(), ids=BAD)
def test_key_that_can_not_stand_in_an_address_is_refused(db: None, key: str) -> None:
    house = Installation()
    with pytest.raises(Invalid) as caught:
        actions.create_tenant(key=key, name="Name", by=house.worker)
    assert caught.value.faults[0].where == "key"
    with pytest.raises(Invalid) as caught:
        actions.create_workspace(slug=key, name="Name", by=house.worker)
    assert caught.value.faults[0].where == "slug"
    assert (Tenant.objects.count(), Workspace.objects.count()) == (1, 1)


@pytest.mark.parametrize("key", ["ten_one", "42", "ACME:eu-1", "org@eu", "a.b~c", "_", "x" * 128])
def test_key_stands_in_an_address_as_it_is(key: str) -> None:
    assert reverse("tenant", args=[names.tenant_key(key)]) == f"/admin/t/{key}"


DIRTY = "\u202eEvil\u2066 \u200bLtd\u2069\x07\n  \ufeffInc"


def test_names_lose_what_is_not_seen(db: None) -> None:
    house = Installation()
    tenant = actions.create_tenant(key="t", name=DIRTY, by=house.worker)
    workspace = actions.create_workspace(slug="w", name=DIRTY, by=house.worker)
    actions.add_member(email="a@example.com", roles=["operator"], tenants=None, by=house.worker, name=DIRTY)
    user = User.objects.get(email="a@example.com")
    assert {tenant.name, workspace.name, user.first_name} == {"Evil Ltd Inc"}


@pytest.mark.parametrize("name", ["", " \n", "\u200b\u202e", "x" * 201, "a\0", "a\udfff"])
def test_name_that_shows_nothing_or_is_too_long_is_refused(db: None, name: str) -> None:
    house = Installation()
    with pytest.raises(Invalid) as caught:
        actions.create_tenant(key="t", name=name, by=house.worker)
    assert caught.value.faults[0].where == "name"
    with pytest.raises(Invalid):
        actions.create_workspace(slug="w", name=name, by=house.worker)
