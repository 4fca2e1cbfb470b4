"""Passkeys in a real browser with an authenticator of its own: enrolled, shown to log in, asked for again, removed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from handrail.access import passkeys, proofs
from handrail.access.capabilities import Role
from handrail.access.models import AccessToken, LoginSession, User
from handrail.access.session_store import SessionStore
from handrail.kernel.assertions import RelyingParty
from tests.factories import rows
from tests.functional.conftest import PATIENCE_MS
from tests.functional.looking import too_wide, violations

AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


@pytest.fixture
def named(site: str) -> Iterator[str]:
    """The same server under a host name, which passkeys need."""
    address = site.replace("127.0.0.1", "localhost")
    with passkeys.settings.use(RelyingParty("localhost", (address,))):
        yield address


@pytest.fixture
def ann(committed_db: str) -> User:
    return rows.member(rows.workspace(), Role.WORKSPACE_ADMINISTRATOR, Role.PACKET_SIGNER, email="ann@example.com")


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    found = browser.new_context(color_scheme="dark", viewport={"width": 390, "height": 900}, reduced_motion="reduce")
    found.set_default_timeout(PATIENCE_MS)
    yield found
    found.close()


def with_authenticator(context: BrowserContext) -> Page:
    page = context.new_page()
    protocol = context.new_cdp_session(page)
    protocol.send("WebAuthn.enable")
    protocol.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
    return page


def age(user: User) -> None:
    """Every session of ``user`` was last proven long ago."""
    for row in LoginSession.objects.filter(user=user):
        store = SessionStore(row.session_key)
        store[proofs.SESSION_KEY] = dict.fromkeys(store[proofs.SESSION_KEY], 1)
        store.save()


def looks_right(page: Page) -> None:
    assert violations(page) == []
    assert too_wide(page) <= 0


def test_passkey_from_enrolment_to_removal(named: str, context: BrowserContext, ann: User) -> None:
    page = with_authenticator(context)
    page.goto(f"{named}/accounts/login/")
    page.get_by_label("E-mail address").fill(ann.email)
    page.get_by_label("Password").fill(rows.PASSWORD)
    page.get_by_role("button", name="Log in", exact=True).click()
    page.goto(f"{named}/admin/factors")
    looks_right(page)
    page.get_by_role("link", name="Add a passkey").click()
    looks_right(page)
    page.get_by_label("A name for it").fill("the laptop")
    page.get_by_role("button", name="Make the passkey").click()
    expect(page.get_by_text("is enrolled.")).to_be_visible()
    expect(page.get_by_role("cell", name="the laptop")).to_be_visible()
    looks_right(page)

    context.clear_cookies()
    page.goto(f"{named}/accounts/login/")
    looks_right(page)
    page.get_by_role("button", name="Log in with a passkey").click()
    page.wait_for_url(f"{named}/admin")
    assert LoginSession.objects.filter(user=ann, method="passkey").count() == 1

    age(ann)
    page.goto(f"{named}/admin/tokens")
    page.get_by_label("What it is for").fill("a nightly “export”")
    page.get_by_role("button", name="Create token").click()
    expect(page.get_by_role("heading", name="Confirm that it")).to_be_visible()
    looks_right(page)
    assert not AccessToken.objects.exists()
    page.get_by_role("button", name="Confirm with your passkey and go on").click()
    expect(page.get_by_text("is created. Copy its secret now.")).to_be_visible()
    assert AccessToken.objects.get().name == "a nightly “export”"

    page.goto(f"{named}/admin/factors")
    page.get_by_text("Rename or remove").click()
    page.get_by_role("button", name="Suspend").click()
    expect(page.get_by_text("is suspended: it opens nothing any more.")).to_be_visible()
    context.clear_cookies()
    page.goto(f"{named}/accounts/login/")
    page.get_by_role("button", name="Log in with a passkey").click()
    expect(page.get_by_role("heading", name="That passkey didn")).to_be_visible()
    looks_right(page)


def test_pages_say_what_is_missing_without_scripts_and_at_an_ip_address(
    named: str, site: str, browser: Browser, ann: User
) -> None:
    plain = browser.new_context(java_script_enabled=False, viewport={"width": 1280, "height": 900})
    page = plain.new_page()
    page.goto(f"{named}/accounts/login/")
    page.get_by_label("E-mail address").fill(ann.email)
    page.get_by_label("Password").fill(rows.PASSWORD)
    page.get_by_role("button", name="Log in", exact=True).click()
    page.goto(f"{named}/admin/factors/passkeys/add")
    expect(page.get_by_text("Making a passkey needs JavaScript.")).to_be_visible()
    page.goto(f"{named}/admin/factors/app")
    expect(page.get_by_role("img", name="QR code of the key below")).to_be_visible()
    rows.passkey(ann)
    age(ann)
    page.goto(f"{named}/admin/factors/passkeys/add")
    expect(page.get_by_text("Nothing weaker will do.")).to_be_visible()
    plain.clear_cookies()
    page.goto(f"{site}/accounts/login/")
    page.get_by_label("E-mail address").fill(ann.email)
    page.get_by_label("Password").fill(rows.PASSWORD)
    page.get_by_role("button", name="Log in", exact=True).click()
    expect(page.get_by_text("not at this address")).to_be_visible()
    plain.close()
