"""Sessions are listed and ended by their owner and by an administrator; whatever ends an account's access ends them."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.sessions.backends.base import UpdateError
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from handrail.access import actions, queries, sessions
from handrail.access.capabilities import Role
from handrail.access.models import LoginSession, User
from handrail.audit.models import AuditEvent
from handrail.kernel.errors import Denied, NotFound
from tests.factories import rows
from tests.factories.web import Web

pytestmark = pytest.mark.django_db
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0"
EDGE = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36 Edg/140.0"
SAFARI = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1 Version/18.0 Safari/604.1"
NEW = "seven purple bicycles"


@pytest.fixture(autouse=True)
def _fresh_limits() -> None:
    cache.clear()


@pytest.fixture
def ann(house: Web) -> User:
    return rows.member(house.workspace, Role.OPERATOR, email="ann@initech.example")


def logged_in(user: User, *, agent: str = FIREFOX, address: str = "192.0.2.7") -> Client:
    client = Client(headers={"user-agent": agent}, REMOTE_ADDR=address)
    response = client.post("/accounts/login/", {"login": user.email, "password": rows.PASSWORD})
    assert response.status_code == 302, response.content.decode()
    return client


def is_in(client: Client) -> bool:
    return bool(client.get("/admin").status_code == 200)


def event(name: str) -> AuditEvent:
    return AuditEvent.objects.get(event=name)


def test_own_sessions_are_listed_with_device_address_method_and_which_one_this_is(ann: User) -> None:
    logged_in(ann, agent=EDGE, address="198.51.100.9")
    page = logged_in(ann).get("/admin/sessions").content.decode()
    for shown in ("Edge on Windows", "198.51.100.9", "Firefox on Linux", "192.0.2.7", "by password", "this session"):
        assert shown in page
    assert page.count("this session") == 1


@pytest.mark.parametrize(
    ("agent", "device"),
    [
        (FIREFOX, "Firefox on Linux"),
        (EDGE, "Edge on Windows"),
        (SAFARI, "Safari on iPhone"),
        ("curl/8.5", "Unknown device"),
        ("", "Unknown device"),
        ("<script>alert(1)</script>", "Unknown device"),
        ("x" * 100_000 + " Firefox/1", "Unknown device"),
    ],
)
def test_device_is_coarse_and_holds_nothing_of_the_header(agent: str, device: str) -> None:
    assert sessions.device(agent) == device


def test_owner_ends_one_session_and_stays(ann: User) -> None:
    other, third = logged_in(ann, agent=EDGE), logged_in(ann, agent=SAFARI)
    here = logged_in(ann)
    ref = LoginSession.objects.get(agent="Edge on Windows").ref
    assert here.post("/admin/sessions", {"session": ref}).status_code == 302
    assert [is_in(client) for client in (other, third, here)] == [False, True, True]
    ended = event("session.ended")
    assert (ended.actor, ended.subject) == (ann.email, ann.email)
    assert ended.context == {"session": ref, "sessions": 1}


def test_owner_ends_all_other_sessions(ann: User) -> None:
    others, here = [logged_in(ann) for _ in range(3)], logged_in(ann)
    assert "3 sessions ended" in here.post("/admin/sessions", follow=True).content.decode()
    assert [is_in(client) for client in (*others, here)] == [False, False, False, True]


def test_session_of_somebody_else_is_not_there_for_its_guesser(house: Web, ann: User) -> None:
    bob = rows.member(house.workspace, Role.OPERATOR, email="bob@initech.example")
    his = logged_in(bob)
    ref = LoginSession.objects.get().ref
    hers = logged_in(ann)
    foreign, missing = (hers.post("/admin/sessions", {"session": r}).content for r in (ref, "SES-0000000000"))
    assert foreign == missing
    assert is_in(his)


def test_administrator_sees_and_ends_the_sessions_of_a_member(
    house: Web, ann: User, as_role: Callable[..., Client]
) -> None:
    clients = [logged_in(ann, agent=agent) for agent in (EDGE, SAFARI)]
    administrator = as_role(Role.WORKSPACE_ADMINISTRATOR)
    link = reverse("member-sessions", args=[ann.membership_set.get().pk])
    assert link in administrator.get("/admin/members").content.decode()
    page = administrator.get(link).content.decode()
    assert "Edge on Windows" in page
    assert "Safari on iPhone" in page
    administrator.post(link, {"session": LoginSession.objects.get(agent="Edge on Windows").ref})
    assert [is_in(client) for client in clients] == [False, True]
    administrator.post(link)
    assert [is_in(client) for client in clients] == [False, False]
    assert "Not logged in anywhere." in administrator.get(link).content.decode()
    assert AuditEvent.objects.filter(event="session.ended", subject=ann.email).count() == 2


def test_administrator_ends_no_sessions_beyond_their_own_tenants(house: Web, ann: User) -> None:
    other = rows.tenant(house.workspace, name="Another customer")
    limited = rows.member(house.workspace, Role.WORKSPACE_ADMINISTRATOR, tenants=[other])
    by = queries.actor_for(limited)
    her = logged_in(ann)
    with pytest.raises(NotFound):
        sessions.list_of_member(by, ann.email)
    with pytest.raises(NotFound):
        sessions.end_of_member(ann.email, by=by)
    elsewhere = rows.member(house.workspace, Role.OPERATOR, tenants=[rows.tenant(house.workspace, name="A third")])
    with pytest.raises(NotFound):
        sessions.end_of_member(elsewhere.email, by=by)
    with pytest.raises(Denied):
        sessions.end_of_member(ann.email, by=queries.actor_for(ann))
    assert is_in(her)
    own = rows.member(house.workspace, Role.WORKSPACE_ADMINISTRATOR, tenants=[other])
    logged_in(own)
    within = sessions.administered(by)
    assert {own.membership_set.get().pk, limited.membership_set.get().pk} <= within
    assert not {ann.membership_set.get().pk, house.member.pk} & within
    assert sessions.end_of_member(own.email, by=by) == 1


def test_administrator_of_another_workspace_finds_nobody(house: Web, neighbour: Web, ann: User) -> None:
    stranger = queries.actor_for(rows.member(neighbour.workspace, Role.WORKSPACE_ADMINISTRATOR))
    with pytest.raises(NotFound):
        sessions.list_of_member(stranger, ann.email)


def test_administrator_ends_sessions_begun_in_another_workspace_and_does_not_see_from_where(
    house: Web, neighbour: Web, ann: User, as_role: Callable[..., Client]
) -> None:
    """Each of them opens this workspace as well; where she works for the other one is not this one's to know."""
    link = reverse("member-sessions", args=[ann.membership_set.get(workspace=house.workspace).pk])
    logged_in(ann, address="198.51.100.9")
    administrator = as_role(Role.WORKSPACE_ADMINISTRATOR)
    assert "198.51.100.9" in administrator.get(link).content.decode()
    there = queries.actor_for(rows.member(neighbour.workspace, Role.WORKSPACE_ADMINISTRATOR))
    elsewhere = actions.add_member(email=ann.email, roles=[Role.AUDITOR], tenants=None, by=there)
    her = logged_in(ann, agent=EDGE, address="198.51.100.10")
    assert her.post("/admin/workspaces", {"workspace": neighbour.workspace.slug}).status_code == 302
    page = administrator.get(link).content.decode()
    assert "Edge on Windows" in page
    assert "198.51.100" not in page
    assert page.count("not shown</span>") == 4
    assert {(row.address, row.seen_at) for row in sessions.list_of_member(there, ann.email)} == {(None, None)}
    own = sessions.list_own(ann)
    assert {row.address for row in own} == {"198.51.100.9", "198.51.100.10"}
    administrator.post(link, {"session": LoginSession.objects.get(agent="Edge on Windows").ref})
    assert not is_in(her)
    assert sessions.end_of_member(ann.email, by=there) == 1
    workspaces = AuditEvent.objects.filter(event="session.ended", subject=ann.email).order_by("pk")
    assert list(workspaces.values_list("workspace_id", flat=True)) == [house.workspace.pk, elsewhere.workspace_id]


