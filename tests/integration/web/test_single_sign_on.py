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
from tests.factories.identity_provider import IdentityProvider, identity_provider, private_key, public_jwk
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
    event = AuditEvent.objects.get(event="user.logged_in")
    assert (event.subject, event.context["method"], event.context["address"]) == (user.email, "sso", "127.0.0.1")
    assert AuditEvent.objects.get(event="identity.joined").context["address"] == "127.0.0.1"
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
    settings.HANDRAIL_SIGN_ON_ONLY = True
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


def test_first_log_in_keeps_the_password(house: Web, provider: IdentityProvider) -> None:
    user = rows.member(house.workspace, Role.OPERATOR)
    provider.person["email"] = user.email
    log_in(Client())
    by_password = Client()
    by_password.post("/accounts/login/", {"login": user.email, "password": rows.PASSWORD})
    assert by_password.session["_auth_user_id"] == str(user.pk)


def test_recycled_address_does_not_take_the_account_over(house: Web, provider: IdentityProvider) -> None:
    user = rows.member(house.workspace, Role.GOVERNANCE_OWNER)
    provider.person["email"] = user.email
    log_in(Client())
    provider.person["sub"] = "somebody-with-the-same-address"
    client = Client()
    response = log_in(client)
    assert response.status_code == 403
    assert "You have no account here" in response.content.decode()
    assert "_auth_user_id" not in client.session
    event = AuditEvent.objects.get(event="user.login_refused")
    assert (event.actor, event.subject, event.context["cause"]) == (user.email, user.email, "account-joined")
    assert Identity.objects.get().subject == "person-1"


def test_person_is_known_whatever_their_address_is_called(house: Web, provider: IdentityProvider) -> None:
    """A provider that no longer says whether addresses are verified locks nobody out who has joined."""
    user = rows.member(house.workspace, Role.OPERATOR)
    provider.person["email"] = user.email
    log_in(Client())
    for said in ({"email_verified": "false"}, {"email_verified": None, "email": None}):
        provider.person |= said
        again = Client()
        log_in(again)
        assert again.session["_auth_user_id"] == str(user.pk)


def test_log_in_says_what_openid_connect_asks_for(house: Web, provider: IdentityProvider) -> None:
    log_in(Client())
    first = provider.seen
    assert {"openid", "email"} <= set(first["scope"].split())
    assert (first["response_type"], first["code_challenge_method"]) == ("code", "S256")
    assert first["redirect_uri"] == "http://testserver/accounts/oidc/sso/login/callback/"
    log_in(Client())
    for name in ("state", "nonce", "code_challenge"):
        assert len(first[name]) >= 43
        assert first[name] != provider.seen[name]


def test_answer_is_taken_once(house: Web, provider: IdentityProvider) -> None:
    user = rows.member(house.workspace, Role.OPERATOR)
    provider.person["email"] = user.email
    client = Client()
    started = client.post("/accounts/oidc/sso/login/")
    back = urlsplit(httpx2.get(started.headers["Location"], follow_redirects=False).headers["Location"])
    assert client.get(f"{back.path}?{back.query}").status_code == 302
    client.post("/accounts/logout/")
    assert client.get(f"{back.path}?{back.query}").status_code == 401
    assert "_auth_user_id" not in client.session


def test_log_in_that_took_too_long_begins_again(house: Web, provider: IdentityProvider) -> None:
    client = Client()
    started = client.post("/accounts/oidc/sso/login/")
    session = client.session
    session["sign_on"] = [{**one, "at": one["at"] - 601} for one in session["sign_on"]]
    session.save()
    back = urlsplit(httpx2.get(started.headers["Location"], follow_redirects=False).headers["Location"])
    assert client.get(f"{back.path}?{back.query}").status_code == 401


def test_two_tabs_both_log_in(house: Web, provider: IdentityProvider) -> None:
    user = rows.member(house.workspace, Role.OPERATOR)
    provider.person["email"] = user.email
    client = Client()
    starts = [client.post("/accounts/oidc/sso/login/").headers["Location"] for _ in range(7)]
    assert len(client.session["sign_on"]) == 5
    back = urlsplit(httpx2.get(starts[-2], follow_redirects=False).headers["Location"])
    assert client.get(f"{back.path}?{back.query}").headers["Location"] == "/admin"


@pytest.mark.parametrize(
    "to", ["https://evil.example.com/", "//evil.example.com", "javascript:alert(1)", "/\\evil.com"]
)
def test_log_in_leads_nowhere_else(house: Web, provider: IdentityProvider, to: str) -> None:
    user = rows.member(house.workspace, Role.OPERATOR)
    provider.person["email"] = user.email
    assert log_in(Client(), to=to).headers["Location"] == "/admin"


