"""What follows a release, in a real browser: recall and checklist on the packet's page, and the figures."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from handrail.connectors import lane as lanes
from handrail.kernel.clock import now
from handrail.packets.models import DeliveryEntry, Revision
from handrail.packets.proof import dsse
from handrail.packets.proof.keys import KeyRing
from handrail.packets.proof.reply import ReplyKind, ReplyReason, VendorReply
from tests.factories import rows
from tests.factories.installation import Installation
from tests.factories.packets import LANE, Packets, connected
from tests.functional.conftest import Visits
from tests.functional.looking import LOOKS, too_wide, violations
from tests.unit.packets.proof.making import OTHER_KEY

LONG = "Long" * 100
WHY = (ReplyReason("no-capture", LONG, "<img src=x onerror=alert(1)>"), ReplyReason("no-time", "No time."))


@pytest.fixture
def desk(committed_db: str) -> Iterator[Packets]:
    with connected(Installation(None, tenant="ten_a").packets) as one:
        for person in one.people.values():
            person.set_password(rows.PASSWORD)
            person.save()
        keys = KeyRing.of([OTHER_KEY.public]).to_pem()
        with lanes.use(lanes.Lanes({LANE: one.vendor}, {LANE: keys})):
            yield one


def consumed(desk: Packets) -> Revision:
    """The vendor has opened it, and rejects it."""
    revision = desk.released()
    desk.deliver(revision)
    digest = str(revision.assembly.manifest_digest)
    desk.vendor.consume(digest)
    said = VendorReply(digest, LANE, 1, ReplyKind.REJECTED, now(), reasons=WHY)
    desk.vendor.answers[digest] = [dsse.sign(said.payload(), OTHER_KEY)]
    for _ in range(3):
        Revision.objects.filter(pk=revision.pk).update(due_at=now())
        desk.deliver(revision)
    return revision


def path(revision: Revision) -> str:
    return f"/admin/packets/{revision.packet.ref}?revision={revision.number}"


@pytest.mark.parametrize(("scheme", "width"), [*LOOKS, ("dark", 390)])
def test_axe_finds_nothing(desk: Packets, visit: Visits, scheme: str, width: int) -> None:
    first = consumed(desk)
    found: dict[str, object] = {}
    with visit("ada@example.com", scheme=scheme, width=width) as person:
        pages = [lambda: path(first), lambda: path(desk.assemble()), lambda: "/admin/evaluation"]
        for address in pages:
            page = person.go(address())
            page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
            over, wrong = too_wide(page), violations(page)
            if wrong or over > 0:
                found[page.url] = over, wrong
    assert found == {}


def test_recall_and_checklist_work_without_scripts(desk: Packets, visit: Visits) -> None:
    first = consumed(desk)
    with visit("ada@example.com", scripts=False) as person:
        page = person.go(path(first))
        page.locator("summary").filter(has_text="Recall").click()
        page.get_by_label("Reason that the vendor sees").select_option("wrong-content")
        page.get_by_label("The vendor is asked to").select_option("delete")
        page.locator("details[open] textarea[name=reason]").fill("The wrong capture.")
        page.locator("details[open] button[type=submit]").filter(has_text="Recall").click()
        expect(page.get_by_text("Recalled", exact=True)).to_be_visible()
        second = desk.assemble()
        page = person.go(path(second))
        page.locator("#checklist summary").last.click()
        page.locator("#checklist details[open] textarea").fill("There was more time.")
        page.locator("#checklist details[open] button[type=submit]").click()
        expect(page.get_by_text("There was more time.")).to_be_visible()
    assert DeliveryEntry.objects.filter(kind="recall").count() == 1
    assert DeliveryEntry.objects.filter(kind="settled").count() == 1