@pytest.mark.parametrize("way", ["removed", "password by command", "password on the page"])
def test_what_ends_access_ends_the_sessions(house: Web, ann: User, way: str) -> None:
    elsewhere, here = logged_in(ann), logged_in(ann)
    operator = queries.command_line(house.workspace.slug)
    if way == "removed":
        actions.change_member(email=ann.email, is_active=False, by=operator)
    elif way == "password by command":
        actions.set_password(email=ann.email, password=NEW, by=operator)
    else:
        given = {"oldpassword": rows.PASSWORD, "password1": NEW, "password2": NEW}
        assert here.post("/accounts/password/change/", given).status_code == 302
        changed = event("user.password_changed")
        assert (changed.actor, changed.outcome) == (ann.email, "done")
        assert changed.context == {"address": "192.0.2.7", "sessions": 1}
    assert [is_in(elsewhere), is_in(here)] == [False, way == "password on the page"]
    assert LoginSession.objects.filter(user=ann).count() == (1 if way == "password on the page" else 0)


def test_restored_member_has_to_log_in_again(house: Web, ann: User) -> None:
    client, operator = logged_in(ann), queries.command_line(house.workspace.slug)
    for active in (False, True):
        actions.change_member(email=ann.email, is_active=active, by=operator)
    assert not is_in(client)


def test_password_is_not_changed_without_the_old_one(ann: User) -> None:
    client = logged_in(ann)
    given = {"oldpassword": "wrong", "password1": NEW, "password2": NEW}
    assert client.post("/accounts/password/change/", given).status_code == 200
    ann.refresh_from_db()
    assert ann.check_password(rows.PASSWORD)
    assert (event("user.password_changed").outcome, event("user.password_changed").context["address"]) == (
        "denied",
        "192.0.2.7",
    )


