"""Reading what leaves in the page, in a real browser: nothing is downloaded, with scripts and without."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from handrail.packets.models import Clearance, HoldRow, Revision, Vote
from tests.factories import rows
from tests.factories.installation import Installation
from tests.factories.packets import Packets, connected
from tests.functional.conftest import Visits
from tests.functional.looking import LOOKS, shared_out, too_wide, violations
from tests.lanes import portion


@pytest.fixture
def desk(committed_db: str) -> Iterator[Packets]:
    with connected(Installation(None, tenant="ten_a").packets) as one:
        for person in one.people.values():
            person.set_password(rows.PASSWORD)
            person.save()
        yield one


def path(revision: Revision, door: str = "", **asked: object) -> str:
    given = "&".join(f"{key}={value}" for key, value in {"revision": revision.number, **asked}.items())
    return f"/admin/packets/{revision.packet.ref}{door}?{given}"


def second(desk: Packets) -> Revision:
    """A revision of which the vendor holds the one before."""
    first = desk.released()
    desk.deliver(first)
    desk.vendor.consume(str(first.assembly.manifest_digest))
    desk.deliver(first)
    desk.sources.case["count"] = 9
    return desk.assemble()


@pytest.mark.requirement("P-09")
@pytest.mark.parametrize("scripts", portion([True, False], 2), ids=lambda has: "scripts" if has else "plain")
def test_review_is_reading(desk: Packets, visit: Visits, scripts: bool) -> None:
    revision = second(desk)
    with visit("cy@example.com", scripts=scripts) as person:
        page = person.go(path(revision))
        page.on("download", lambda _: pytest.fail("something was downloaded"))
        held = page.get_by_role("region", name="What the vendor holds")
        expect(held.get_by_text("which they opened")).to_be_visible()
        expect(page.locator(".fields del.was").first).to_have_text("before: 3")
        page.get_by_role("link", name="Open har-1").click()
        table = page.locator("#annex-rows")
        expect(table.get_by_text("502")).to_be_visible()
        expect(page.get_by_text("S3CR3T")).to_have_count(0)
        page.get_by_role("link", name="Show the original beside it").click()
        expect(table.locator("del.was").filter(has_text="S3CR3T-code")).to_be_visible()
        page.get_by_role("link", name="Open number 1").click()
        gone = page.get_by_role("row").filter(has_text="request.headers: authorization")
        expect(gone.locator("del")).to_contain_text("S3CR3T-token")
        expect(gone.get_by_text("authorisation", exact=True)).to_be_visible()
        page.get_by_role("button", name="Seen: har-1").click()
        expect(page.get_by_text("Marked as seen: 1 of 4.")).to_be_visible()
        for part in ("what is held", "what leaves"):
            page.get_by_role("button", name=f"Seen: {part}").click()
        page.get_by_role("button", name="Approve this revision").click()
        expect(page.get_by_text("Approved by you.")).to_be_visible()
    assert Vote.objects.filter(revision=revision).count() == 1


def test_rows_are_filtered_and_walked_by_keyboard(desk: Packets, visit: Visits) -> None:
    entries = [
        {"time": 5, "request": {"method": method, "url": "https://idp.example/"}, "response": {"status": 200}}
        for method in ("GET", "POST", "HEAD")
    ]
    desk.sources.attach("ATT-9", "har", json.dumps({"log": {"entries": entries}}).encode())
    revision = desk.assemble()
    with visit("ada@example.com") as person:
        page = person.go(path(revision, "/annex", name="har-2"))
        first, last = (page.get_by_role("link", name=f"Open number {number}") for number in (1, 3))
        first.focus()
        page.keyboard.press("ArrowDown")
        page.keyboard.press("ArrowDown")
        expect(last).to_be_focused()
        page.get_by_label("Filter").fill("post")
        expect(page.locator("#annex-rows tbody tr:visible")).to_have_count(1)
        page.get_by_role("link", name="Open number 2").press("Enter")
        expect(page.get_by_role("heading", name="Number 2")).to_be_visible()


@pytest.mark.parametrize(("scheme", "width"), LOOKS)
def test_axe_finds_nothing(desk: Packets, visit: Visits, scheme: str, width: int) -> None:
    revision = second(desk)
    paths = [
        path(revision, "/original", name="har-1"),
        path(revision, "/annex", name="har-1"),
        path(revision),
        path(revision, "/original", name="har-1", row=1),
        path(revision, "/annex", name="other-1"),
    ]
    found: dict[str, object] = {}
    with visit("ada@example.com", scheme=scheme, width=width) as person:
        for one in shared_out(paths, scheme):
            page = person.go(one)
            over, wrong = too_wide(page), violations(page)
            if wrong or over > 0:
                found[one] = over, wrong
    assert found == {}


def test_like_holds_are_cleared_at_once(desk: Packets, visit: Visits) -> None:
    desk.sources.case["plan"] = "biz"
    revision = desk.assemble()
    like = HoldRow.objects.get(revision=revision, code="source-conflict")
    names = [field.attname for field in HoldRow._meta.concrete_fields if not field.primary_key]
    told = {name: getattr(like, name) for name in names}
    targets = ["tenant.status", "tenant.name"]
    HoldRow.objects.bulk_create(
        [HoldRow(**told | {"target": target, "position": 90 + at}) for at, target in enumerate(targets)]
    )
    with visit("eve@example.com", scripts=False) as person:
        page = person.go(path(revision))
        expect(page.get_by_text("3 holds, 3 blocking")).to_be_visible()
        page.get_by_label("Clear tenant.name").uncheck()
        page.locator("summary", has_text="Clear the chosen holds").click()
        page.get_by_label("Why they may be cleared").fill("The contract says so.")
        page.get_by_role("button", name="Clear the chosen holds").click()
        expect(page.get_by_text("Cleared, with your reason.")).to_be_visible()
    assert sorted(Clearance.objects.values_list("target", flat=True)) == ["tenant.plan", "tenant.status"]


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_what_was_found_in_a_text_is_masked(desk: Packets, visit: Visits, scripts: bool) -> None:
    desk.sources.case["timeline"][1]["text"] = "The password is swordfish."
    revision = desk.assemble()
    with visit("cy@example.com", scripts=scripts) as person:
        page = person.go(path(revision))
        expect(page.locator("mark", has_text="swordfish").first).to_be_attached()
        if scripts:
            assert violations(page) == []
        page.locator("summary", has_text="Mask what was found").click()
        page.get_by_label("Why it is masked").fill("Not for the vendor.")
        page.get_by_role("button", name="Mask what was found").click()
        expect(page.get_by_text("Masked, with your reason.")).to_be_visible()
        masked = desk.build(desk.newest.pk)
        page = person.go(path(masked))
        expect(page.get_by_text("[masked: password]").first).to_be_visible()
        expect(page.get_by_text("swordfish")).to_have_count(0)
