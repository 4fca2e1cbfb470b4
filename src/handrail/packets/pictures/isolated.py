"""The parent's side: each drawing is a process of its own, so that what breaks the libraries breaks nothing else."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from handrail.kernel.errors import Invalid
from handrail.packets.pictures.boxes import Box

SECONDS = 60
MAX_BYTES = 64 * 1024 * 1024
_ONE_AT_A_TIME = threading.Lock()  # each may take much memory, and a service has its limit
_PROGRAM = (sys.executable, "-I", "-m", "handrail.packets.pictures.child")


class PictureRefused(Invalid):
    """It can't be drawn. ``code`` is stable; the message quotes nothing of it."""

    code = "not-a-picture"


@dataclass(frozen=True, slots=True)
class PageText:
    """The text layer of a page; ``places`` has the box of each character."""

    page: int
    text: str
    places: tuple[Box, ...]


@dataclass(frozen=True, slots=True)
class OpenedPicture:
    """``kind``: ``pdf`` or ``image``. ``frames``: over 1 for an animation, of which the first is drawn."""

    kind: str
    pages: int
    frames: int
    texts: tuple[PageText, ...]


@dataclass(frozen=True, slots=True)
class DrawnPage:
    png: bytes
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class DrawnWhole:
    png: bytes
    pages: int


def read(data: bytes) -> OpenedPicture:
    """What it is, and its text layer. Raises PictureRefused."""
    head, _ = _ask({"do": "read"}, data)
    texts = tuple(
        PageText(one["page"], one["text"], tuple(Box(one["page"], *box) for box in one["boxes"]))
        for one in head["texts"]
    )
    return OpenedPicture(head["kind"], head["pages"], head["frames"], texts)


def page(data: bytes, number: int, boxes: Sequence[Box] = (), *, turn: int = 0) -> DrawnPage:
    """One page with its boxes as PNG, turned to the left by ``turn`` degrees. Raises PictureRefused."""
    head, png = _ask({"do": "page", "page": number, "boxes": boxes, "turn": turn}, data)
    return DrawnPage(png, head["width"], head["height"])


def draw(data: bytes, boxes: Sequence[Box]) -> DrawnWhole:
    """All pages with their boxes, as one PNG: what would leave. Raises PictureRefused."""
    head, png = _ask({"do": "draw", "boxes": boxes}, data)
    return DrawnWhole(png, head["pages"])


def _ask(request: dict[str, Any], data: bytes) -> tuple[dict[str, Any], bytes]:
    if len(data) > MAX_BYTES:
        raise PictureRefused(f"It has {len(data)} bytes; the limit is {MAX_BYTES}.", code="too-large")
    given = json.dumps(request).encode() + b"\n" + data
    try:
        with _ONE_AT_A_TIME:
            done = subprocess.run(  # noqa: S603 - our own program
                _PROGRAM, input=given, capture_output=True, timeout=SECONDS, check=False, env={}
            )
    except subprocess.TimeoutExpired:
        raise PictureRefused("Drawing it takes too long.", code="too-slow") from None
    line, _, png = done.stdout.partition(b"\n")
    if done.returncode != 0 or not line:
        raise PictureRefused("Drawing it broke the program that draws, or took too much.", code="broken")
    head: dict[str, Any] = json.loads(line)
    if "code" in head:
        raise PictureRefused(head["message"], code=head["code"])
    return head, png
