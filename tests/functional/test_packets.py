"""A packet from its hold to its release, in a real browser; without scripts too."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from handrail.kernel.clock import now
from handrail.packets.actions import assembling
from handrail.packets.models import Revision, Vote
from tests.factories import rows
from tests.factories.installation import Installation
from tests.factories.packets import Packets, connected
from tests.functional.conftest import Visits
from tests.functional.looking import LOOKS, shared_out, too_wide, violations
from tests.lanes import portion

ONE_LINE = 36


@pytest.fixture
def desk(committed_db: str) -> Iterator[Packets]:
    with connected(Installation(None, tenant="ten_a").packets) as one:
        for person in one.people.values():
            person.set_password(rows.PASSWORD)
            person.save()
        yield one


def path(revision: Revision, *, exact: bool = False) -> str:
    return f"/admin/packets/{revision.packet.ref}" + (f"?revision={revision.number}" if exact else "")


def approve(visit: Visits, revision: Revision, name: str, scripts: bool) -> None:
    with visit(f"{name}@example.com", scripts=scripts) as person:
        page = person.page
        page.get_by_role("link", name=revision.packet.ref).first.click()
        digest = str(revision.assembly.manifest_digest)
        expect(page.get_by_role("complementary").get_by_text(digest, exact=True)).to_be_visible()
        see_all(page)
        page.get_by_role("button", name="Approve this revision").click()
        expect(page.get_by_text("Approved by you.")).to_be_visible()


def see_all(page: Page) -> None:
    """Goes through what leaves, a press at each part that is new."""
    expect(page.get_by_role("button", name="Approve this revision")).to_have_count(0)
    for part in ("what is held", "what leaves", "har-1"):
        press = page.get_by_role("button", name=f"Seen: {part}")
        if press.count():
            press.click()
            expect(press).to_have_count(0)


@pytest.mark.parametrize("scripts", portion([True, False], 2), ids=lambda has: "scripts" if has else "plain")
def test_packet_from_hold_to_release(desk: Packets, visit: Visits, scripts: bool) -> None:
    desk.sources.case["plan"] = "biz"
    first = desk.assemble()
    with visit("eve@example.com", scripts=scripts) as person:
        page = person.page
        page.get_by_role("link", name=first.packet.ref).first.click()
        page.locator("summary", has_text="Clear this hold").first.click()
        page.get_by_label("Why it may be cleared").first.fill("The contract names the plan.")
        page.get_by_role("button", name="Clear this hold").first.click()
        expect(page.get_by_text("Cleared, with your reason.")).to_be_visible()
        desk.build(desk.newest.pk)
        if not scripts:
            page.get_by_role("link", name="Reload").click()
        expect(page.get_by_role("complementary").get_by_text("Manifest digest")).to_be_visible()
    with visit("dee@example.com", scripts=scripts) as person:
        page = person.go(path(first))
        expect(page.get_by_text("You assembled this packet. Another person must approve it.")).to_be_visible()
        assert page.get_by_role("button", name="Approve this revision").count() == 0

    second = Revision.objects.select_related("packet", "assembly").get(pk=desk.newest.pk)
    for name in ("ada", "ben"):
        approve(visit, second, name, scripts)
    desk.sources["/cases/CASE-7/attachments"]["items"].pop()
    with visit("dee@example.com", scripts=scripts) as person:
        page = person.go(path(second))
        page.locator("summary", has_text="Assemble again").click()
        page.get_by_label("What is new").fill("A late trace.")
        page.get_by_role("button", name="Assemble again").click()
        expect(page.get_by_text("The votes on the previous revision are void.").first).to_be_visible()
        third = desk.build(desk.newest.pk)
        person.go(path(second, exact=True))
        expect(page.get_by_text("Superseded: new evidence. 2 approvals are void.")).to_be_visible()
        page.get_by_role("link", name=re.compile("Go to revision 3")).click()
        expect(page.get_by_role("region", name="Changes since the previous revision")).to_be_visible()

    assert not Vote.objects.filter(revision=third).exists()
    for name in ("ada", "ben"):
        approve(visit, third, name, scripts)
    with visit("ada@example.com", scripts=scripts) as person:
        page = person.go(path(third))
        page.get_by_role("button", name="Release to vendor-intake").click()
        expect(page.get_by_text("Released. It is delivered to its lane once")).to_be_visible()
        desk.deliver(third)
        desk.vendor.consume(str(third.assembly.manifest_digest))
        desk.deliver(third)
        person.go(path(third))
        expect(page.get_by_text("RCPT-1", exact=True)).to_be_visible()
        expect(page.get_by_text("The vendor has opened it.", exact=True)).to_be_visible()


def test_typed_text_outlives_what_moves_by_itself(desk: Packets, visit: Visits) -> None:
    first = Revision.objects.select_related("packet").get(pk=desk.ask().id)
    with visit("ada@example.com") as person:
        page = person.go(path(first))
        page.locator("summary", has_text="Withdraw").click()
        reason = page.get_by_label("Why it is withdrawn")
        reason.fill("The wrong")
        desk.sources.failing.add("/roster")
        assembling.advance(revision_id=first.pk, by=desk.worker)
        expect(page.get_by_text("cases can't be read now.")).to_be_visible()
        expect(reason).to_have_value("The wrong")
        reason.press_sequentially(" case")
        desk.sources.failing.clear()
        Revision.objects.update(due_at=now())
        desk.build(first.pk)
        expect(page.get_by_role("region", name="What would leave")).to_be_visible()
        expect(reason).to_have_value("The wrong case")


def test_delivery_is_followed_while_somebody_types(desk: Packets, visit: Visits) -> None:
    desk.vendor.script = ["not-sent"]
    revision = desk.released()
    digest = str(revision.assembly.manifest_digest)
    with visit("ada@example.com") as person:
        page = person.go(path(revision))
        delivery = page.locator("#delivery")
        expect(delivery.get_by_text("On its way to the lane.")).to_be_visible()
        page.locator("summary", has_text="Withdraw").click()
        reason = page.get_by_label("Why it is withdrawn")
        reason.fill("The wrong case")
        desk.deliver(revision)
        expect(delivery.get_by_text("Last attempt: The lane failed as the test says.")).to_be_visible()
        desk.deliver(revision)
        expect(delivery.get_by_text("RCPT-1", exact=True)).to_be_visible()
        expect(delivery.get_by_text("Last attempt")).to_have_count(0)
        expect(reason).to_be_visible()
        expect(reason).to_have_value("The wrong case")
        desk.vendor.consume(digest)
        desk.deliver(revision)
        expect(delivery.get_by_text("The vendor has opened it.")).to_be_visible()
        expect(page.locator("#packet-state")).to_have_text("Consumed")
        expect(page.locator("#delivery[hx-get]")).to_have_count(0)


def test_stale_page_signs_nothing(desk: Packets, visit: Visits) -> None:
    revision = desk.assemble()
    with visit("ada@example.com", scripts=False) as person:
        page = person.go(path(revision))
        see_all(page)
        desk.sources["/tenants/ten_a"]["status"] = "suspended"
        page.get_by_role("button", name="Approve this revision").click()
        expect(page.get_by_role("alert").get_by_text("changed from active to suspended")).to_be_visible()
        person.complaints.clear()  # the browser reports the 409 itself
    assert not Vote.objects.exists()


@pytest.mark.parametrize(("scheme", "width"), LOOKS)
def test_axe_finds_nothing(desk: Packets, visit: Visits, scheme: str, width: int) -> None:
    desk.sources.case["plan"] = "biz"
    desk.sources.case["timeline"][0]["text"] = "long" * 200
    held = desk.assemble()
    desk.sources.case["plan"] = "ent"
    open_one = desk.assemble()
    paths = [path(held, exact=True), path(open_one), "/admin/packets", "/admin", "/admin/packets/assemble"]
    found: dict[str, object] = {}
    for name, each in (("eve", shared_out(paths, scheme)), ("ada", [path(open_one)])):
        with visit(f"{name}@example.com", scheme=scheme, width=width) as person:
            for one in each:
                page = person.go(one)
                over, wrong = too_wide(page), violations(page)
                if wrong or over > 0:
                    found[f"{name} {one}"] = over, wrong
    assert found == {}


def test_fields_are_reviewed_a_line_each(desk: Packets, visit: Visits) -> None:
    revision = desk.assemble()
    with visit("ada@example.com") as person:
        page = person.go(path(revision))
        rows = page.locator(".fields tbody tr")
        expect(rows).to_have_count(10)
        assert [row.inner_text() for row in rows.all() if row.bounding_box()["height"] > ONE_LINE] == []
        first = rows.first.locator("details")
        expect(first.get_by_text("record", exact=False).first).not_to_be_visible()
        first.locator("summary").click()
        expect(first.get_by_text("record", exact=False).first).to_be_visible()
        page.emulate_media(media="print")
        expect(rows.nth(1).get_by_text("record", exact=False).first).to_be_visible()


def test_clearing_works_by_keyboard(desk: Packets, visit: Visits) -> None:
    desk.sources.case["plan"] = "biz"
    revision = desk.assemble()
    with visit("eve@example.com") as person:
        page = person.go(path(revision))
        page.locator("summary", has_text="Clear this hold").first.press("Enter")
        page.get_by_label("Why it may be cleared").first.press_sequentially("So says the contract.")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(page.get_by_text("Cleared, with your reason.")).to_be_visible()


def test_packet_is_previewed_assembled_and_discarded(desk: Packets, visit: Visits) -> None:
    with visit("dee@example.com", scripts=True) as person:
        page = person.go("/admin/packets/assemble")
        for name, value in desk.inputs().items():
            page.locator(f'[name="inputs.{name}"]').fill(str(value))
        page.get_by_role("button", name="Preview").click()
        expect(page.get_by_role("region", name="Preview")).to_contain_text("Nothing was kept.")
        assert not Revision.objects.exists()
        assert violations(page) == []
        assert too_wide(page) <= 0
        page.get_by_role("button", name="Assemble", exact=True).click()
        expect(page.get_by_text("is being assembled.").first).to_be_visible()
        revision = desk.build(desk.newest.pk)
        page = person.go(path(revision))
        page.locator("summary", has_text="Cover sheet").click()
        expect(page.get_by_role("region", name="Cover sheet").last).to_contain_text("This is a preview.")
        page.locator("summary", has_text="Discard").click()
        page.get_by_label("Why it is discarded").fill("It was the wrong case.")
        page.get_by_role("button", name="Discard").click()
        expect(page.get_by_text("Discarded, with your reason.")).to_be_visible()
    revision.refresh_from_db()
    assert revision.ended_cause == "discarded"