@pytest.mark.parametrize("password", ["aaaaaaaaaaaa", "initech-rules-9", "northwind gate 7"])
def test_guessable_password_is_refused_on_the_page(ann: User, password: str) -> None:
    client = logged_in(ann)
    given = {"oldpassword": rows.PASSWORD, "password1": password, "password2": password}
    assert client.post("/accounts/password/change/", given).status_code == 200
    ann.refresh_from_db()
    assert ann.check_password(rows.PASSWORD)


def test_member_without_a_password_is_told_where_to_change_it(ann: User) -> None:
    client = logged_in(ann)
    ann.set_unusable_password()
    ann.save()
    client.force_login(ann, backend="allauth.account.auth_backends.AuthenticationBackend")
    page = client.get("/accounts/password/change/")
    assert page.status_code == 200
    assert "identity provider" in page.content.decode()


def test_log_in_is_audited_with_address_method_and_session(ann: User, settings: Any) -> None:
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    client = Client(headers={"x-forwarded-for": "6.6.6.6, 203.0.113.5"})
    client.post("/accounts/login/", {"login": ann.email, "password": rows.PASSWORD})
    ref = LoginSession.objects.get().ref
    assert event("user.logged_in").context == {"address": "203.0.113.5", "method": "password", "session": ref}


def test_header_of_a_proxy_that_lacks_an_address_is_no_failure(ann: User, settings: Any) -> None:
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 2
    for header in ("203.0.113.5", "nonsense, rubbish", "a" * 5000 + ",,"):
        client = Client(headers={"x-forwarded-for": header})
        assert client.post("/accounts/login/", {"login": ann.email, "password": rows.PASSWORD}).status_code == 302
    assert set(LoginSession.objects.values_list("address", flat=True)) == {"127.0.0.1"}


def closed(user: User) -> None:
    User.objects.filter(pk=user.pk).update(is_active=False)


def tried_too_often(user: User) -> None:
    for _ in range(10):
        Client().post("/accounts/login/", {"login": user.email, "password": "wrong"})


@pytest.mark.parametrize(
    ("given", "prepare", "cause", "subject"),
    [
        ({"password": "wrong"}, None, "wrong", "ann@initech.example"),
        ({"login": "nobody@initech.example"}, None, "wrong", "unknown"),
        ({}, closed, "closed", "ann@initech.example"),
        ({}, tried_too_often, "limit", "unknown"),
        ({"password": ""}, None, "incomplete", "unknown"),
    ],
)
def test_every_refused_log_in_is_audited_with_its_cause(
    ann: User, given: dict[str, str], prepare: Callable[[User], None] | None, cause: str, subject: str
) -> None:
    if prepare:
        prepare(ann)
    client = Client()
    client.post("/accounts/login/", {"login": ann.email, "password": rows.PASSWORD} | given)
    assert not is_in(client)
    refused = AuditEvent.objects.filter(event="user.login_refused").latest("pk")
    assert (refused.subject, refused.outcome) == (subject, "denied")
    assert refused.context == {"address": "127.0.0.1", "method": "password", "cause": cause}


def test_refusals_by_the_limit_do_not_fill_the_audit_log(ann: User) -> None:
    tried_too_often(ann)
    for _ in range(40):
        Client().post("/accounts/login/", {"login": ann.email, "password": "wrong"})
    assert AuditEvent.objects.filter(event="user.login_refused", context__cause="limit").count() == 1


def test_log_out_is_audited_and_the_browser_forgets(ann: User) -> None:
    client = logged_in(ann)
    ref = LoginSession.objects.get().ref
    response = client.post("/accounts/logout/")
    assert response.headers["Clear-Site-Data"] == '"cache", "storage"'
    assert response.cookies["sessionid"].value == ""
    assert LoginSession.objects.count() == 0
    assert event("user.logged_out").context == {"address": "192.0.2.7", "cause": "person", "session": ref}


def test_idle_log_out_is_audited_and_the_browser_forgets(ann: User) -> None:
    client = logged_in(ann)
    client.get("/admin")
    session = client.session
    session["seen"] -= 61 * 60
    session.save()
    response = client.get("/admin")
    assert (response.status_code, response.headers["Clear-Site-Data"]) == (302, '"cache", "storage"')
    assert event("user.logged_out").context["cause"] == "idle"


def test_busy_person_is_logged_out_twelve_hours_after_logging_in(ann: User) -> None:
    client = logged_in(ann)
    client.get("/admin")
    for hours, stays in ((11.9, True), (12, False)):
        session = client.session
        session["login"] = session["login"] | {"at": int(time.time() - hours * 3600)}
        session.save()
        assert is_in(client) == stays
    assert event("user.logged_out").context["cause"] == "age"


def test_session_that_ends_during_a_request_is_not_written_again(ann: User) -> None:
    client = logged_in(ann)
    client.get("/admin")
    session = client.session
    assert session["seen"]
    sessions.end_own(ann, by=queries.actor_for(ann))
    session["seen"] = 1
    with pytest.raises(UpdateError):
        session.save()
    assert LoginSession.objects.count() == 0
