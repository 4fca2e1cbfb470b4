"""Log-in by an identity provider: it says who somebody is, and makes nobody a member."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest
from django.test import Client

from handrail.access.capabilities import Role
from handrail.access.models import Identity, User
from handrail.audit.models import AuditEvent
from handrail.conf import config
from handrail.conf.single_sign_on import origins
from handrail.connectors import oidc
from handrail.kernel.errors import Misconfigured
from tests.factories import rows
from tests.factories.identity_provider import IdentityProvider, identity_provider
from tests.factories.web import Web

pytestmark = pytest.mark.django_db


@pytest.fixture
def provider() -> Iterator[IdentityProvider]:
    with identity_provider() as running, oidc.use(running.sign_on()):
        yield running


def log_in(client: Client, *, to: str = "") -> Any:
    """The whole way: our button, their page, our callback."""
    started = client.post("/accounts/oidc/sso/login/" + (f"?next={to}" if to else ""))
    assert started.status_code == 302
    there = httpx2.get(started.headers["Location"], follow_redirects=False)
    back = urlsplit(there.headers["Location"])
    return client.get(f"{back.path}?{back.query}")


def test_member_with_that_verified_address_is_logged_in(house: Web, provider: IdentityProvider) -> None:
    user = rows.member(house.workspace, Role.OPERATOR)
    provider.person["email"] = user.email
    client = Client()
    assert "Log in with Acme Login" in client.get("/accounts/login/").content.decode()
    assert log_in(client, to="/admin/operations").headers["Location"] == "/admin/operations"
    assert client.get("/admin/operations").status_code == 200
    assert AuditEvent.objects.get(event="user.logged_in").subject == user.email
    assert Identity.objects.get(issuer=provider.url, subject="person-1").user == user


def test_person_stays_the_same_when_the_address_changes_there(house: Web, provider: IdentityProvider) -> None:
    user = rows.member(house.workspace, Role.OPERATOR)
    provider.person["email"] = user.email
    log_in(Client())
    provider.person["email"] = "married@example.com"
    again = Client()
    log_in(again)
    assert again.session["_auth_user_id"] == str(user.pk)
    assert User.objects.get(pk=user.pk).email == user.email


def test_unverified_address_opens_nothing(house: Web, provider: IdentityProvider) -> None:
    user = rows.member(house.workspace, Role.OPERATOR)
    provider.person |= {"email": user.email, "email_verified": False}
    client = Client()
    assert "You have no account here" in log_in(client).content.decode()
    assert "_auth_user_id" not in client.session
    assert AuditEvent.objects.filter(event="user.login_refused").count() == 1


def test_stranger_gets_no_account(house: Web, provider: IdentityProvider) -> None:
    before = User.objects.count()
    response = log_in(Client())
    assert "You have no account here" in response.content.decode()
    assert "ana@example.com" not in response.content.decode()
    assert (User.objects.count(), Identity.objects.count()) == (before, 0)


def test_removed_account_stays_out(house: Web, provider: IdentityProvider) -> None:
    user = rows.member(house.workspace, Role.OPERATOR)
    provider.person["email"] = user.email
    User.objects.filter(pk=user.pk).update(is_active=False)
    client = Client()
    log_in(client)
    assert client.get("/admin").headers["Location"].startswith("/accounts/login/")


@pytest.mark.parametrize(("trouble", "says"), [("denies", "You cancelled the log-in"), ("breaks", "did not confirm")])
def test_log_in_that_fails_there_is_a_page_and_audited(
    house: Web, provider: IdentityProvider, trouble: str, says: str
) -> None:
    setattr(provider, trouble, True)
    client = Client()
    response = log_in(client)
    assert says in response.content.decode()
    assert AuditEvent.objects.get(event="user.login_refused").subject == "single sign-on"


def test_answer_to_another_browser_is_refused(house: Web, provider: IdentityProvider) -> None:
    user = rows.member(house.workspace, Role.OPERATOR)
    provider.person["email"] = user.email
    started = Client().post("/accounts/oidc/sso/login/")
    back = urlsplit(httpx2.get(started.headers["Location"], follow_redirects=False).headers["Location"])
    victim = Client()
    assert victim.get(f"{back.path}?{back.query}").status_code == 401
    assert "_auth_user_id" not in victim.session


def test_nobody_joins_an_identity_to_an_account_by_hand(house: Web, provider: IdentityProvider) -> None:
    user = rows.member(house.workspace, Role.OPERATOR)
    provider.person["email"] = user.email
    client = Client()
    started = client.post("/accounts/oidc/sso/login/")
    client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
    back = urlsplit(httpx2.get(started.headers["Location"], follow_redirects=False).headers["Location"])
    assert client.get(f"{back.path}?{back.query}").headers["Location"] == "/admin"
    assert client.post("/accounts/oidc/sso/login/?process=connect").headers["Location"] == "/admin"
    assert Identity.objects.count() == 0


def test_passwords_are_not_taken_when_single_sign_on_is_the_only_way(
    house: Web, provider: IdentityProvider, settings: Any
) -> None:
    settings.SOCIALACCOUNT_ONLY = True
    user = rows.member(house.workspace, Role.OPERATOR)
    client = Client()
    assert "Password" not in client.get("/accounts/login/").content.decode()
    assert client.post("/accounts/login/", {"login": user.email, "password": rows.PASSWORD}).status_code == 403


def test_without_a_provider_there_is_no_way_in_by_one(house: Web) -> None:
    client = Client()
    assert client.post("/accounts/oidc/sso/login/").status_code == 404
    assert client.get("/accounts/oidc/sso/login/callback/?code=x&state=y").status_code == 404
    assert "oidc" not in client.get("/accounts/login/").content.decode()


@pytest.mark.parametrize("issuer", ["http://login.example.com", "https://u:p@login.example.com", "login.example.com"])
def test_issuer_that_is_not_over_tls_is_refused(issuer: str) -> None:
    text = f'[single_sign_on]\nname = "x"\nissuer = "{issuer}"\nclient_id = "x"\nclient_secret = "env:X"'
    with pytest.raises(Misconfigured, match=r"single_sign_on\.issuer"):
        config.parse(text)


def test_browsers_are_told_where_the_form_may_lead() -> None:
    section = config.SingleSignOnSection(
        name="x",
        issuer="https://login.example.com/realms/acme",
        client_id="x",
        client_secret="env:X",
        also=("https://mfa.example.com/",),
    )
    assert origins(section) == ["https://login.example.com", "https://mfa.example.com"]
