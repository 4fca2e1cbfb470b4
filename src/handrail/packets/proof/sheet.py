"""A sheet in plain words as text of 80 columns and as one HTML page that prints, with nothing in it that is fetched."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

COLUMNS: Final = 80
_INDENT = 4
# Of characters that take two columns in a terminal; the ranges are fixed here, as Unicode's table grows.
_WIDE = (
    (0x1100, 0x115F), (0x2E80, 0xA4CF), (0xAC00, 0xD7A3), (0xF900, 0xFAFF), (0xFE30, 0xFE6F), (0xFF00, 0xFF60),
    (0xFFE0, 0xFFE6), (0x1F000, 0x1FAFF), (0x20000, 0x3FFFD),
)  # fmt: skip
# Controls, characters that hide or turn text around, and letters and marks that look like nothing: of the latter, texts
# may have some. A sheet shows a mark where there is one.
_UNSHOWN = (
    *range(0x0A), *range(0x0B, 0x20), *range(0x7F, 0xA0), 0xAD, 0x61C, 0x200B, 0x200E, 0x200F, *range(0x2028, 0x202F),
    *range(0x2060, 0x2070), 0xFEFF, 0x034F, 0x115F, 0x1160, *range(0x180B, 0x1810), 0x2800, 0x3164, 0xFFA0,
    *range(0xFE00, 0xFE10), *range(0xE0000, 0xE0080), *range(0xE0100, 0xE01F0),
)  # fmt: skip
_MARKED = dict.fromkeys(_UNSHOWN, "\N{REPLACEMENT CHARACTER}")
_ESCAPED = _MARKED | str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;"})
_STYLE = (
    ":root{color-scheme:light dark}body{font:11pt/1.45 system-ui,sans-serif;max-width:46rem;margin:2rem auto;"
    "padding:0 1rem}h1{font-size:1.4rem;margin:0}h2{font-size:1.1rem;margin:1.6rem 0 .4rem;border-bottom:1px solid}"
    "h3{font-size:1rem;margin:.8rem 0 .2rem}dl{display:grid;grid-template-columns:minmax(8rem,max-content) 1fr;"
    "gap:.15rem 1rem;margin:0}dt{font-weight:600}dd{margin:0;white-space:pre-wrap;overflow-wrap:anywhere}"
    "p{margin:.3rem 0}@media(max-width:30rem){dl{display:block}}"
    "@media print{body{margin:0;max-width:none}h2,h3{break-after:avoid}dd,dt{break-inside:avoid}}"
)


@dataclass(frozen=True, slots=True)
class CoverEntry:
    """One thing of a section: its heading, empty for none, and rows of label and text."""

    heading: str
    rows: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class CoverSection:
    title: str
    entries: tuple[CoverEntry, ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class CoverPage:
    title: str
    subtitle: str
    sections: tuple[CoverSection, ...]
    note: str = ""


def as_text(sheet: CoverPage) -> bytes:
    """UTF-8, lines of 80 columns at most, without white space at their ends."""
    lines = [*wrapped(sheet.title), *wrapped(sheet.subtitle), *(wrapped(sheet.note) if sheet.note else ())]
    for section in sheet.sections:
        lines.append("")
        if section.title:
            lines += [*wrapped(section.title), "-" * min(columns(section.title), COLUMNS)]
        for entry in section.entries:
            lines += _entry(entry)
        if section.note:
            lines += wrapped(section.note)
    return ("\n".join(lines) + "\n").encode()


def _entry(entry: CoverEntry) -> Iterator[str]:
    indent = 2 if entry.heading else 0
    if entry.heading:
        yield from wrapped(entry.heading)
    for label, text in entry.rows:
        first, *others = text.split("\n")
        yield from wrapped(f"{label}: {first}" if label else first, indent=indent)
        for other in others:
            yield from wrapped(other, indent=indent + _INDENT)


def as_html(sheet: CoverPage) -> bytes:
    """One page: UTF-8, no script, and a policy that lets it fetch nothing."""
    parts = [
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n',
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n",
        '<meta name="viewport" content="width=device-width">\n',
        f"<title>{escaped(sheet.title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n",
        f"<h1>{escaped(sheet.title)}</h1>\n<p>{escaped(sheet.subtitle)}</p>\n",
        f"<p>{escaped(sheet.note)}</p>\n" if sheet.note else "",
    ]
    for section in sheet.sections:
        parts.append(f"<h2>{escaped(section.title)}</h2>\n" if section.title else "")
        for entry in section.entries:
            parts.append(f"<h3>{escaped(entry.heading)}</h3>\n" if entry.heading else "")
            rows = "".join(_row(label, text) for label, text in entry.rows)
            parts.append(f"<dl>\n{rows}</dl>\n" if entry.rows and entry.rows[0][0] else f"{rows}")
        parts.append(f"<p>{escaped(section.note)}</p>\n" if section.note else "")
    parts.append("</main>\n</body>\n</html>\n")
    return "".join(parts).encode()


def _row(label: str, text: str) -> str:
    return f"<dt>{escaped(label)}</dt><dd>{escaped(text)}</dd>\n" if label else f"<p>{escaped(text)}</p>\n"


def escaped(text: str) -> str:
    """For HTML, with a mark for each character that can't be seen."""
    return text.translate(_ESCAPED)


def columns(text: str) -> int:
    """How many columns of a terminal it takes; a mark over a letter counts as one, which errs to the safe side."""
    if text.isascii():
        return len(text)
    return sum(2 if any(first <= ord(one) <= last for first, last in _WIDE) else 1 for one in text)


def wrapped(text: str, *, indent: int = 0) -> list[str]:
    """Lines of 80 columns at most; what goes on is indented further. Longer words are broken."""
    lines: list[str] = []
    line, taken, room, margin = "", 0, COLUMNS - indent, " " * indent

    def end() -> None:
        nonlocal line, taken, room, margin
        lines.append((margin + line).rstrip(" "))
        line, taken, room, margin = "", 0, COLUMNS - indent - _INDENT, " " * (indent + _INDENT)

    for at, word in enumerate(text.translate(_MARKED).replace("\n", "\N{REPLACEMENT CHARACTER}").split(" ")):
        wide = columns(word)
        if at and taken + 1 + wide > room:
            end()
        elif at:
            line, taken = f"{line} ", taken + 1
        if taken + wide <= room:
            line, taken = line + word, taken + wide
            continue
        for one in word:
            if taken + columns(one) > room:
                end()
            line, taken = line + one, taken + columns(one)
    end()
    return lines
