"""The pages of packets: what they show to whom, which decisions they take, and how they refuse."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext

from handrail.access.models import User
from handrail.packets.models import Clearance, Packet, Revision, Vote
from tests.factories.installation import Installation
from tests.factories.packets import Packets, connected, everything
from tests.unit.packets.assembly.estate import HAR

pytestmark = pytest.mark.django_db

MARKUP = "<script>alert(1)</script><b onclick=x>"
Enter = Callable[[User], Client]


@pytest.fixture
def desk(db: None) -> Iterator[Packets]:
    with connected(Installation(None, tenant="ten_a").packets) as one:
        yield one


@pytest.fixture
def browser_of(desk: Packets, enter: Enter) -> Callable[[str], Client]:
    def _browser(name: str) -> Client:
        return enter(desk.people[name])

    return _browser


Browser = Callable[[str], Client]


def url(revision: Revision, action: str = "") -> str:
    return f"/admin/packets/{revision.packet.ref}{action}"


def text(response: HttpResponse) -> str:
    return response.content.decode()


def approve(client: Client, revision: Revision, digest: str = "", *, looks: bool = True) -> HttpResponse:
    if looks:
        client.post(url(revision, "/seen"), {"revision": revision.number, "digest": everything(revision)})
    posted = {"revision": revision.number, "digest": digest or revision.assembly.manifest_digest}
    answer: HttpResponse = client.post(url(revision, "/approve"), posted)
    return answer


def held(desk: Packets) -> Revision:
    """A revision with a hold that Eve may clear: two sources disagree on the plan."""
    desk.sources.case["plan"] = "biz"
    return desk.assemble()


@pytest.mark.requirement("P-06", "P-09")
def test_page_shows_what_leaves_what_stays_and_the_digest(desk: Packets, browser_of: Browser) -> None:
    revision = desk.assemble()
    desk.see(revision, "ada")
    shown = text(browser_of("ada").get(url(revision)))
    assert "tenant.id" in shown
    assert "VND-0017" in shown
    assert "tenant-aliases" in shown
    assert "Unsanitised artifact" in shown
    assert f'name="digest" value="{revision.assembly.manifest_digest}"' in shown
    assert "So far: 0 of 2 approvals" in shown


def test_list_shows_the_newest_revision_and_filters(desk: Packets, browser_of: Browser) -> None:
    revision = desk.assemble()
    client = browser_of("ada")
    assert revision.packet.ref in text(client.get("/admin/packets"))
    assert revision.packet.ref not in text(client.get("/admin/packets", {"state": "consumed"}))


def test_approve_as_two_owners_approves(desk: Packets, browser_of: Browser) -> None:
    revision = desk.assemble()
    assert [approve(browser_of(name), revision).status_code for name in ("ada", "ben")] == [302, 302]
    revision.refresh_from_db()
    assert revision.state == "approved"


def test_approve_twice_is_the_same_answer(desk: Packets, browser_of: Browser) -> None:
    revision = desk.assemble()
    assert [approve(browser_of("ada"), revision).status_code for _ in range(2)] == [302, 302]
    assert Vote.objects.count() == 1


def test_approve_of_another_digest_than_shown_is_refused(desk: Packets, browser_of: Browser) -> None:
    revision = desk.assemble()
    response = approve(browser_of("ada"), revision, "sha256:" + "0" * 64)
    assert response.status_code == 409
    assert "not the manifest that you were shown" in text(response)
    assert not Vote.objects.exists()


def test_approve_as_the_assembler_is_refused_and_explained(desk: Packets, browser_of: Browser) -> None:
    revision = desk.assemble()
    client = browser_of("dee")
    shown = text(client.get(url(revision)))
    assert "You assembled this packet. Another person must approve it." in shown
    assert "Approve this revision" not in shown
    assert approve(client, revision).status_code == 409


def test_approve_after_drift_says_what_moved(desk: Packets, browser_of: Browser) -> None:
    revision = desk.assemble()
    desk.approve(revision, "ada")
    desk.sources["/tenants/ten_a"]["status"] = "suspended"
    response = approve(browser_of("ben"), revision)
    assert response.status_code == 409
    assert "changed from active to suspended" in text(response)
    old = text(browser_of("ben").get(url(revision), {"revision": 1}))
    assert "Superseded: a source changed. 1 approval is void." in old
    assert "Go to revision 2" in old
    assert "<del>signed</del> void" in old


def test_clear_a_hold_with_a_reason_makes_a_new_revision(desk: Packets, browser_of: Browser) -> None:
    revision = held(desk)
    posted = {"revision": 1, "code": "source-conflict", "target": "tenant.plan"}
    client = browser_of("eve")
    assert "Clear this hold" in text(client.get(url(revision)))
    again = client.post(url(revision, "/clear"), posted | {"reason": " "})
    assert again.status_code == 422
    assert "A reason is needed" in text(again)
    assert not Clearance.objects.exists()
    assert client.post(url(revision, "/clear"), posted | {"reason": "The contract says so."}).status_code == 302
    assert Clearance.objects.get().reason == "The contract says so."
    assert desk.newest.number == 2


def test_mask_what_was_found_in_a_text(desk: Packets, browser_of: Browser) -> None:
    """Those who decide see the place marked, and mask it in one act; nobody else sees the value."""
    desk.sources.case["timeline"][1]["text"] = f"The password is swordfish. {MARKUP}"
    revision = desk.assemble()
    client = browser_of("cy")
    shown = text(client.get(url(revision)))
    assert "<mark>swordfish</mark>" in shown
    assert "Found in entry 2: password." in html.unescape(shown)
    assert MARKUP not in shown
    posted = {"revision": 1, "code": "secret-in-text", "target": ["timeline[].text"]}
    assert client.post(url(revision, "/mask"), {**posted, "reason": ""}).status_code == 422
    assert client.post(url(revision, "/mask"), {**posted, "reason": "Changed since."}, follow=True).status_code == 200
    masked = desk.build(desk.newest.pk)
    assert (masked.state, masked.cause) == ("in_review", "text-masked")
    shown = text(client.get(url(masked)))
    assert "[masked: password]" in shown
    assert "a text was masked" in shown
    desk.people["dee"].membership_set.update(roles=["operator"])
    assert "swordfish" not in text(browser_of("dee").get(url(revision) + "?revision=1"))


def test_hold_of_another_role_is_explained(desk: Packets, browser_of: Browser) -> None:
    revision = held(desk)
    shown = text(browser_of("ada").get(url(revision)))
    assert "Only identity-owner or senior-support can clear this hold." in shown
    assert "Clear this hold" not in shown


@pytest.mark.parametrize(("action", "state"), [("reject", "rejected"), ("withdraw", "withdrawn")])
def test_ending_needs_a_reason(desk: Packets, browser_of: Browser, action: str, state: str) -> None:
    revision = desk.assemble()
    client = browser_of("ada")
    assert client.post(url(revision, f"/{action}"), {"revision": 1, "reason": ""}).status_code == 422
    assert client.post(url(revision, f"/{action}"), {"revision": 1, "reason": MARKUP}).status_code == 302
    revision.refresh_from_db()
    assert revision.state == state
    shown = text(client.get(url(revision)))
    assert MARKUP not in shown
    assert "&lt;script&gt;" in shown


def test_release_shows_receipt_and_consumption(desk: Packets, browser_of: Browser) -> None:
    revision = desk.assemble()
    desk.approve(revision, "ada", "ben")
    client = browser_of("ada")
    assert "Release to vendor-intake" in text(client.get(url(revision)))
    assert client.post(url(revision, "/release"), {"revision": 1}).status_code == 302
    desk.deliver(revision)
    assert "RCPT-1" in text(client.get(url(revision)))
    desk.vendor.consume(str(revision.assembly.manifest_digest))
    desk.deliver(revision)
    assert "The vendor has opened it." in text(client.get(url(revision)))


def test_page_links_the_files_that_leave_and_they_are_kept_as_files(desk: Packets, browser_of: Browser) -> None:
    revision = desk.released()
    client = browser_of("ada")
    links = re.findall(r'href="([^"]+)" download', text(client.get(url(revision))))
    assert len(links) == 8
    for link in links:
        response = client.get(html.unescape(link))
        assert response.status_code == 200
        assert response.headers["Content-Disposition"].startswith("attachment; ")
        assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert "/package" not in text(browser_of("ben").get(url(revision)))
    assert browser_of("ben").get(url(revision, "/package")).status_code == 403
    assert client.get(url(revision, "/document"), {"name": "annexes/other-1.json"}).status_code == 404
    assert client.get(url(revision, "/document"), {"name": "packet.json", "revision": "2"}).status_code == 404


def test_live_answers_nothing_while_nothing_moved(desk: Packets, browser_of: Browser) -> None:
    revision = desk.released()
    client = browser_of("ada")
    polled = html.unescape(re.findall(r'hx-get="([^"]+)"', text(client.get(url(revision))))[0])
    assert client.get(polled).status_code == 204
    desk.deliver(revision)
    moved = client.get(polled)
    assert (moved.status_code, "RCPT-1" in text(moved), "<main" in text(moved)) == (200, True, False)


def test_a_delivery_that_fails_says_why_and_when_it_goes_on(desk: Packets, browser_of: Browser) -> None:
    desk.vendor.script = ["not-sent"]
    revision = desk.released()
    desk.deliver(revision)
    shown = text(browser_of("ada").get(url(revision)))
    assert "Last attempt: <bdi>The lane failed as the test says.</bdi> Next attempt <time" in shown
    assert "It has not reached the lane yet." in shown


def test_release_short_of_signers_is_refused(desk: Packets, browser_of: Browser) -> None:
    revision = desk.assemble()
    response = browser_of("ada").post(url(revision, "/release"), {"revision": 1})
    assert response.status_code == 409
    assert "Approvals are missing" in text(response)


def test_comparison_shows_the_field_that_moved(desk: Packets, browser_of: Browser) -> None:
    desk.assemble()
    desk.sources.case["count"] = 4
    revision = desk.assemble()
    shown = text(browser_of("ben").get(url(revision)))
    assert "Changes since the previous revision" in shown
    assert "impact.count" in shown
    assert "Revision 2 was made because: new evidence." in shown


def test_assemble_form_asks_for_what_the_profile_declares(desk: Packets, browser_of: Browser) -> None:
    client = browser_of("dee")
    assert 'name="inputs.case"' in text(client.get("/admin/packets/assemble"))
    posted = {"profile": "outage-escalation", "inputs.tenant": "ten_a", "inputs.case": "wrong"}
    wrong = client.post("/admin/packets/assemble", posted)
    assert wrong.status_code == 422
    assert 'id="inputs-case-fault"' in text(wrong)
    done = client.post("/admin/packets/assemble", posted | {"inputs.case": "CASE-7"})
    packet = Packet.objects.get()
    assert (done.status_code, done.headers["Location"]) == (302, f"/admin/packets/{packet.ref}")
    assert packet.inputs == {"tenant": "ten_a", "case": "CASE-7", "note": None}


def test_assemble_of_a_case_that_has_its_packet_leads_to_it(desk: Packets, browser_of: Browser) -> None:
    revision = desk.assemble()
    posted = {"profile": "outage-escalation", "inputs.tenant": "ten_a", "inputs.case": "CASE-7"}
    done = browser_of("dee").post("/admin/packets/assemble", posted, follow=True)
    assert done.redirect_chain == [(url(revision), 302)]
    assert "This case already has an escalation packet." in text(done)
    assert desk.newest == revision


def test_assemble_again_needs_what_is_new(desk: Packets, browser_of: Browser) -> None:
    revision = desk.assemble()
    client = browser_of("dee")
    assert client.post(url(revision, "/again"), {"reason": ""}).status_code == 422
    assert client.post(url(revision, "/again"), {"reason": "A late trace."}).status_code == 302
    assert "A late trace." in text(client.get(url(revision)))


def test_hostile_values_are_only_text(desk: Packets, browser_of: Browser) -> None:
    desk.sources.case["timeline"][0]["text"] = MARKUP + "\u202egnp.exe"
    shown = text(browser_of("ada").get(url(desk.assemble())))
    assert MARKUP not in shown
    assert "&lt;script&gt;alert(1)" in shown
    assert "\u202e" not in shown


def test_home_names_what_awaits_me(desk: Packets, browser_of: Browser) -> None:
    revision = desk.assemble()
    assert "Escalation packets awaiting your approval" in text(browser_of("ada").get("/admin"))
    assert "Escalation packets awaiting your approval" not in text(browser_of("dee").get("/admin"))
    desk.approve(revision, "ada")
    assert "Escalation packets awaiting your approval" not in text(browser_of("ada").get("/admin"))


def test_home_names_the_holds_that_are_mine(desk: Packets, browser_of: Browser) -> None:
    held(desk)
    assert "Your holds" in text(browser_of("eve").get("/admin"))
    assert "Your holds" not in text(browser_of("ada").get("/admin"))


@pytest.mark.requirement("P-42")
def test_evaluation_counts_packets(desk: Packets, browser_of: Browser) -> None:
    desk.deliver(desk.released())
    shown = text(browser_of("ada").get("/admin/evaluation"))
    assert "Manifest binding complete" in shown
    assert "1 of 1. Documents, manifest" in shown


@pytest.mark.parametrize("number", ["2", "0", "x", "-1", "9" * 30])
def test_revision_that_is_none_is_missing(desk: Packets, browser_of: Browser, number: str) -> None:
    assert browser_of("ada").get(url(desk.assemble()), {"revision": number}).status_code == 404


def test_page_begins_with_what_the_vendor_holds(desk: Packets, browser_of: Browser) -> None:
    first = desk.released()
    client = browser_of("ada")
    assert "the vendor held <strong>nothing</strong> of this packet" in text(client.get(url(first)))
    desk.deliver(first)
    desk.vendor.consume(str(first.assembly.manifest_digest))
    desk.deliver(first)
    desk.sources.case["count"] = 9
    second = desk.assemble()
    shown = text(client.get(url(second)))
    assert 'The vendor holds <a href="?revision=1">revision 1</a>, which they opened' in shown
    assert "Revision 2 differs in 1 value, 0 annexes and 0 holds." in shown
    assert '<bdi class="value">3</bdi></del>' in shown
    assert "unchanged field" in shown
    assert "same by digest" in shown
    assert "Compared with" in text(client.get(url(second), {"revision": 2, "against": 1}))
    assert client.get(url(second), {"against": 7}).status_code == 404


def test_statements_of_the_page_do_not_grow_with_what_it_shows(desk: Packets, browser_of: Browser) -> None:
    client = browser_of("ada")
    revision = desk.assemble()
    client.get(url(revision))
    with CaptureQueriesContext(connection) as few:
        client.get(url(revision))
    for number in range(6):
        desk.sources.attach(f"ATT-{number + 10}", "har", HAR)
    desk.sources.case["plan"] = "biz"
    revision = desk.assemble()
    desk.see(revision, "ada", "ben", "cy")
    with CaptureQueriesContext(connection) as many:
        client.get(url(revision))
    assert len(many) <= len(few) + 3
