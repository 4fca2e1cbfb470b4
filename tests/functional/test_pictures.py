"""A picture in a real browser: one person covers what must not leave, another attests it; without scripts too."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from handrail.packets import annexes
from handrail.packets.models import AnnexRow, PictureRedaction
from tests.factories import rows
from tests.factories.installation import Installation
from tests.factories.packets import Packets, connected
from tests.functional.conftest import Visit, Visits
from tests.functional.looking import LOOKS, too_wide, violations
from tests.unit.packets.pictures import samples
from tests.unit.packets.pictures.profiles import with_pictures


@pytest.fixture
def desk(committed_db: str) -> Iterator[Packets]:
    with connected(Installation(None, tenant="ten_a").packets) as one:
        for person in one.people.values():
            person.set_password(rows.PASSWORD)
            person.save()
        with_pictures(one)
        one.sources.attach("ATT-9", "picture", samples.screenshot())
        one.assemble()
        yield one


def open_picture(visit: Visit, desk: Packets) -> None:
    page = visit.page
    visit.go(f"/admin/packets/{desk.newest.packet.ref}")
    page.get_by_role("link", name="Redact or attest").click()
    expect(page.get_by_role("heading", name="What would leave")).to_be_visible()


def draw(page: Page) -> None:
    """Drags a box over the lower half of the picture."""
    image = page.get_by_role("img", name="Page 1 with its boxes")
    image.scroll_into_view_if_needed()
    expect(image).to_have_js_property("complete", value=True)
    area = image.bounding_box()
    assert area is not None
    page.mouse.move(area["x"] + 2, area["y"] + area["height"] * 0.35)
    page.mouse.down()
    page.mouse.move(area["x"] + area["width"] - 2, area["y"] + area["height"] * 0.7, steps=4)
    page.mouse.up()
    mark = page.get_by_role("button", name="Box on page 1 at")
    expect(mark).to_have_count(1)
    before = mark.get_attribute("aria-label")
    mark.focus()
    mark.press("ArrowUp")
    assert mark.get_attribute("aria-label") != before


def write(page: Page) -> None:
    """Gives the box's place in numbers."""
    for label, value in (("From the left", "0"), ("From the top", "350"), ("Width", "1000"), ("Height", "350")):
        page.get_by_label(label).fill(value)
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_label("Page 1: 0, 350, 1000 wide, 350 high")).to_be_checked()


@pytest.mark.parametrize("scripts", [True, False], ids=lambda has: "scripts" if has else "plain")
def test_one_person_redacts_and_another_attests(desk: Packets, visit: Visits, scripts: bool) -> None:
    with visit("eve@example.com", scripts=scripts) as person:
        open_picture(person, desk)
        (draw if scripts else write)(person.page)
        person.page.get_by_role("button", name="Save the redaction").click()
        expect(person.page.get_by_text("Redacted. Look at the result")).to_be_visible()
        expect(person.page.get_by_text("Another person must attest it.")).to_be_visible()
        if scripts:
            assert violations(person.page) == []
    with visit("cy@example.com", scripts=scripts) as person:
        open_picture(person, desk)
        person.page.get_by_role("button", name="Attest this result").click()
        expect(person.page.get_by_text("Attested by you.")).to_be_visible()
    leaving = AnnexRow.objects.get(revision=desk.build(desk.newest.pk), name="picture-1")
    assert leaving.cleared_digest == PictureRedaction.objects.get().result_digest
    with annexes.open_annex(leaving.revision.packet, leaving.cleared_digest) as stream:
        png = Image.open(io.BytesIO(stream.read()))
    assert png.getpixel((png.width // 2, png.height // 2)) == (0, 0, 0)


@pytest.mark.parametrize(("scheme", "width"), LOOKS)
def test_page_of_a_picture_fits_and_is_accessible(desk: Packets, visit: Visits, scheme: str, width: int) -> None:
    with visit("eve@example.com", scheme=scheme, width=width) as person:
        person.go(f"/admin/packets/{desk.newest.packet.ref}/picture?revision=1&annex=picture-1")
        expect(person.page.get_by_role("heading", name="Found in it")).to_be_visible()
        assert violations(person.page) == []
        assert too_wide(person.page) <= 0
