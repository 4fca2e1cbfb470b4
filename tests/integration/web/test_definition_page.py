"""Deciding on definitions: by a second person, on the text that was shown."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from django.test import Client

from handrail.access.capabilities import Role
from handrail.cli.entry import run as handrail
from handrail.definitions.states import DefinitionKind, DefinitionState
from tests.factories import rows
from tests.factories.web import Web

SHIPPED = Path(__file__).resolve().parents[3] / "definitions"

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner(house: Web, as_role: Callable[..., Client]) -> Client:
    return as_role(Role.GOVERNANCE_OWNER)


def url(house: Web, action: str = "") -> str:
    return f"/admin/definitions/{house.proposal.pk}{action}"


def test_page_reads_the_runbook_aloud(house: Web, owner: Client) -> None:
    text = owner.get(url(house)).content.decode()
    assert "starts the job entitlement-resync in sync-jobs" in text
    assert "everything else: the run stops" in text
    assert '<td class="sign">+</td>' in text


def test_page_says_how_runs_of_one_event_begin(house: Web, owner: Client) -> None:
    waves = "waves: {by: task.event, canary: 3, width: 9, stop: {share: 0.25}}\nlimits: {at_once: 7}\n"
    text = rows.runbook_text(3).replace("\ntask:\n", "\ntask:\n  event?: {type: string}\n") + waves
    definition = rows.definition(house.workspace, version=3, name="another", text=text)
    page = owner.get(f"/admin/definitions/{definition.pk}").content.decode()
    assert "those with the same task field task.event" in page
    assert "3 first, then 9 at a time, at most 60 a minute" in page
    assert "more than 25% of what ended" in page
    assert "at most 7 runs of this runbook" in page


def shown(house: Web, owner: Client, path: str, kind: DefinitionKind) -> str:
    text = (SHIPPED / path).read_text(encoding="utf-8")
    definition = rows.definition(house.workspace, kind=kind, text=text, name="another")
    return owner.get(f"/admin/definitions/{definition.pk}").content.decode()


def test_page_reads_a_packet_profile_aloud(house: Web, owner: Client) -> None:
    text = shown(house, owner, "profiles/identity-outage-vendor-escalation.yaml", DefinitionKind.PACKET)
    for told in (
        "· Packet profile ·",
        "TLP:AMBER+STRICT",
        "2 different people sign: at least 2 of escalation-owner; never the person who assembled it",
        "GET /cases/{inputs.case} in cases",
        "everything else: never leaves",
        "Assemble again; every source is read again.",
        "every entity at /federation/entities/{tenant.id} in federation-metadata",
        "listed: the one of inventory.connectors whose id is item.id, else not-in-inventory",
        "each entry has holds of its own",
        "signing-co.example",
        "accounts.google.com, those of inventory.entity_ids",
        "x-signing-request",
    ):
        assert told in text


def test_page_reads_a_table_aloud(house: Web, owner: Client) -> None:
    text = shown(house, owner, "tables/connector-classes.yaml", DefinitionKind.TABLE)
    assert "Kinds of federation connector in our inventory" in text
    assert '<code class="wrap">OIDC-PROVIDER</code>' in text


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("runbooks/entitlement-resync.yaml", DefinitionKind.RUNBOOK),
        ("profiles/database-latency-escalation.yaml", DefinitionKind.PACKET),
    ],
)
def test_page_of_a_text_that_passes_no_check_says_so(
    path: str, kind: DefinitionKind, house: Web, owner: Client
) -> None:
    text = (SHIPPED / path).read_text(encoding="utf-8").replace("owner:", "owners:", 1)
    definition = rows.definition(house.workspace, kind=kind, text=text, name="another")
    assert "does not pass the checks" in owner.get(f"/admin/definitions/{definition.pk}").content.decode()


def test_approve_twice_is_the_same_answer(house: Web, owner: Client) -> None:
    posted = {"digest": house.proposal.digest}
    assert [owner.post(url(house, "/approve"), posted).status_code for _ in range(2)] == [302, 302]
    house.proposal.refresh_from_db()
    assert house.proposal.state == DefinitionState.ACTIVE


def test_approve_of_another_digest_than_shown_says_look_again(house: Web, owner: Client) -> None:
    assert owner.post(url(house, "/approve"), {"digest": "sha256:0"}).status_code == 409
    assert owner.post(url(house, "/approve")).status_code == 409
    house.proposal.refresh_from_db()
    assert house.proposal.state == DefinitionState.PROPOSED


def test_proposer_is_refused(house: Web, enter: Callable[..., Client]) -> None:
    author = rows.member(house.workspace, Role.GOVERNANCE_OWNER, email=house.proposal.proposed_by)
    client = enter(author)
    assert "Another governance owner must decide" in client.get(url(house)).content.decode()
    assert client.post(url(house, "/approve"), {"digest": house.proposal.digest}).status_code == 409


def test_reject_twice_with_the_same_reason_is_the_same_answer(house: Web, owner: Client) -> None:
    posted = {"reason": "The guard is gone."}
    assert [owner.post(url(house, "/reject"), posted).status_code for _ in range(2)] == [302, 302]
    assert owner.post(url(house, "/reject"), {"reason": "Another."}).status_code == 409


def test_decision_without_a_reason_gives_the_form_back(house: Web, owner: Client) -> None:
    response = owner.post(url(house, "/reject"), {"reason": " "})
    assert response.status_code == 422
    assert "A reason is needed" in response.content.decode()


def test_active_definition_is_deprecated_with_a_reason(house: Web, owner: Client) -> None:
    response = owner.post(f"/admin/definitions/{house.definition.pk}/deprecate", {"reason": "Replaced."})
    assert response.status_code == 302
    house.definition.refresh_from_db()
    assert house.definition.state == DefinitionState.DEPRECATED


def test_text_that_no_longer_passes_is_shown_without_summary(house: Web, owner: Client) -> None:
    odd = rows.definition(house.workspace, name="odd", text="handrail: runbook/v0\n")
    text = owner.get(f"/admin/definitions/{odd.pk}").content.decode()
    assert "does not pass the checks" in text
    assert "runbook/v0" in text


def test_number_beyond_the_database_is_missing(house: Web, owner: Client) -> None:
    assert owner.get("/admin/definitions/99999999999999999999999").status_code == 404


RULES = "read_budget: 2m\nalready_as_required: {condition: entitlement.audit_marker == 'done'}\nprerequisites:"


def test_page_api_and_command_say_when_what_is_decided(
    house: Web, owner: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (
        rows.runbook_text(1).replace("\nprerequisites:", f"\n{RULES}", 1).replace("entitlement-resync\n", "timed\n", 1)
    )
    definition = rows.definition(house.workspace, text=text, name="timed")
    page = owner.get(f"/admin/definitions/{definition.pk}").content.decode()
    for part in (
        "When each is decided",
        "before every call",
        "2 min",
        "already as required",
        "What people should do next",
    ):
        assert part in page
    rules = owner.get(f"/api/v1/definitions/{definition.pk}").json()["rules"]
    assert (rules["read_budget_seconds"], rules["already_as_required"]) == (120, "entitlement.audit_marker == 'done'")
    assert {one["decided"] for one in rules["prerequisites"]} == {"before every call"}
    assert "broader-grant" in rules["next_actions"]
    assert handrail(["definitions", "show", "runbook/timed", "--workspace", house.workspace.slug]) == 0
    shown = capsys.readouterr().out
    for part in ("before every call", "120 s", "broader-grant", "already as required"):
        assert part in shown
