"""What ``handrail check`` says about the identity provider, without logging anybody in."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from handrail.connectors.finding import Finding
from handrail.connectors.oidc import look
from tests.factories.identity_provider import IdentityProvider, identity_provider, private_key, public_jwk

DISCOVERY = "/.well-known/openid-configuration"


@pytest.fixture(scope="module")
def server() -> Iterator[IdentityProvider]:
    with identity_provider() as running:
        yield running


@pytest.fixture
def provider(server: IdentityProvider) -> IdentityProvider:
    server.reset()
    return server


def found(provider: IdentityProvider, **settings: Any) -> list[Finding]:
    return list(look(provider.sign_on(**settings).provider, (provider.url,)))


def test_provider_that_fits_is_one_good_finding(provider: IdentityProvider) -> None:
    (only,) = found(provider)
    assert (only.ok, only.fix) == (True, "")
    assert only.message == "The provider is the configured issuer, and has keys for RS256."


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"issuer": "https://other.example.com"}, "discovery-issuer"),
        ({"issuer": "{url}/"}, "discovery-issuer"),
        ({"token_endpoint": "http://example.com/token"}, "discovery-endpoint (token_endpoint)"),
        ({"jwks_uri": None}, "discovery-malformed (jwks_uri)"),
        ({"id_token_signing_alg_values_supported": ["HS256"]}, "discovery-algorithms"),
        ({"token_endpoint_auth_methods_supported": ["tls_client_auth"]}, "discovery-client-authentication"),
        ({"jwks_uri": "{url}/nothing"}, "provider-error"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_provider_that_does_not_fit_is_named_with_what_to_fix(
    provider: IdentityProvider, changed: dict[str, Any], message: str
) -> None:
    said = json.loads(json.dumps(changed).replace("{url}", provider.url))
    provider.says_of_itself = lambda doc: {k: v for k, v in {**doc, **said}.items() if v is not None}
    (only,) = found(provider)
    assert not only.ok
    assert only.message == f"Not usable: {message}."
    assert only.fix


def test_provider_that_is_away_is_a_finding(provider: IdentityProvider) -> None:
    (only,) = found(provider, issuer="http://127.0.0.1:9")
    assert (only.ok, only.message) == (False, "Not usable: provider-unreachable.")


def test_keys_that_are_all_too_weak_are_a_finding(provider: IdentityProvider) -> None:
    provider.keys = [public_jwk(private_key("short"), kid="short")]
    (only,) = found(provider)
    assert (only.ok, only.message) == (False, "None of the provider's keys can be used.")


def test_log_in_page_elsewhere_must_be_allowed(provider: IdentityProvider) -> None:
    provider.says_of_itself = lambda doc: {**doc, "authorization_endpoint": "http://localhost:9/authorize"}
    assert [(one.ok, one.fix) for one in found(provider)][1:] == [(False, "Add that address to [single_sign_on] also.")]
    allowed = (provider.url, "http://localhost:9")
    assert all(one.ok for one in look(provider.sign_on().provider, allowed))


def test_provider_that_says_nothing_of_pkce_is_advice(provider: IdentityProvider) -> None:
    provider.says_of_itself = lambda doc: {**doc, "code_challenge_methods_supported": []}
    assert [one.ok for one in found(provider)] == [True, True]


def test_clocks_that_are_apart_are_a_finding(provider: IdentityProvider) -> None:
    honest = provider.sign_on().provider.read_discovery().body
    provider.raw[DISCOVERY] = (200, {"date": "Thu, 01 Jan 2026 00:00:00 GMT"}, honest)
    *_, last = found(provider)
    assert not last.ok
    assert last.fix == "Synchronise both clocks with NTP."
    provider.raw[DISCOVERY] = (200, {"date": "some day"}, honest)
    assert len(found(provider)) == 1
