"""What the receiver's commands print: lines of at most 80 columns, without anything that a terminal would obey."""

from __future__ import annotations

import json
import sys
import textwrap
from collections.abc import Iterable, Sequence
from typing import Any, TextIO

from handrail.kernel.hostile import clean_text

COLUMNS = 80
LIMIT = 2000
_LABEL = 14


def say(text: str, *, stream: TextIO | None = None) -> None:
    """Text for people, wrapped. What the stream's encoding lacks is written as an escape, never as an error."""
    write("\n".join(_wrapped(shown(text), "", "")) + "\n", stream=stream)


def rows(entries: Iterable[Sequence[str]], *, label: int = _LABEL) -> None:
    """Label and text, one entry after the other; long ones hang below their label."""
    for name, text in entries:
        written = shown(name)
        words = shown(text)
        indent = " " * (label + 1)
        fits = len(written) <= label and all(len(word) < COLUMNS - label for word in words.split())
        if not fits:
            write(f"{written}\n")
        first = f"{written:<{label}} " if fits else "  "
        write("\n".join(_wrapped(words, first, indent if fits else "  ")) + "\n")


def print_json(value: Any) -> None:
    write(json.dumps(value, indent=2, ensure_ascii=True) + "\n")


def shown(text: str) -> str:
    """``text`` as one line without control and formatting characters: names and notes are others' words."""
    return clean_text(text, limit=LIMIT)


def write(text: str, *, stream: TextIO | None = None) -> None:
    out = stream or sys.stdout
    encoding = out.encoding or "utf-8"
    out.write(text.encode(encoding, "backslashreplace").decode(encoding))


def write_bytes(raw: bytes) -> None:
    """These very bytes on standard output."""
    sys.stdout.flush()
    sys.stdout.buffer.write(raw)
    sys.stdout.buffer.flush()


def _wrapped(text: str, first: str, indent: str) -> list[str]:
    lines = textwrap.wrap(
        text,
        COLUMNS,
        initial_indent=first,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return lines or [first.rstrip()]
