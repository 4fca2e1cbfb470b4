"""From the bytes of a PDF or image to pixels, and to one new PNG. Runs only in the child, which has limits.

Nothing is copied but colours: no metadata, no profile, no text, no hidden layer. Colours are rounded to 32 steps, so
that nothing can be written in their last digits. Of an animation only the first frame is drawn.
"""

from __future__ import annotations

import ctypes
import io
import math
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any, Final

import pypdfium2
from PIL import Image, ImageDraw, ImageOps, UnidentifiedImageError
from pypdfium2 import raw as pdfium

from handrail.packets.pictures.boxes import WHOLE, Box

FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "BMP")
MAX_PAGES = 20
MAX_SIDE, MAX_PIXELS, ALL_PIXELS = 20_000, 25_000_000, 30_000_000  # the last: of all pages of a PDF together
PAGE_WIDTH, PAGE_HEIGHT, LARGEST_SCALE = 1_600, 2_400, 2.5
MAX_TEXT = 200_000  # characters of the text layers of all pages together
GAP = 12  # pixels between two pages
STEPS_BITS = 5
_FINE: Final = WHOLE * 100  # pdfium places points in whole numbers
_TURNS: Final = {
    90: Image.Transpose.ROTATE_90, 180: Image.Transpose.ROTATE_180, 270: Image.Transpose.ROTATE_270
}  # fmt: skip
_CHUNKS: Final = {b"IHDR", b"IDAT", b"IEND"}
_PNG_HEAD, _CHUNK_AROUND = 8, 12
_SURROGATES: Final = (0xD800, 0xDFFF)
_WHITE, _BLACK, _GREY = (255, 255, 255), (0, 0, 0), (128, 128, 128)
Image.MAX_IMAGE_PIXELS = MAX_PIXELS


class NotDrawn(Exception):
    """``args``: a code and a sentence that quotes nothing of the artifact."""


def opened(data: bytes) -> Picture:
    """Raises NotDrawn."""
    return PdfPicture(data) if data.startswith(b"%PDF-") else ImagePicture(data)


class Picture(ABC):
    """``pages`` counts them; ``frames`` is over 1 for an animation."""

    kind = ""
    pages = 1
    frames = 1

    @abstractmethod
    def page(self, number: int) -> Image.Image:
        """Page ``number`` (from 1) as RGB pixels."""

    def texts(self) -> Iterator[dict[str, Any]]:
        """The text layer, page by page: ``{"page", "text", "boxes"}``, a box for each character, in thousandths."""
        yield from ()


class ImagePicture(Picture):
    kind = "image"

    def __init__(self, data: bytes) -> None:
        try:
            self._image = Image.open(io.BytesIO(data), formats=FORMATS)
        except Image.DecompressionBombError:
            raise NotDrawn("too-many-pixels", f"It has more than {MAX_PIXELS} pixels.") from None
        except (UnidentifiedImageError, OSError, ValueError, SyntaxError):
            raise NotDrawn("not-a-picture", f"It is not a PDF, nor an image ({', '.join(FORMATS)}).") from None
        width, height = self._image.size
        if not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE and width * height <= MAX_PIXELS):
            raise NotDrawn("too-many-pixels", f"It has {width} x {height} pixels; at most {MAX_PIXELS} are drawn.")
        self.frames = getattr(self._image, "n_frames", 1)

    def page(self, number: int) -> Image.Image:  # noqa: ARG002 # an image has one
        try:
            self._image.seek(0)
            turned = ImageOps.exif_transpose(_eight_bits(self._image))
            return _on_white(turned)
        except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError):
            raise NotDrawn("broken", "It is broken: its pixels can't be read.") from None


class PdfPicture(Picture):
    kind = "pdf"

    def __init__(self, data: bytes) -> None:
        try:
            self._pdf = pypdfium2.PdfDocument(data)
            self.pages = len(self._pdf)
        except pypdfium2.PdfiumError:
            raise NotDrawn("broken", "It is broken, or it needs a password.") from None
        if self._pdf.get_formtype() in (pdfium.FORMTYPE_XFA_FULL, pdfium.FORMTYPE_XFA_FOREGROUND):
            raise NotDrawn("xfa", "It is a form that a program fills in (XFA): what it shows can't be drawn.")
        if not 0 < self.pages <= MAX_PAGES:
            raise NotDrawn("too-many-pages", f"It has {self.pages} pages; from 1 to {MAX_PAGES} are drawn.")

    def page(self, number: int) -> Image.Image:
        page = self._page(number)
        width, height = page.get_size()
        if not (width > 0 and height > 0 and math.isfinite(width * height)):
            raise NotDrawn("broken", "It has a page without a size.")
        room = math.sqrt(ALL_PIXELS / self.pages / (width * height))
        scale = min(PAGE_WIDTH / width, PAGE_HEIGHT / height, LARGEST_SCALE, room)
        if min(width, height) * scale < 1:
            raise NotDrawn("broken", "It has a page that is too narrow to be drawn.")
        return _on_white(page.render(scale=scale, may_draw_forms=False).to_pil())

    def texts(self) -> Iterator[dict[str, Any]]:
        left = MAX_TEXT
        for number in range(1, self.pages + 1):
            page = self._page(number)
            layer = page.get_textpage()
            count = layer.count_chars()
            left -= count
            if left < 0:
                raise NotDrawn("too-much-text", f"Its text layer has more than {MAX_TEXT} characters.")
            if count:
                text = "".join(_character(layer, at) for at in range(count))
                yield {"page": number, "text": text, "boxes": list(_places(page, layer, count))}

    def _page(self, number: int) -> Any:
        try:
            return self._pdf[number - 1]
        except pypdfium2.PdfiumError:
            raise NotDrawn("broken", f"Its page {number} is broken.") from None


