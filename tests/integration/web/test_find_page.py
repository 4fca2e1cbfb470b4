"""The page of the one search, without a script: what it shows, where it leads, and what it must not show."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.test import Client

from handrail.access.capabilities import Role
from handrail.access.models import User
from tests.factories import references, rows
from tests.factories.references import References
from tests.factories.unguarded import unguarded

pytestmark = pytest.mark.django_db
PATH = "/admin/find"
LINK = re.compile(r'<a class="ref name" href="([^"]*)"')
Enter = Callable[[User], Client]


@pytest.fixture
def own() -> References:
    return references.everything(rows.workspace(), mark="A")


@pytest.fixture
def client(own: References, enter: Enter) -> Client:
    return enter(rows.member(own.tenant.workspace, *Role))


def test_each_text_leads_to_a_page_that_opens(own: References, client: Client) -> None:
    run, tenant = f"/admin/operations/{own.run.ref}", f"/admin/t/{own.tenant.key}"
    expected = {
        "run": run,
        "task": run,
        "exception": f"/admin/exceptions/{own.exception.ref}",
        "packet": f"/admin/packets/{own.packet.ref}",
        "case": f"/admin/packets/{own.packet.ref}",
        "request of tenant": tenant,
        "request of run": run,
        "ticket": run,
        "refused task": "/admin/operations#refused",
        "tenant key": tenant,
        "tenant name": tenant,
    }
    for name, text in own.texts().items():
        page = client.get(PATH, {"q": text})
        links = LINK.findall(page.content.decode())
        assert (page.status_code, links[0]) == (200, expected[name]), name
        assert client.get(links[0].partition("#")[0]).status_code == 200, name


def test_support_requests_are_not_listed_by_a_part(own: References, client: Client) -> None:
    for text in ("SR-", own.of_run.ref[:-1], "T-", "T-A-120"):
        body = client.get(PATH, {"q": text}).content.decode()
        assert "found-support-request" not in body
        assert own.of_tenant.ref not in body


def test_every_page_has_the_box_and_the_page_of_the_search_its_own(own: References, client: Client) -> None:
    for path in ("/admin", "/admin/operations", "/admin/operations/RUN-0000000000", PATH):
        body = client.get(path).content.decode()
        assert body.count(f'action="{PATH}"') == (2 if path == PATH else 1), path


def test_nothing_looked_for_and_nothing_found_say_so(client: Client) -> None:
    assert "Nothing is looked for yet" in client.get(PATH).content.decode()
    assert "Nothing is looked for yet" in client.get(PATH, {"q": "  "}).content.decode()
    nothing = client.get(PATH, {"q": "RUN-0000000000"})
    assert (nothing.status_code, "Not found, or you don" in nothing.content.decode()) == (200, True)


def test_text_that_is_too_long_is_refused_beside_the_box(client: Client) -> None:
    page = client.get(PATH, {"q": "x" * 129})
    assert (page.status_code, "expected 1 to 128 characters" in page.content.decode()) == (422, True)


def test_kinds_that_the_roles_leave_out_are_named(own: References, enter: Enter) -> None:
    client = enter(rows.member(own.tenant.workspace, Role.AUDITOR))
    body = client.get(PATH, {"q": own.of_run.ref}).content.decode()
    assert "include: Support requests." in body
    assert "found-" not in body


@pytest.mark.parametrize("guards", [True, False], ids=["filters", "rows alone"])
def test_foreign_is_shown_like_missing_byte_for_byte(
    own: References, client: Client, enter: Enter, guards: bool, counted: Callable[[str], None]
) -> None:
    theirs = references.everything(rows.workspace("Elsewhere"), mark="B")
    empty = rows.tenant(own.tenant.workspace, name="Another customer")
    part = enter(rows.member(own.tenant.workspace, *Role, tenants=[empty]))

    def shown(who: Client, text: str) -> bytes:
        return bytes(who.get(PATH, {"q": text}).content.replace(f'value="{text}"'.encode(), b""))

    looked = 0
    for who, foreign in ((client, theirs), (part, own)):
        for text in foreign.texts().values():
            missing = "".join("Q" if one.isalpha() else one for one in text)
            if guards:
                pair = shown(who, text), shown(who, missing)
            else:
                with unguarded():
                    pair = shown(who, text), shown(who, missing)
            assert pair[0] == pair[1], text
            looked += 1
    counted(f"{looked} foreign texts are shown like missing ones, byte for byte")


def test_hostile_text_is_not_repeated_as_markup(client: Client) -> None:
    body = client.get(PATH, {"q": '"><script>alert(1)</script>'}).content.decode()
    assert "<script>alert" not in body
