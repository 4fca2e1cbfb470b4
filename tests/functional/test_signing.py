"""Approving with a passkey in a real browser, with Chromium's virtual authenticator; and without one."""

from __future__ import annotations

import io
from base64 import b64encode
from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from playwright.sync_api import Page, expect

from handrail.kernel.assertions import RelyingParty
from handrail.kernel.clock import now
from handrail.packets.models import Revision, VoteProof
from handrail.packets.proof import verify
from tests.factories.authenticator import SoftPasskey
from tests.factories.installation import Installation
from tests.factories.packets import LANE, Packets, connected
from tests.factories.signing import enrol, in_production
from tests.functional.conftest import Visits
from tests.functional.looking import too_wide, violations
from tests.unit.definitions.profile_samples import PROFILE
from tests.unit.packets.proof.making import RING

NEVER = "never: [assembler, hold-editor]"
SIGNED = PROFILE.replace(NEVER, f"{NEVER}, proof: {{escalation-owner: passkey, privacy: passkey}}")
BUTTON = "Sign with your passkey"


@pytest.fixture
def site(site: str) -> str:
    """Passkeys need a host name."""
    return site.replace("127.0.0.1", "localhost")


@pytest.fixture
def desk(committed_db: str, site: str) -> Iterator[Packets]:
    with (
        in_production(RelyingParty("localhost", (site,))),
        connected(Installation(None, tenant="ten_a", profile=SIGNED).packets) as one,
    ):
        yield one


@pytest.fixture
def revision(desk: Packets) -> Revision:
    made = desk.assemble()
    desk.see(made, "ada", "ben")
    return made


def authenticator(page: Page, *keys: SoftPasskey) -> None:
    """A virtual authenticator in this browser, with these passkeys on it."""
    devtools = page.context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    options = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
               "isUserVerified": True, "automaticPresenceSimulation": True}  # fmt: skip
    made = devtools.send("WebAuthn.addVirtualAuthenticator", {"options": options})["authenticatorId"]
    for key in keys:
        private = key.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        credential = {"credentialId": text(key.credential_id), "isResidentCredential": True, "rpId": "localhost",
                      "privateKey": text(private), "signCount": 1, "userHandle": text(key.user_handle)}  # fmt: skip
        devtools.send("WebAuthn.addCredential", {"authenticatorId": made, "credential": credential})


def text(raw: bytes) -> str:
    return b64encode(raw).decode()


def path(revision: Revision) -> str:
    return f"/admin/packets/{revision.packet.ref}"


@pytest.mark.requirement("P-09")
def test_two_owners_sign_and_the_vendor_checks_it_offline(desk: Packets, revision: Revision, visit: Visits) -> None:
    for name in ("ada", "ben"):
        key = enrol(desk.people[name], desk.workspace)
        with visit(f"{name}@example.com") as person:
            page = person.go(path(revision))
            authenticator(page, key)
            page.get_by_role("button", name=BUTTON).click()
            expect(page.get_by_text("Approved by you.")).to_be_visible()
    desk.release(revision)
    desk.deliver(revision)
    package = next(iter(desk.vendor.packages.values()))
    verdict = verify.verify(io.BytesIO(package), verify.Expectation(keys=RING, lane=LANE, at=now()))
    assert verdict.accepted, verdict.findings
    assert [vote.proof for vote in verdict.approvals.votes if verdict.approvals] == ["passkey"] * 2  # type: ignore[union-attr]


@pytest.mark.requirement("P-09")
def test_a_session_without_the_authenticator_signs_nothing(desk: Packets, revision: Revision, visit: Visits) -> None:
    """Somebody has the session, and another passkey."""
    enrol(desk.people["ada"], desk.workspace)
    with visit("ada@example.com") as person:
        page = person.go(path(revision))
        authenticator(page, SoftPasskey("localhost", b"thief"))
        page.get_by_role("button", name=BUTTON).click()
        expect(page.get_by_role("alert").filter(has_text="Your passkey did not sign")).to_be_visible()
        assert violations(page) == []
        assert too_wide(page) <= 0
    assert not VoteProof.objects.exists()


def test_a_signature_that_the_browser_brings_back_is_not_sent_again(
    desk: Packets, revision: Revision, visit: Visits
) -> None:
    key = enrol(desk.people["ada"], desk.workspace)
    with visit("ada@example.com") as person:
        page = person.go(path(revision))
        authenticator(page, key)
        page.evaluate("document.querySelector('[data-sign]').elements.signature.value = 'sent'")
        page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))")
        page.get_by_role("button", name=BUTTON).click()
        expect(page.get_by_text("Approved by you.")).to_be_visible()


def test_without_scripts_the_page_says_what_it_takes_and_offers_nothing_weaker(
    desk: Packets, revision: Revision, visit: Visits
) -> None:
    enrol(desk.people["ada"], desk.workspace)
    with visit("ada@example.com", scripts=False) as person:
        page = person.go(path(revision))
        expect(page.get_by_text("Turn JavaScript on and reload the page.")).to_be_visible()
        expect(page.get_by_role("button", name=BUTTON)).to_have_count(0)
        expect(page.get_by_role("button", name="Approve this revision")).to_have_count(0)