def _character(layer: Any, at: int) -> str:
    """The character at an index: one for each box, also where pdfium's text leaves some out."""
    code = pdfium.FPDFText_GetUnicode(layer, at)
    return chr(code) if code <= sys.maxunicode and not _SURROGATES[0] <= code <= _SURROGATES[1] else "\ufffd"


def _places(page: Any, layer: Any, count: int) -> Iterator[list[int]]:
    """The box of each character; one that only pdfium put between two others has the box of the one before."""
    last: list[int] | None = None
    for at in range(count):
        if last is None or pdfium.FPDFText_IsGenerated(layer, at) != 1:
            last = _place(page, layer.get_charbox(at))
        yield last


def _place(page: Any, corners: tuple[float, float, float, float]) -> list[int]:
    """Where the page is drawn, turned and cut as it says."""
    left, bottom, right, top = corners
    (x1, y1), (x2, y2) = _drawn_at(page, left, bottom), _drawn_at(page, right, top)
    x, y = _thousandths(min(x1, x2)), _thousandths(min(y1, y2))
    w, h = -_thousandths(-max(x1, x2)) - x, -_thousandths(-max(y1, y2)) - y
    x, y = min(max(x, 0), WHOLE - 1), min(max(y, 0), WHOLE - 1)
    return [x, y, min(max(w, 1), WHOLE - x), min(max(h, 1), WHOLE - y)]


def _drawn_at(page: Any, x: float, y: float) -> tuple[int, int]:
    across, down = ctypes.c_int(), ctypes.c_int()
    pdfium.FPDF_PageToDevice(page, 0, 0, _FINE, _FINE, 0, x, y, across, down)
    return across.value, down.value


def _thousandths(fine: int) -> int:
    return fine * WHOLE // _FINE


def _eight_bits(image: Image.Image) -> Image.Image:
    """Sixteen bits a colour become eight, by their own range and not cut off."""
    if not image.mode.startswith("I"):
        return image
    return image.convert("I").point(lambda value: value / 257, "L")


def _on_white(image: Image.Image) -> Image.Image:
    """Only what is seen on white paper: what is transparent shows nothing of what may be written under it."""
    clear = "A" in image.getbands() or "transparency" in image.info
    if clear:
        seen = image.convert("RGBA")
        paper = Image.new("RGBA", seen.size, (*_WHITE, 255))
        image = Image.alpha_composite(paper, seen)
    fresh = Image.new("RGB", image.size, _WHITE)
    fresh.paste(image.convert("RGB"))
    return fresh


def drawn(picture: Picture, boxes: Sequence[Box]) -> bytes:
    """All pages, one below the other, each with its boxes, as one PNG. Raises NotDrawn."""
    pages = [covered(picture.page(number), number, boxes) for number in range(1, picture.pages + 1)]
    width = max(page.width for page in pages)
    height = sum(page.height for page in pages) + GAP * (len(pages) - 1)
    if width * height > ALL_PIXELS * 2:  # pages of unlike widths
        raise NotDrawn("too-many-pixels", "Its pages together have too many pixels.")
    whole = Image.new("RGB", (width, height), _GREY)
    top = 0
    for page in pages:
        whole.paste(page, (0, top))
        top += page.height + GAP
    return as_png(whole)


def covered(page: Image.Image, number: int, boxes: Sequence[Box]) -> Image.Image:
    """``page`` with its boxes painted black, rounded outward to whole pixels."""
    pen = ImageDraw.Draw(page)
    for box in boxes:
        if box.page == number:
            left, top = box.x * page.width // WHOLE, box.y * page.height // WHOLE
            right = -(-(box.x + box.w) * page.width // WHOLE)
            bottom = -(-(box.y + box.h) * page.height // WHOLE)
            pen.rectangle((left, top, max(right - 1, left), max(bottom - 1, top)), fill=_BLACK)
    return page


def turned(page: Image.Image, turn: int) -> Image.Image:
    """``page`` turned to the left by 90, 180 or 270 degrees, or as it is."""
    return page.transpose(_TURNS[turn]) if turn in _TURNS else page


def as_png(image: Image.Image) -> bytes:
    """New PNG bytes that hold colours and nothing else. Raises NotDrawn where they would hold more."""
    out = io.BytesIO()
    ImageOps.posterize(image, STEPS_BITS).save(out, "PNG", optimize=False)
    data = out.getvalue()
    if set(chunks(data)) - _CHUNKS:
        raise NotDrawn("not-plain", "The new picture would hold more than colours.")
    return data


def chunks(data: bytes) -> Iterator[bytes]:
    """The names of the chunks of a PNG."""
    at = _PNG_HEAD
    while at + _CHUNK_AROUND <= len(data):
        yield data[at + 4 : at + 8]
        at += _CHUNK_AROUND + int.from_bytes(data[at : at + 4], "big")
