"""A definition that names people who are not configured says so when it is proposed; it is not refused."""

from __future__ import annotations

import pytest

from handrail.connectors import channels
from handrail.definitions import compilation, wiring
from handrail.definitions.states import DefinitionKind
from tests.factories.installation import Installation, define
from tests.factories.notified import Room, responder
from tests.factories.switches import RUNBOOK
from tests.unit.definitions.profile_samples import PROFILE

ESCALATED = RUNBOOK.replace("escalate_to: senior-support", "escalate_to: on-call")


def findings(text: str) -> list[str]:
    checked = compilation.check(text)
    checked.refuse_if_any()
    return [str(fault) for fault in checked.findings if "no responder" in fault.message]


def configured(*names: str) -> channels.Responders:
    return channels.Responders({name: responder(name, {"pager": Room()}) for name in names})


def test_a_runbook_whose_responder_is_not_configured_says_so_and_where() -> None:
    (found,) = findings(ESCALATED)
    assert "no responder called on-call is configured" in found
    assert found.startswith("line 8, column 14: escalate_to")
    with channels.use(configured("on-call")):
        assert findings(ESCALATED) == []


def test_a_role_needs_no_responder() -> None:
    assert findings(RUNBOOK) == []


def test_groups_of_a_profile_are_looked_for_too() -> None:
    found = findings(PROFILE)
    assert found
    with channels.use(configured("identity-owner", "privacy")):
        assert len(findings(PROFILE)) < len(found)


@pytest.mark.django_db
def test_check_names_active_definitions_whose_people_are_missing() -> None:
    of = Installation(ESCALATED).workspace
    define(of, PROFILE, DefinitionKind.PACKET)
    found = wiring.check_responders()
    assert [one.ok for one in found] == [False, False]
    assert any("It names on-call" in one.message for one in found)
    names = {name for one in found for name in one.message.partition("names ")[2].partition(":")[0].split(", ")}
    with channels.use(configured(*names)):
        assert [one.ok for one in wiring.check_responders()] == [True]
    elsewhere = responder("on-call", {"pager": Room()}, workspaces=frozenset({"elsewhere"}))
    with channels.use(channels.Responders({"on-call": elsewhere})):
        assert any("It names on-call" in one.message for one in wiring.check_responders())
