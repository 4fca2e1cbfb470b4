"""What leaves of a picture: newly drawn pixels, and of the original only what can be seen."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable, Iterable

import pytest
from PIL import Image, ImageDraw

from handrail.kernel.errors import Invalid
from handrail.packets.pictures import boxes, drawing, examining, isolated
from handrail.packets.pictures.boxes import Box
from handrail.packets.pictures.isolated import PictureRefused
from tests.canaries.finding import Haystack
from tests.canaries.kinds import Canary
from tests.unit.packets.pictures import samples
from tests.unit.packets.pictures.samples import SECRET

CANARY = Canary("planted in a picture", "somewhere", SECRET, SECRET)
READS_TEXT = pytest.mark.skipif(shutil.which(examining.RECOGNITION) is None, reason="tesseract is not installed")


def seen(png: bytes) -> str:
    """What text recognition reads in a picture, without blanks."""
    words = examining._words(examining.RECOGNITION, isolated.DrawnPage(png, *Image.open(io.BytesIO(png)).size), 1)
    return "".join(word.text for word in words or ())


@pytest.mark.parametrize(
    "make",
    [
        samples.with_text_chunk, samples.with_exif, samples.with_trailing_data, samples.under_alpha,
        samples.in_last_digits, samples.animated, samples.hidden_layer, samples.scripted,
    ],
)  # fmt: skip
def test_what_cannot_be_seen_does_not_leave(make: Callable[[], bytes]) -> None:
    png = isolated.draw(make(), ()).png
    assert set(drawing.chunks(png)) == {b"IHDR", b"IDAT", b"IEND"}
    assert Haystack({"picture.png": png}).found([CANARY]) == []
    assert {value & 7 for value in Image.open(io.BytesIO(png)).tobytes()} == {0}
    if shutil.which(examining.RECOGNITION):
        assert SECRET not in seen(png)


@READS_TEXT
@pytest.mark.parametrize("make", [samples.screenshot, samples.report, samples.polyglot])
def test_what_is_covered_cannot_be_read_any_more(make: Callable[[], bytes]) -> None:
    data = make()
    assert SECRET in seen(isolated.draw(data, ()).png)
    found = examining.examine(data)
    png = isolated.draw(data, [box for one in found.findings for box in one.place]).png
    assert SECRET not in seen(png)
    assert "failed" in seen(png)


@READS_TEXT
def test_text_in_pixels_is_looked_through_with_its_place() -> None:
    found = examining.examine(samples.screenshot())
    assert [(one.kind, one.where) for one in found.findings] == [("password", "picture")]
    assert found.recognised
    assert found.findings[0].place[0].y > 300


@pytest.mark.parametrize("make", [samples.report, samples.hidden_layer])
def test_text_layer_is_looked_through_with_page_and_place(
    make: Callable[[], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    found = examining.examine(make())
    (one,) = found.findings
    assert (one.kind, one.where, one.place[0].page) == ("password", "text layer", 1)
    assert one.place[0].y < 290 < one.place[0].y + one.place[0].h
    assert not found.recognised


def left_outside(data: bytes, found: Iterable[examining.PictureFinding]) -> bool:
    """Whether something is drawn outside the boxes of what was found."""
    page = Image.open(io.BytesIO(isolated.draw(data, ()).png))
    pen = ImageDraw.Draw(page)
    for box in (box for one in found for box in one.place):
        x, y = box.x * page.width / boxes.WHOLE, box.y * page.height / boxes.WHOLE
        pen.rectangle((x, y, x + box.w * page.width / 1000, y + box.h * page.height / 1000), fill="white")
    return min(low for low, _ in page.getextrema()) < 128


@pytest.mark.parametrize("make", samples.OTHER_PAGE_SPACES.values(), ids=list(samples.OTHER_PAGE_SPACES))
def test_box_of_the_text_layer_covers_what_is_drawn(make: Callable[[], bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    found = examining.examine(make()).findings
    assert len([box for one in found for box in one.place]) == 1
    assert not left_outside(make(), found)


@READS_TEXT
@pytest.mark.parametrize("turn", [90, 270])
def test_turned_picture_is_read_and_its_boxes_cover_what_is_read(turn: int) -> None:
    data = samples.saved(samples.written(samples.KEY, size=(900, 120)).rotate(turn, expand=True))
    found = examining.examine(data).findings
    assert found
    assert not left_outside(data, found)


def test_text_layer_that_is_too_long_to_be_read_as_a_whole_is_refused() -> None:
    data = samples.pdf(" ".join(samples.text("x" * 500, at=(60, 30 * n)) for n in range(21)), pages=20)
    with pytest.raises(PictureRefused) as refused:
        isolated.read(data)
    assert refused.value.code == "too-much-text"


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (samples.huge_header, "too-many-pixels"),
        (samples.encrypted, "broken"),
        (samples.xfa, "xfa"),
        (lambda: samples.pdf("", pages=21), "too-many-pages"),
        (lambda: b"%PDF-1.7 nothing", "broken"),
        (lambda: samples.screenshot()[:900], "broken"),
        (lambda: b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>", "not-a-picture"),
        (lambda: b"PK\x03\x04", "not-a-picture"),
        (lambda: b"", "not-a-picture"),
    ],
)
def test_what_cannot_be_drawn_is_refused_with_a_reason(make: Callable[[], bytes], code: str) -> None:
    with pytest.raises(PictureRefused) as refused:
        isolated.draw(make(), ())
    assert refused.value.code == code


@pytest.mark.parametrize("make", [samples.sixteen_bits, samples.cmyk, samples.with_jpeg_2000])
def test_other_kinds_of_pixels_are_drawn_in_eight_bit_colours(make: Callable[[], bytes]) -> None:
    png = Image.open(io.BytesIO(isolated.draw(make(), ()).png))
    assert png.mode == "RGB"
    assert png.getextrema() != ((0, 0), (0, 0), (0, 0))


def test_pages_stand_one_below_the_other() -> None:
    one, three = (Image.open(io.BytesIO(isolated.draw(samples.pdf("", pages=n), ()).png)) for n in (1, 3))
    assert three.size == (one.width, 3 * one.height + 2 * drawing.GAP)


def test_box_is_black_and_covers_whole_pixels() -> None:
    white = samples.saved(Image.new("RGB", (1003, 999), "white"))
    png = Image.open(io.BytesIO(isolated.draw(white, [Box(1, 100, 100, 200, 300)]).png))
    assert png.getpixel((100, 99)) == (0, 0, 0)
    assert png.getpixel((300, 399)) == (0, 0, 0)
    assert png.getpixel((303, 250)) == (248, 248, 248)


def test_first_frame_of_an_animation_is_drawn_and_the_others_are_counted() -> None:
    assert isolated.read(samples.animated()).frames == 2


@pytest.mark.parametrize(
    "box",
    [
        (0, 0, 0, 1, 1),
        (1, -1, 0, 1, 1),
        (1, 990, 0, 20, 1),
        (1, 0, 0, 0, 5),
        (3, 0, 0, 5, 5),
        (1, 0, 0, 5),
        ("1", 0, 0, 5, 5),
    ],
)
def test_box_outside_the_page_is_refused(box: tuple[int, ...]) -> None:
    with pytest.raises(Invalid) as refused:
        boxes.read([box], pages=2)
    assert [fault.where for fault in refused.value.faults] == ["boxes[1]"]
