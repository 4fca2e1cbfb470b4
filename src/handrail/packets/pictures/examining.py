"""What must not leave, by place: in the text layer, and in what text recognition reads where it is installed.

A finding names its kind and its place, never what stands there.
"""

from __future__ import annotations

import csv
import io
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from handrail.packets.findings import TextTerms, look
from handrail.packets.findings.looking import NOTHING
from handrail.packets.pictures import isolated
from handrail.packets.pictures.boxes import WHOLE, Box
from handrail.packets.pictures.isolated import OpenedPicture

RECOGNITION = "tesseract"
SECONDS = 60
_WORD_LEVEL = "5"
_SURE, _FEW_WORDS = 60, 3  # percent; a page with fewer sure words is read in all directions
_MARGIN = 4  # thousandths around what is found


@dataclass(frozen=True, slots=True)
class PictureFinding:
    """``where``: ``text layer`` or ``picture``. ``place``: a box for each line that it reaches over."""

    code: str
    kind: str
    where: str
    place: tuple[Box, ...]


@dataclass(frozen=True, slots=True)
class Examined:
    """``recognised``: text recognition has read the pixels. Without it only people have looked at them."""

    opened: OpenedPicture
    findings: tuple[PictureFinding, ...]
    recognised: bool


class ReadWord(NamedTuple):
    """``sure``: text recognition says that it most likely read it right."""

    text: str
    box: Box
    sure: bool


def examine(data: bytes, terms: TextTerms = NOTHING) -> Examined:
    """Raises PictureRefused."""
    opened = isolated.read(data)
    found = [*_in_layer(opened, terms)]
    program = shutil.which(RECOGNITION)
    recognised = program is not None
    if program is not None:
        for number in range(1, opened.pages + 1):
            read = _turns(program, data, number)
            recognised = recognised and all(words is not None for words in read.values())
            for turn, words in read.items():
                found += _in_pixels(words or (), terms, turn)
    once = {(one.code, one.kind, one.place): one for one in reversed(found)}
    ordered = sorted(once.values(), key=lambda one: (one.place, one.code))
    return Examined(opened, tuple(ordered), recognised)


def _in_layer(opened: OpenedPicture, terms: TextTerms) -> Iterator[PictureFinding]:
    for layer in opened.texts:
        for one in look(layer.text, terms):
            place = _joined(layer.places[one.start : one.end])
            if place:
                yield PictureFinding(one.code, one.kind, "text layer", place)


def _turns(program: str, data: bytes, number: int) -> dict[int, list[ReadWord] | None]:
    """What is read of a page by how far it is turned; only where little is readable as it stands, also turned."""
    read = {0: _words(program, isolated.page(data, number), number)}
    sure = sum(word.sure for word in read[0] or ())
    if sure < _FEW_WORDS or sure * 2 < len(read[0] or ()):
        for turn in (90, 180, 270):
            read[turn] = _words(program, isolated.page(data, number, turn=turn), number)
    return read


def _in_pixels(words: Sequence[ReadWord], terms: TextTerms, turn: int) -> Iterator[PictureFinding]:
    text, places = "", []
    for word, box, _ in words:
        text += word + " "
        places += [box] * (len(word) + 1)
    for one in look(text, terms):
        place = tuple(_turned_back(box, turn) for box in _joined(places[one.start : one.end]))
        yield PictureFinding(one.code, one.kind, "picture", place)


def _turned_back(box: Box, turn: int) -> Box:
    """Where on the page ``box`` is, which was found on the page turned to the left by ``turn`` degrees."""
    for _ in range(turn // 90):
        box = Box(box.page, WHOLE - box.y - box.h, box.x, box.h, box.w)
    return box


def _words(program: str, page: isolated.DrawnPage, number: int) -> list[ReadWord] | None:
    try:
        done = subprocess.run(  # noqa: S603 - the program that the operator installed
            (program, "stdin", "stdout", "--psm", "11", "tsv"),
            input=page.png, capture_output=True, timeout=SECONDS, check=True,
            env={"OMP_THREAD_LIMIT": "1", "PATH": "/usr/bin:/bin"},
        )  # fmt: skip
    except (subprocess.SubprocessError, OSError):
        return None
    rows = csv.DictReader(io.StringIO(done.stdout.decode("utf-8", "replace")), delimiter="\t", quoting=csv.QUOTE_NONE)
    return [
        ReadWord(row["text"], _box(number, row, page), float(row.get("conf") or 0) >= _SURE)
        for row in rows
        if row.get("level") == _WORD_LEVEL and (row.get("text") or "").strip()
    ]


def _box(number: int, row: dict[str, str], page: isolated.DrawnPage) -> Box:
    x, y = int(row["left"]) * WHOLE // page.width, int(row["top"]) * WHOLE // page.height
    w = -(-int(row["width"]) * WHOLE // page.width)
    h = -(-int(row["height"]) * WHOLE // page.height)
    return _within(Box(number, x, y, w, h))


def _joined(places: Sequence[Box]) -> tuple[Box, ...]:
    """One box for each line, whichever way it runs."""
    lines: list[Box] = []
    before: Box | None = None
    for place in places:
        if before is not None and (_beside(lines[-1], place) or _below(before, place)):
            last = lines[-1]
            x, y = min(last.x, place.x), min(last.y, place.y)
            w = max(last.x + last.w, place.x + place.w) - x
            lines[-1] = Box(last.page, x, y, w, max(last.y + last.h, place.y + place.h) - y)
        else:
            lines.append(place)
        before = place
    return tuple(_within(Box(p, x - _MARGIN, y - _MARGIN, w + 2 * _MARGIN, h + 2 * _MARGIN)) for p, x, y, w, h in lines)


def _beside(line: Box, place: Box) -> bool:
    return line.page == place.page and place.y < line.y + line.h and line.y < place.y + place.h


def _below(before: Box, place: Box) -> bool:
    """Whether two characters stand close above each other: in a line that runs up or down."""
    apart = max(place.y - before.y - before.h, before.y - place.y - place.h)
    across = before.page == place.page and place.x < before.x + before.w and before.x < place.x + place.w
    return across and apart < max(before.h, place.h)


def _within(box: Box) -> Box:
    x, y = min(max(box.x, 0), WHOLE - 1), min(max(box.y, 0), WHOLE - 1)
    right, bottom = min(box.x + box.w, WHOLE), min(box.y + box.h, WHOLE)
    return Box(box.page, x, y, max(right - x, 1), max(bottom - y, 1))
