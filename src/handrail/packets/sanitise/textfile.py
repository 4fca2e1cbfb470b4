"""Receives text: its encoding is found or refused, its lines and their number are bounded, its controls taken out."""

from __future__ import annotations

import codecs
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import NoReturn

from handrail.packets.sanitise.guard import MIB, Limits, SanitiseRefused, check_type

MAX_BYTES = 16 * MIB  # where every line has other secrets, all are remembered: some 17 times as much memory
MAX_LINES = 500_000
LONGEST_LINE = 16_384
# Colours and cursor moves of terminals; each starts with ESC, which begins nothing else.
_ANSI = re.compile(r"\x1b(?:\[[0-9;?]{0,32}[ -/]{0,4}[@-~]|[@-Z\\-_])")
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
# More controls than this, one in so many characters, and it isn't text: latin-1 reads any bytes at all.
_MOST_CONTROLS = 200
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_GUESSED = "latin-1"


@dataclass(frozen=True, slots=True)
class TextFile:
    """``encoding``: ``utf-8``, ``utf-16-le``, ``utf-16-be``, or ``latin-1`` where it is none of them: a guess.

    ``controls`` counts the control sequences that were taken out, ``cut`` the lines that were longer than the limit.
    """

    lines: tuple[str, ...]
    encoding: str
    line_ends: str
    controls: int
    cut: int


def read_text(
    data: bytes, *, content_type: str | None = None, expected: Collection[str] = (), limits: Limits | None = None
) -> TextFile:
    """The lines of ``data``, without their ends. Raises SanitiseRefused for what isn't text, is empty or too large."""
    limits = limits or Limits()
    most = min(limits.max_bytes, MAX_BYTES)
    if len(data) > most:
        _refuse(
            "too-large",
            f"The artifact has {len(data)} bytes of text; the limit is {most}. Attach the part that matters: the lines "
            "around the failure.",
        )
    check_type(data, content_type, expected)
    encoding, text = _decoded(data)
    if not text.strip():
        _refuse("empty", "The artifact is empty.")
    line_ends = "crlf" if "\r\n" in text else "cr" if "\r" in text and "\n" not in text else "lf"
    text, sequences = _ANSI.subn("", text.replace("\r\n", "\n").replace("\r", "\n"))
    text, controls = _CONTROLS.subn("", text)
    if controls > 1 + len(text) // _MOST_CONTROLS:
        _refuse("not-text", "The artifact holds control characters as no text does.")
    lines = text.split("\n")
    if len(lines) > MAX_LINES:
        _refuse("too-many-lines", f"The artifact has more than {MAX_LINES} lines. Attach the part that matters.")
    cut = sum(len(line) > LONGEST_LINE for line in lines)
    kept = tuple(line[:LONGEST_LINE].rstrip() for line in lines)
    return TextFile(kept, encoding, line_ends, sequences + controls, cut)


def _decoded(data: bytes) -> tuple[str, str]:
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            try:
                return encoding, data[len(mark) :].decode(encoding)
            except UnicodeDecodeError:
                _refuse("not-text", f"The artifact begins like {encoding} and is not.")
    if b"\x00" in data:
        _refuse("not-text", "The artifact holds NUL bytes; it isn't text, or is UTF-16 without its mark.")
    try:
        return "utf-8", data.decode("utf-8")
    except UnicodeDecodeError:
        return _GUESSED, data.decode(_GUESSED)


def _refuse(code: str, message: str) -> NoReturn:
    raise SanitiseRefused(message, code=code)
