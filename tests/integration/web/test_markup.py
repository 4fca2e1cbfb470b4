"""Nothing that came from outside becomes markup; nothing on a page needs a laxer content policy."""

from __future__ import annotations

from collections.abc import Callable
from html.parser import HTMLParser

import pytest
from django.test import Client

from handrail.access.capabilities import Role
from handrail.runbooks.states import EventKind, Handling, RunState
from tests.factories import rows
from tests.factories.installation import Installation
from tests.factories.web import Web
from tests.integration.web.urlmap import inside
from tests.lanes import portion

pytestmark = pytest.mark.django_db

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)>\" ' {{7*7}} {% csrf_token %}"
PAGES = [
    route
    for route in inside()
    if not route.path.endswith(
        (
            "/take",
            "/resolve",
            "/cancel",
            "/approve",
            "/reject",
            "/deprecate",
            "/again",
            "/clear",
            "/withdraw",
            "/discard",
            "/release",
        )
    )
]


class Strict(HTMLParser):
    """Collects what a strict content policy forbids, and links that lead nowhere."""

    def __init__(self) -> None:
        super().__init__()
        self.wrong: list[str] = []
        self.hrefs: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.wrong += [f"{tag}[{name}]" for name in given if name.startswith("on") or name == "style"]
        if tag == "style" or (tag == "script" and not (given.get("src") or "").startswith("/static/")):
            self.wrong.append(tag)
        if (given.get("href") or given.get("src") or "").lower().startswith(("javascript:", "http", "//")):
            self.wrong.append(f"{tag} outside")
        if tag == "a" and given.get("href"):
            self.hrefs.add(str(given["href"]))


def check(body: str) -> Strict:
    parser = Strict()
    parser.feed(body)
    return parser


@pytest.fixture(scope="module")
def house(module_db: None) -> Web:
    """One for the whole module: the pages are only read."""
    return Installation.named("Northwind").web


@pytest.fixture(scope="module")
def opened() -> dict[str, int]:
    """What each link answered that a page before this one had too."""
    return {}


def everything(house: Web) -> Client:
    client = Client()
    client.force_login(
        rows.member(house.workspace, *Role), backend="allauth.account.auth_backends.AuthenticationBackend"
    )
    return client


@pytest.mark.parametrize("route", portion(PAGES, 2), ids=lambda route: route.path)
def test_page_keeps_a_strict_content_policy(house: Web, route: object) -> None:
    response = everything(house).get(route.url(house.ids()))  # type: ignore[attr-defined]
    assert check(response.content.decode()).wrong == []
    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


@pytest.mark.parametrize("route", portion(reversed(PAGES), 2), ids=lambda route: route.path)
def test_every_link_of_a_page_opens(house: Web, opened: dict[str, int], route: object) -> None:
    client = everything(house)
    hrefs = check(client.get(route.url(house.ids())).content.decode()).hrefs  # type: ignore[attr-defined]
    inner = {href for href in hrefs if href.startswith("/")}
    opened |= {href: client.get(href, follow=True).status_code for href in inner - opened.keys()}
    assert {href: opened[href] for href in inner} == dict.fromkeys(inner, 200)


def test_hostile_texts_stay_texts(house: Web) -> None:
    tenant = rows.tenant(house.workspace, name=HOSTILE, key="ten_<b>")
    definition = rows.definition(house.workspace, name="hostile", title=HOSTILE, text=HOSTILE)
    run = rows.run(tenant, definition, state=RunState.INVOKING, task={"tenant_id": HOSTILE}, subject=HOSTILE)
    rows.checked(run)
    rows.attempt(
        run,
        1,
        after=1,
        lasting=1,
        **{"class": HOSTILE, "why": HOSTILE, "status": HOSTILE, "answer": {HOSTILE: HOSTILE}},
    )
    packet = rows.exception(
        tenant, definition, message=HOSTILE, reason=HOSTILE[:60], handling=Handling.TAKEN, taken_by=HOSTILE
    )
    rows.entry(run, EventKind.RECONCILED, step=HOSTILE[:60], after=3, detail={"effect": HOSTILE, "then": HOSTILE})
    client = everything(house)
    for url in (
        "/admin",
        "/admin/operations",
        f"/admin/operations/{run.ref}",
        f"/admin/operations/{packet.run.ref}",
        "/admin/exceptions",
        f"/admin/exceptions/{packet.ref}",
        "/admin/t/ten_%3Cb%3E",
        "/admin/evaluation",
        "/admin/definitions",
        f"/admin/definitions/{definition.pk}",
    ):
        body = client.get(url).content.decode()
        assert "&lt;script&gt;" in body or url == "/admin/evaluation"
        assert "<script>alert" not in body
        assert "<img" not in body
        assert check(body).wrong == []


def test_hostile_filters_are_not_repeated_as_markup(as_role: Callable[..., Client]) -> None:
    client = as_role(*Role)
    for path, names in {
        "operations": ("tenant", "runbook", "state", "before"),
        "audit": ("event", "actor", "subject", "outcome", "before"),
        "evaluation": ("span",),
    }.items():
        response = client.get(f"/admin/{path}", dict.fromkeys(names, HOSTILE))
        assert response.status_code in {200, 422}
        assert "<script>alert" not in response.content.decode()
        assert check(response.content.decode()).wrong == []


def test_hostile_filters_of_exceptions_are_refused_and_not_repeated_as_markup(as_role: Callable[..., Client]) -> None:
    names = ("tenant", "handling", "owner", "older_than", "cause", "reason", "runbook", "task", "text", "sort", "after")
    response = as_role(*Role).get("/admin/exceptions", dict.fromkeys(names, HOSTILE))
    assert response.status_code == 422
    assert "<script>alert" not in response.content.decode()
    assert check(response.content.decode()).wrong == []
