"""``handrail sign-on``, and what ``handrail check`` says of single sign-on."""

from __future__ import annotations

import pytest

from handrail.access import actions, queries
from handrail.audit.models import AuditEvent
from handrail.cli import checks
from handrail.conf import config
from handrail.connectors import oidc
from tests.factories.identity_provider import CLIENT, identity_provider
from tests.factories.runs import Runs
from tests.integration.cli.conftest import Handrail

EMAIL, ISSUER = "olivia@example.com", "https://login.example.com"


@pytest.fixture
def joined(estate: Runs) -> None:
    actions.add_member(email=EMAIL, roles=["operator"], tenants=None, by=queries.command_line("acme"))
    actions.admit(issuer=ISSUER, subject="olivia", email=EMAIL, email_verified=True)


def test_list_shows_issuer_and_subject(handrail: Handrail, joined: None) -> None:
    (row,) = handrail("sign-on", "list", "--json").json
    assert (row["email"], row["issuer"], row["subject"]) == (EMAIL, ISSUER, "olivia")
    assert EMAIL in handrail("sign-on", "list").out


def test_list_without_identities_says_so(handrail: Handrail, estate: Runs) -> None:
    assert "No identities." in handrail("sign-on", "list").out


def test_remove_parts_the_member_once(handrail: Handrail, joined: None) -> None:
    assert handrail("sign-on", "remove", EMAIL).code == 0
    assert AuditEvent.objects.get(event="identity.removed").subject == EMAIL
    assert handrail("sign-on", "remove", EMAIL).code == 3
    assert handrail("sign-on", "remove", "nobody@example.com").code == 3


def test_move_keeps_identities_under_the_new_address(handrail: Handrail, joined: None) -> None:
    assert "1 identities moved" in handrail("sign-on", "move", ISSUER, "https://id.example.com/").out
    (row,) = handrail("sign-on", "list", "--json").json
    assert row["issuer"] == "https://id.example.com"
    assert handrail("sign-on", "move", ISSUER, "https://id.example.com").code == 3
    assert handrail("sign-on", "move", ISSUER, "http://id.example.com").code == 2


def _configured(issuer: str) -> config.Config:
    section = {"name": "Acme Login", "issuer": issuer, "client_id": CLIENT, "client_secret": "env:SSO"}
    return config.Config.model_validate({"single_sign_on": section})


def test_check_looks_at_the_configured_provider() -> None:
    with identity_provider() as provider, oidc.use(provider.sign_on()):
        (found,) = checks.single_sign_on(_configured(provider.url))
        assert (found.name, found.ok) == ("single sign-on", True)
    with oidc.use(provider.sign_on()):
        (found,) = checks.single_sign_on(_configured(provider.url))
        assert (found.ok, found.message) == (False, "Not usable: provider-unreachable.")


def test_check_says_nothing_without_single_sign_on() -> None:
    assert checks.single_sign_on(config.Config()) == []