def test_link_alone_does_not_begin_a_log_in(house: Web, provider: IdentityProvider) -> None:
    page = Client().get("/accounts/oidc/sso/login/?next=/admin/operations")
    assert page.status_code == 200
    assert "Continue to Acme Login" in page.content.decode()
    assert 'value="/admin/operations"' in page.content.decode()
    assert Client(enforce_csrf_checks=True).post("/accounts/oidc/sso/login/").status_code == 403
    assert provider.asked == []


def test_refusals_of_one_address_do_not_fill_the_audit_log(house: Web, provider: IdentityProvider) -> None:
    client = Client()
    answers = [client.get("/accounts/oidc/sso/login/callback/?code=x&state=y").status_code for _ in range(45)]
    assert answers[0] == 401
    assert answers[-1] == 429
    # Two minutes at most, should one end in between.
    assert AuditEvent.objects.filter(event="user.login_refused").count() in (20, 40)


def test_changed_keys_are_read_again_once(house: Web, provider: IdentityProvider) -> None:
    user = rows.member(house.workspace, Role.OPERATOR)
    provider.person["email"] = user.email
    log_in(Client())
    log_in(Client())
    assert provider.asked.count("/keys") == 1
    assert provider.asked.count("/.well-known/openid-configuration") == 1
    provider.keys = [public_jwk(private_key(which=1), kid="key-2", alg="RS256")]
    provider.sign = lambda claims: provider.signed(claims, key=private_key(which=1), kid="key-2")
    client = Client()
    log_in(client)
    assert client.session["_auth_user_id"] == str(user.pk)
    assert provider.asked.count("/keys") == 2


@pytest.mark.parametrize(("kind", "algorithm"), [("RSA", "RS256"), ("RSA", "PS384"), ("EC", "ES256"), ("OKP", "EdDSA")])
def test_provider_may_sign_in_several_ways(house: Web, provider: IdentityProvider, kind: str, algorithm: str) -> None:
    user = rows.member(house.workspace, Role.OPERATOR)
    provider.person["email"] = user.email
    key = private_key(kind)
    provider.keys.insert(0, public_jwk(key, kid="theirs"))
    provider.says_of_itself = lambda doc: {**doc, "id_token_signing_alg_values_supported": [algorithm]}
    provider.says_in_token = lambda claims: {k: v for k, v in claims.items() if k != "at_hash"}
    provider.sign = lambda claims: provider.signed(claims, key=key, algorithm=algorithm, kid="theirs")
    client = Client()
    log_in(client)
    assert client.session["_auth_user_id"] == str(user.pk)


@pytest.mark.parametrize(
    "changed",
    [
        {"userinfo_endpoint": None},
        {"token_endpoint_auth_methods_supported": ["client_secret_basic"]},
        {"token_endpoint_auth_methods_supported": None},
        {"authorization_response_iss_parameter_supported": True},
        {"id_token_signing_alg_values_supported": None},
        {"code_challenge_methods_supported": None},
    ],
    ids="-".join,
)
def test_provider_may_offer_less(house: Web, provider: IdentityProvider, changed: dict[str, Any]) -> None:
    user = rows.member(house.workspace, Role.OPERATOR)
    provider.person["email"] = user.email
    provider.says_of_itself = lambda doc: {k: v for k, v in {**doc, **changed}.items() if v is not None}
    provider.sends_back = lambda query: {**query, "iss": provider.url}
    client = Client()
    log_in(client)
    assert client.session["_auth_user_id"] == str(user.pk)


@pytest.mark.parametrize("seconds", [-50, 50])
def test_clocks_may_be_a_little_apart(house: Web, provider: IdentityProvider, seconds: int) -> None:
    user = rows.member(house.workspace, Role.OPERATOR)
    provider.person["email"] = user.email
    provider.says_in_token = lambda c: {
        **c,
        "iat": c["iat"] + seconds,
        "nbf": c["iat"] + seconds,
        "exp": c["iat"] + seconds,
    }
    client = Client()
    log_in(client)
    assert client.session["_auth_user_id"] == str(user.pk)


def test_certificate_that_nobody_vouches_for_is_refused(house: Web, provider: IdentityProvider) -> None:
    """The port speaks no TLS at all: the handshake fails as it does with a foreign certificate."""
    elsewhere = provider.sign_on(issuer=provider.url.replace("http:", "https:"))
    with oidc.use(elsewhere):
        response = Client().post("/accounts/oidc/sso/login/")
    assert response.status_code == 503
    assert "not set up correctly" in response.content.decode()
    assert AuditEvent.objects.get(event="user.login_refused").context["cause"] == "provider-tls"


def test_provider_that_is_away_is_a_page(house: Web, provider: IdentityProvider) -> None:
    with oidc.use(provider.sign_on(issuer="http://127.0.0.1:9")):
        response = Client().post("/accounts/oidc/sso/login/")
    assert response.status_code == 503
    assert "is not responding" in response.content.decode()
    assert AuditEvent.objects.get(event="user.login_refused").context["cause"] == "provider-unreachable"
