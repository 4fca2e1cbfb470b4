"""Who acts at the command line, and what the log says of it."""

from __future__ import annotations

import os
import pwd

import pytest

from handrail.access import actions as access
from handrail.access import queries
from handrail.audit.models import AuditEvent
from handrail.cli import identity
from handrail.conf import config
from handrail.definitions import actions as definitions
from tests.factories.people import secret_of
from tests.factories.runs import Runs
from tests.factories.switches import RUNBOOK
from tests.integration.cli.conftest import Handrail

GINA, GUSTAV = "gina@example.com", "gustav@example.com"
APPROVE = ("definitions", "approve", "runbook/flip-switch/2")


@pytest.fixture
def proposal(estate: Runs) -> str:
    """A proposal of Gina's. Returns a token of Gustav's, who may approve it."""
    by = queries.command_line("acme")
    for email in (GINA, GUSTAV):
        access.add_member(email=email, roles=["governance-owner"], tenants=None, by=by)
    definitions.propose(text=RUNBOOK.replace("version: 1", "version: 2"), by=queries.person(GINA))
    return secret_of(GUSTAV, by.workspace_id)


@pytest.fixture
def strict(monkeypatch: pytest.MonkeyPatch) -> None:
    """An installation on a server of its own, where nobody has said that names are enough."""
    found = config.load()
    loaded = found.model_copy(
        update={"cli": config.CommandLineSection(), "database": config.DatabaseSection(url="postgresql://x/y")}
    )
    monkeypatch.setattr(config, "load", lambda: loaded)


def approved() -> AuditEvent:
    return AuditEvent.objects.get(event="definition.approved")


@pytest.mark.requirement("R2-23")
def test_every_event_of_a_command_says_where_it_came_from(handrail: Handrail, estate: Runs) -> None:
    handrail("tenants", "add", "ten_new", "--name", "New Ltd")
    context = AuditEvent.objects.get(event="tenant.created").context
    assert (context["via"], context["os_user"].split(",")[0]) == ("command", pwd.getpwuid(os.getuid()).pw_name)


def test_the_environment_does_not_say_who_runs_a_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USER", "somebody-else")
    monkeypatch.setenv("LOGNAME", "somebody-else")
    assert "somebody-else" not in identity.os_user()


def test_a_decision_by_name_alone_is_refused_and_written_down(handrail: Handrail, proposal: str, strict: None) -> None:
    ended = handrail(*APPROVE, "--as", GUSTAV)
    assert (ended.code, "HANDRAIL_TOKEN" in ended.err) == (4, True)
    denied = AuditEvent.objects.get(event="access.denied")
    assert (denied.actor, denied.subject, denied.context["via"]) == (GUSTAV, "cli:act_as", "command")


def test_a_decision_by_ones_own_token_is_made(
    handrail: Handrail, proposal: str, strict: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HANDRAIL_TOKEN", proposal)
    assert handrail(*APPROVE).code == 0
    assert (approved().actor, approved().context["via"]) == (GUSTAV, "command")


def test_a_decision_by_name_is_made_where_that_is_allowed(handrail: Handrail, proposal: str) -> None:
    assert handrail(*APPROVE, "--as", GUSTAV).code == 0
    assert approved().actor == GUSTAV


@pytest.mark.parametrize(("secret", "email"), [("hrt_unknown", None), (None, GINA)])
def test_a_token_that_does_not_fit_opens_nothing(
    handrail: Handrail, proposal: str, monkeypatch: pytest.MonkeyPatch, secret: str | None, email: str | None
) -> None:
    monkeypatch.setenv("HANDRAIL_TOKEN", secret or proposal)
    ended = handrail("runs", "list", *(["--as", email] if email else []))
    assert (ended.code, "[token]" in ended.err) == (2, True)


@pytest.mark.parametrize(
    ("url", "act_as", "allowed"),
    [(None, None, True), (None, False, False), ("postgresql://x/y", None, False), ("postgresql://x/y", True, True)],
)
def test_names_are_enough_only_where_it_is_said_or_the_database_is_embedded(
    url: str | None, act_as: bool | None, allowed: bool
) -> None:
    found = config.Config(database=config.DatabaseSection(url=url), cli=config.CommandLineSection(act_as=act_as))
    assert config.decides_by_name(found) is allowed
