"""The page of a picture: who sees it, what its forms do, and how its images are served."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from django.test import Client

from handrail.access.models import Membership, User
from handrail.packets.models import AnnexRow, PictureAttestation, PictureRedaction, Revision
from tests.factories.installation import Installation
from tests.factories.packets import Packets, connected
from tests.unit.packets.pictures import samples
from tests.unit.packets.pictures.profiles import with_pictures

pytestmark = pytest.mark.django_db
Enter = Callable[[User], Client]


@pytest.fixture
def desk(db: None) -> Iterator[Packets]:
    with connected(Installation(None, tenant="ten_a").packets) as one:
        with_pictures(one)
        one.sources.attach("ATT-9", "picture", samples.screenshot())
        one.assemble()
        yield one


def address(desk: Packets, what: str = "picture", **more: str) -> str:
    query = "&".join(f"{name}={value}" for name, value in {"revision": "1", "annex": "picture-1", **more}.items())
    return f"/admin/packets/{desk.newest.packet.ref}/{what}?{query}"


def form(desk: Packets, **more: str) -> dict[str, str]:
    row = AnnexRow.objects.filter(revision=desk.newest, name="picture-1").get()
    return {"revision": str(desk.newest.number), "annex": "picture-1", "original": row.original_digest or "", **more}


def post(client: Client, desk: Packets, act: str, **more: str) -> tuple[int, str]:
    answer = client.post(f"/admin/packets/{desk.newest.packet.ref}/{act}", form(desk, **more))
    return answer.status_code, answer.content.decode()


def test_page_shows_what_was_found_and_a_form_without_scripts(desk: Packets, enter: Enter) -> None:
    shown = enter(desk.people["eve"]).get(address(desk)).content.decode()
    assert "Save the redaction" in shown
    assert "From the left" in shown
    assert samples.SECRET not in shown
    assert "Nobody has redacted it yet" in shown


def test_preview_keeps_nothing(desk: Packets, enter: Enter) -> None:
    status, shown = post(
        enter(desk.people["eve"]), desk, "redact", page="1", x="0", y="300", w="900", h="400", preview="1"
    )
    assert status == 200
    assert "1,0,300,900,400" in shown
    assert not PictureRedaction.objects.exists()


@pytest.mark.parametrize("w", ["", "x", "99999", "0", "2000"])
def test_box_that_cannot_be_drawn_comes_back_with_its_fault(desk: Packets, enter: Enter, w: str) -> None:
    status, shown = post(enter(desk.people["eve"]), desk, "redact", page="1", x="0", y="0", w=w, h="10")
    assert status == 422
    assert 'role="alert"' in shown
    assert not PictureRedaction.objects.exists()


def test_another_person_attests_what_was_saved(desk: Packets, enter: Enter) -> None:
    eve, cy = enter(desk.people["eve"]), enter(desk.people["cy"])
    assert post(eve, desk, "redact", box="1,0,300,1000,500")[0] == 302
    digest = PictureRedaction.objects.get().result_digest
    own = eve.get(address(desk)).content.decode()
    assert "You redacted this picture. Another person must attest it." in own
    assert "Attest this result" in cy.get(address(desk)).content.decode()
    assert post(cy, desk, "attest", digest=digest)[0] == 302
    assert PictureAttestation.objects.get().result_digest == digest
    assert Revision.objects.count() == 2


def test_attesting_after_another_redaction_says_to_look_again(desk: Packets, enter: Enter) -> None:
    eve, cy = enter(desk.people["eve"]), enter(desk.people["cy"])
    post(eve, desk, "redact", box="1,0,300,1000,500")
    digest = PictureRedaction.objects.get().result_digest
    post(eve, desk, "redact", box="1,0,0,1000,500")
    status, shown = post(cy, desk, "attest", digest=digest)
    assert (status, "Look again, then decide." in shown) == (409, True)


@pytest.mark.parametrize("more", [{"page": "1"}, {"result": "1"}])
def test_images_are_png_and_kept_nowhere(desk: Packets, enter: Enter, more: dict[str, str]) -> None:
    eve = enter(desk.people["eve"])
    post(eve, desk, "redact", box="1,0,300,1000,500")
    answer = eve.get(address(desk, "picture/drawn", **more))
    kept = {name: answer.headers[name] for name in ("Content-Type", "X-Content-Type-Options", "Cache-Control")}
    assert kept == {"Content-Type": "image/png", "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}
    assert answer.content.startswith(b"\x89PNG")


def test_original_is_not_shown_without_the_right_to_see_inside(desk: Packets, enter: Enter) -> None:
    Membership.objects.filter(user=desk.people["eve"]).update(roles=["operator"])
    eve = enter(desk.people["eve"])
    assert [eve.get(address(desk, what)).status_code for what in ("picture", "picture/drawn")] == [403, 403]
    assert "Redact or attest" not in eve.get(f"/admin/packets/{desk.newest.packet.ref}").content.decode()


def test_packet_page_leads_to_the_picture(desk: Packets, enter: Enter) -> None:
    shown = enter(desk.people["eve"]).get(f"/admin/packets/{desk.newest.packet.ref}").content.decode()
    assert "Redact or attest" in shown


@pytest.mark.parametrize("annex", ["har-1", "picture-9", ""])
def test_annex_that_is_no_picture_is_not_found(desk: Packets, enter: Enter, annex: str) -> None:
    assert enter(desk.people["eve"]).get(address(desk, annex=annex)).status_code == 404


def test_picture_that_cannot_be_drawn_says_what_to_attach(desk: Packets, enter: Enter) -> None:
    desk.sources.attach("ATT-10", "picture", b"<svg/>")
    desk.assemble()
    shown = enter(desk.people["eve"]).get(address(desk, revision="2", annex="picture-2")).content.decode()
    assert "Attach a PDF" in shown or "It is not a PDF" in shown
