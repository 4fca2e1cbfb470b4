"""Log-in through a real, certified OpenID provider, with people whose claims are right, and wrong."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.test import Client

from handrail.access.capabilities import Role
from handrail.access.models import Identity, User
from handrail.audit.models import AuditEvent
from handrail.connectors import oidc
from handrail.connectors.oidc import Provider, Settings, SignOn, look
from handrail.kernel.secrets import Secret
from tests.factories import rows
from tests.peers.openid_provider import CLIENT, SECRET, OpenIdProvider, running_openid_provider, why_absent
from tests.peers.request_tracker import require

pytestmark = [pytest.mark.peer, pytest.mark.django_db]

BACK = "http://testserver/accounts/oidc/sso/login/callback/"
# What the provider's operator may have chosen: how the client authenticates, how tokens are signed, where claims are.
WAYS = {
    "basic, claims in userinfo": {},
    "secret in the body": {"AUTH_METHOD": "client_secret_post"},
    "PS256, claims in the token too": {"SIGNED_WITH": "PS256", "EMAIL_IN_TOKEN": "yes"},
}


def sign_on(provider: OpenIdProvider, **otherwise: Any) -> SignOn:
    given = {"issuer": provider.url, "client_id": CLIENT, "client_secret": Secret(SECRET), **otherwise}
    return SignOn("Example Login", Provider(Settings(**given)))


@pytest.fixture(scope="module")
def server() -> Iterator[OpenIdProvider]:
    require(why_absent(), in_ci=os.environ.get("CI") == "true")
    with running_openid_provider(BACK) as running:
        yield running


@pytest.fixture
def provider(server: OpenIdProvider) -> Iterator[OpenIdProvider]:
    with oidc.use(sign_on(server)):
        yield server


@pytest.fixture
def olivia(db: None) -> User:
    return rows.member(rows.workspace(), Role.GOVERNANCE_OWNER, email="olivia@example.com")


def come_back(provider: OpenIdProvider, client: Client, person: str) -> Any:
    started = client.post("/accounts/oidc/sso/login/")
    assert started.status_code == 302
    back = urlsplit(provider.log_in(started.headers["Location"], person, until=BACK))
    return client.get(f"{back.path}?{back.query}")


def cause() -> str:
    return str(AuditEvent.objects.get(event="user.login_refused").context["cause"])


def test_member_is_logged_in_and_known_again(provider: OpenIdProvider, olivia: User) -> None:
    for _ in range(2):
        client = Client()
        assert come_back(provider, client, "olivia").headers["Location"] == "/admin"
        assert client.session["_auth_user_id"] == str(olivia.pk)
    assert list(Identity.objects.values_list("issuer", "subject")) == [(provider.url, "olivia")]
    assert AuditEvent.objects.filter(event="identity.joined").count() == 1
    assert User.objects.get(pk=olivia.pk).check_password(rows.PASSWORD)


@pytest.mark.parametrize(
    ("person", "expected"),
    [
        ("unverified", "email-unverified"),
        ("textfalse", "email-unverified"),
        ("texttrue", "email-unverified"),
        ("one", "email-unverified"),
        ("silent", "email-unverified"),
        ("several", "claim-type"),
        ("stranger", "no-account"),
    ],
)
def test_person_whose_claims_do_not_do_is_refused(
    provider: OpenIdProvider, olivia: User, person: str, expected: str
) -> None:
    client = Client()
    assert come_back(provider, client, person).status_code in {401, 403}
    assert "_auth_user_id" not in client.session
    assert cause() == expected
    assert not Identity.objects.exists()


def test_recycled_address_is_refused(provider: OpenIdProvider, olivia: User) -> None:
    come_back(provider, Client(), "olivia")
    client = Client()
    assert come_back(provider, client, "recycled").status_code == 403
    assert "_auth_user_id" not in client.session
    assert cause() == "account-joined"


@pytest.mark.parametrize("way", WAYS)
def test_each_way_to_set_the_client_up_works(olivia: User, way: str) -> None:
    require(why_absent(), in_ci=os.environ.get("CI") == "true")
    with running_openid_provider(BACK, **WAYS[way]) as provider, oidc.use(sign_on(provider)):
        client = Client()
        come_back(provider, client, "olivia")
        assert client.session["_auth_user_id"] == str(olivia.pk)


def test_tokens_signed_with_the_client_secret_are_refused(olivia: User) -> None:
    require(why_absent(), in_ci=os.environ.get("CI") == "true")
    with running_openid_provider(BACK, SIGNED_WITH="HS256") as provider, oidc.use(sign_on(provider)):
        assert come_back(provider, Client(), "olivia").status_code == 401
    assert cause() == "token-algorithm"


def test_wrong_client_secret_is_a_matter_of_set_up(server: OpenIdProvider, olivia: User) -> None:
    with oidc.use(sign_on(server, client_secret=Secret("wrong"))):
        assert come_back(server, Client(), "olivia").status_code == 503
    assert cause() == "client-refused"


def test_issuer_by_another_name_is_another_issuer(server: OpenIdProvider, olivia: User) -> None:
    with oidc.use(sign_on(server, issuer=server.url.replace("127.0.0.1", "localhost"))):
        assert Client().post("/accounts/oidc/sso/login/").status_code == 503
    assert cause() == "discovery-issuer"


def test_provider_that_goes_away_in_between_is_a_page(olivia: User) -> None:
    require(why_absent(), in_ci=os.environ.get("CI") == "true")
    client = Client()
    with running_openid_provider(BACK) as provider, oidc.use(sign_on(provider)) as found:
        started = client.post("/accounts/oidc/sso/login/")
        back = urlsplit(provider.log_in(started.headers["Location"], "olivia", until=BACK))
    with oidc.use(found):
        assert client.get(f"{back.path}?{back.query}").status_code == 503
    assert cause() == "provider-unreachable"


def test_check_finds_nothing_wrong(server: OpenIdProvider) -> None:
    found = list(look(sign_on(server).provider, (server.url,)))
    assert [one.ok for one in found] == [True]
    assert "RS256" in found[0].message
