"""Signing with a passkey on the pages: what is offered, what the script is given, and what comes back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from django.test import Client

from handrail.access import signatures
from handrail.access.capabilities import Role
from handrail.access.models import User, Workspace
from handrail.access.signatures import BegunCeremony, SigningSettings
from handrail.audit.models import AuditEvent
from handrail.definitions.models import DecisionProof
from handrail.kernel.assertions import ApprovalProof
from handrail.packets.models import Revision, VoteProof
from tests.factories import rows
from tests.factories.installation import Installation
from tests.factories.packets import Packets, connected
from tests.factories.people import secret_of
from tests.factories.signing import enrol, fields_of, in_production
from tests.factories.web import Web
from tests.unit.definitions.profile_samples import PROFILE

NEVER = "never: [assembler, hold-editor]"
SIGNED = PROFILE.replace(NEVER, f"{NEVER}, proof: {{escalation-owner: passkey, privacy: passkey}}")


@pytest.fixture
def desk(db: None) -> Iterator[Packets]:
    with in_production(), connected(Installation(None, tenant="ten_a", profile=SIGNED).packets) as one:
        yield one


@pytest.fixture
def revision(desk: Packets) -> Revision:
    made = desk.assemble()
    desk.see(made, "ada")
    return made


@pytest.fixture
def ada(desk: Packets, client: Client) -> Client:
    client.force_login(desk.people["ada"])
    return client


def url(revision: Revision, end: str = "") -> str:
    return f"/admin/packets/{revision.packet.ref}{end}"


def posted(revision: Revision, **more: str) -> dict[str, str]:
    return {"revision": str(revision.number), "digest": revision.assembly.manifest_digest or "", **more}


def begun(answer: Any) -> BegunCeremony:
    said = answer.json()
    return BegunCeremony(
        said["nonce"], said["challenge"], said["rp_id"], tuple(said["credentials"]), said["expires_at"]
    )


def test_a_signature_approves(desk: Packets, revision: Revision, ada: Client) -> None:
    key = enrol(desk.people["ada"], desk.workspace)
    asked = begun(ada.post(url(revision, "/sign"), posted(revision)))
    answer = ada.post(url(revision, "/approve"), posted(revision, **fields_of(asked, key)))
    assert (answer.status_code, VoteProof.objects.get().proof) == (302, "passkey")
    shown = ada.get(url(revision)).content.decode()
    assert "signed with passkey" in shown


def test_the_page_offers_a_signature_and_says_what_it_takes_without_scripts(
    desk: Packets, revision: Revision, ada: Client
) -> None:
    enrol(desk.people["ada"], desk.workspace)
    shown = ada.get(url(revision)).content.decode()
    assert "Sign with your passkey" in shown
    assert "Turn JavaScript on" in shown
    assert "Approve this revision" not in shown


def test_the_page_says_that_a_passkey_is_missing(desk: Packets, revision: Revision, ada: Client) -> None:
    shown = ada.get(url(revision)).content.decode()
    assert "You have no passkey that counts for signing here." in shown
    answer = ada.post(url(revision, "/sign"), posted(revision))
    assert (answer.status_code, answer.json()["code"]) == (409, "passkey-missing")


def test_a_click_is_refused_and_explained(desk: Packets, revision: Revision, ada: Client) -> None:
    answer = ada.post(url(revision, "/approve"), posted(revision))
    assert answer.status_code == 409
    assert "A token or a click" in answer.content.decode()


@pytest.mark.parametrize("field", ["credential", "client_data", "signature", "authenticator_data"])
def test_an_answer_that_is_no_base64_is_refused(desk: Packets, revision: Revision, ada: Client, field: str) -> None:
    key = enrol(desk.people["ada"], desk.workspace)
    fields = fields_of(begun(ada.post(url(revision, "/sign"), posted(revision))), key)
    answer = ada.post(url(revision, "/approve"), posted(revision, **{**fields, field: "é" * 9}))
    assert answer.status_code == 409
    assert not VoteProof.objects.exists()


@pytest.mark.parametrize(
    ("wrong", "cause"),
    [
        ({"origin": "https://evil.example"}, "assertion-other-origin"),
        ({"verified": False}, "assertion-not-verified"),
    ],
)
def test_a_refused_signature_is_written_down(
    desk: Packets, revision: Revision, ada: Client, wrong: dict[str, Any], cause: str
) -> None:
    key = enrol(desk.people["ada"], desk.workspace)
    asked = begun(ada.post(url(revision, "/sign"), posted(revision)))
    answer = ada.post(url(revision, "/approve"), posted(revision, **fields_of(asked, key, **wrong)))
    event = AuditEvent.objects.get(event="user.proof_refused")
    assert (answer.status_code, event.actor, event.outcome) == (409, "ada@example.com", "denied")
    assert (event.context["method"], event.context["cause"]) == ("passkey", cause)


def test_an_answer_to_nothing_that_was_asked_is_written_down(desk: Packets, revision: Revision, ada: Client) -> None:
    key = enrol(desk.people["ada"], desk.workspace)
    asked = begun(ada.post(url(revision, "/sign"), posted(revision)))
    other = posted(revision, **fields_of(replace(asked, nonce="0" * 64), key))
    assert ada.post(url(revision, "/approve"), other).status_code == 409
    assert AuditEvent.objects.get(event="user.proof_refused").context["cause"] == "signature-unknown"


def test_a_demo_says_on_the_page_that_a_click_is_practice(db: None, client: Client) -> None:
    with connected(Installation(None, tenant="ten_a", profile=SIGNED).packets) as desk:
        revision = desk.assemble()
        desk.see(revision, "ada")
        client.force_login(desk.people["ada"])
        shown = client.get(url(revision)).content.decode()
        assert "Practice: in production the profile of this packet asks for your passkey." in shown
        assert "Approve this revision" in shown


def test_a_definition_is_approved_with_a_signature_where_the_installation_asks(
    house: Web, client: Client, db: None
) -> None:
    owner, proposal = rows.member(house.workspace, Role.GOVERNANCE_OWNER), house.proposal
    client.force_login(owner)
    path, sent = f"/admin/definitions/{proposal.pk}", {"digest": proposal.digest, "act": "approve"}
    with in_production(definitions=ApprovalProof.PASSKEY):
        assert client.post(f"{path}/approve", sent).status_code == 409
        key = enrol(owner, proposal.workspace)
        assert "Sign with your passkey" in client.get(path).content.decode()
        asked = begun(client.post(f"{path}/sign", sent))
        assert client.post(f"{path}/approve", {**sent, **fields_of(asked, key)}).status_code == 302
        assert (DecisionProof.objects.get().proof, DecisionProof.objects.get().act) == ("passkey", "approve")
        assert "Approval signed by" in client.get(path).content.decode()
        signed = json.loads(DecisionProof.objects.get().statement)
        assert (signed["workspace"], signed["digest"]) == (house.workspace.slug, proposal.digest)


def test_a_refused_signature_under_a_definition_is_written_down(house: Web, client: Client, db: None) -> None:
    owner, proposal = rows.member(house.workspace, Role.GOVERNANCE_OWNER), house.proposal
    client.force_login(owner)
    path, sent = f"/admin/definitions/{proposal.pk}", {"digest": proposal.digest, "act": "approve"}
    with in_production(definitions=ApprovalProof.PASSKEY):
        key = enrol(owner, proposal.workspace)
        asked = begun(client.post(f"{path}/sign", sent))
        wrong = fields_of(asked, key, origin="https://evil.example")
        assert client.post(f"{path}/approve", {**sent, **wrong}).status_code == 409
    assert AuditEvent.objects.get(event="user.proof_refused").context["cause"] == "assertion-other-origin"


def bearer(person: User, workspace: Workspace) -> dict[str, str]:
    return {"authorization": f"Bearer {secret_of(person.email, workspace.pk)}"}


def test_a_token_approves_no_packet_that_takes_a_passkey(desk: Packets, revision: Revision, client: Client) -> None:
    path = f"/api/v1/packets/{revision.packet.ref}/revisions/{revision.number}/approve"
    headers = bearer(desk.people["ada"], desk.workspace)
    body = {"digest": revision.assembly.manifest_digest, "seen": []}
    answer = client.post(path, body, content_type="application/json", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (409, "passkey-needed")
    assert f"on the page of {revision.packet.ref}" in answer.json()["detail"]


def test_a_token_approves_no_definition_that_takes_a_passkey(house: Web, client: Client) -> None:
    owner, proposal = rows.member(house.workspace, Role.GOVERNANCE_OWNER), house.proposal
    headers = bearer(owner, house.workspace)
    with in_production(definitions=ApprovalProof.PASSKEY):
        answer = client.post(
            f"/api/v1/definitions/{proposal.pk}/approve", {"digest": proposal.digest}, "application/json",
            headers=headers,
        )  # fmt: skip
    assert (answer.status_code, answer.json()["code"]) == (409, "passkey-needed")


def test_a_definition_is_approved_by_a_click_where_nothing_is_asked(house: Web, client: Client) -> None:
    owner, proposal = rows.member(house.workspace, Role.GOVERNANCE_OWNER), house.proposal
    client.force_login(owner)
    with signatures.settings.use(SigningSettings()):
        client.post(f"/admin/definitions/{proposal.pk}/approve", {"digest": proposal.digest})
    assert (DecisionProof.objects.get().act, DecisionProof.objects.get().signature) == ("approve", "")
