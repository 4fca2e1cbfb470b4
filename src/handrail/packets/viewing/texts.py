"""What has lines, and what has neither exchanges nor spans: logs line by line, any other JSON as names and values."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

from handrail.packets.viewing import flatten
from handrail.packets.viewing.content import (
    LINES,
    PAGE,
    AnnexBytes,
    AnnexContent,
    AskedPart,
    ShownRow,
    part_of,
    shown_text,
)
from handrail.packets.viewing.reading import as_dict, as_list, document_of, values_of_lines

LINE_COLUMNS = ("line", "time", "level", "text")
THREAD_COLUMNS = ("name", "state", "facts", "frames")
_LONGEST_LINE, _FRAMES = 2000, 12
_PNG, _LARGEST_PICTURE = b"\x89PNG\r\n\x1a\n", 12 * 1024 * 1024


def log(annex: AnnexBytes, asked: AskedPart) -> AnnexContent:
    """A log: each cleared line beside the line of the original with its number."""
    both = annex.original is not None
    old = _text_lines(annex.original) if annex.original is not None else []
    cleared = values_of_lines(annex.cleared) if annex.cleared is not None else None
    if annex.cleared is not None and cleared is None:
        return other(annex, asked)
    lines = [as_dict(one) for one in cleared or [] if "line" in as_dict(one)]
    if annex.cleared is None:
        lines = [{"line": number, "text": text} for number, text in enumerate(old, start=1)]
    facts = _facts(cleared or [])
    part = part_of(len(lines), asked)
    rows = tuple(
        _line(number, lines[number - 1], old if annex.cleared is not None else [])
        for number in range(part.first, part.last + 1)
        if lines
    )
    return AnnexContent("lines", LINE_COLUMNS, rows, part, facts, with_original=both)


def threads(annex: AnnexBytes, asked: AskedPart) -> AnnexContent:
    """A thread dump: each thread with its state, the locks that it holds and awaits, and the top of its frames."""
    cleared = values_of_lines(annex.cleared) if annex.cleared is not None else None
    if cleared is None:
        return log(annex, asked) if annex.cleared is None else other(annex, asked)
    found = [as_dict(one) for one in cleared if "thread" in as_dict(one)]
    part = part_of(len(found), asked)
    rows = tuple(
        ShownRow(number, _thread(found[number - 1]), {}, "", (), ())
        for number in range(part.first, part.last + 1)
        if found
    )
    facts = [as_dict(one) for one in cleared if "thread" not in as_dict(one)]
    lines = [(name[:60], text) for one in facts[:20] for name, text in list(flatten.lines_of(one).items())[:8]]
    message = "The original is not shown beside it: its lines are not those of a thread." if annex.original else ""
    return AnnexContent("lines", THREAD_COLUMNS, rows, part, tuple(lines), message=message)


def _thread(one: dict[str, Any]) -> tuple[str, ...]:
    frames = as_list(one.get("frames"))
    top = "\n".join(shown_text(frame, 200) for frame in frames[:_FRAMES])
    more = f"\n… {len(frames) - _FRAMES} more" if len(frames) > _FRAMES else ""
    rest = {key: value for key, value in one.items() if key not in ("thread", "name", "state", "frames")}
    locks = "; ".join(
        f"{key} {', '.join(map(shown_text, as_list(value)[:5])) or shown_text(value, 40)}"
        for key, value in rest.items()
    )
    return (
        shown_text(one.get("name"), 120),
        shown_text(one.get("state"), 60),
        shown_text(locks, 300),
        top + more,
    )


def picture(annex: AnnexBytes, asked: AskedPart) -> AnnexContent:
    """A picture as it leaves: one that Handrail has drawn itself. No original is decoded for a browser."""
    if annex.cleared is None or not annex.cleared.startswith(_PNG) or len(annex.cleared) > _LARGEST_PICTURE:
        return other(AnnexBytes(annex.sanitiser, annex.media_type, annex.cleared, None), asked)
    return AnnexContent("picture", image=b64encode(annex.cleared).decode("ascii"))


def other(annex: AnnexBytes, asked: AskedPart) -> AnnexContent:
    """Any JSON as a table of names and values, a page of them; a plain sentence for what is none."""
    both = annex.original is not None
    new = document_of(annex.cleared) if annex.cleared is not None else None
    old = document_of(annex.original) if annex.original is not None else None
    if new is None and old is None:
        return AnnexContent("plain", message="This kind of annex can't be shown on a page.", with_original=both)
    lines = flatten.compared(old, new, {}, with_original=both)
    part = part_of(len(lines), asked)
    cut = f"Only the first {LINES} values are shown." if len(lines) >= LINES else ""
    shown = lines[part.first - 1 : part.last] if lines else ()
    return AnnexContent("table", part=part, lines=shown, with_original=both, message=cut)


def _line(number: int, line: dict[str, Any], old: list[str]) -> ShownRow:
    at = line.get("line")
    cells = (
        shown_text(at, 12),
        shown_text(line.get("time"), 40),
        shown_text(line.get("level"), 20),
        _text(line),
    )
    original = old[at - 1] if type(at) is int and 1 <= at <= len(old) else ""
    before = {"text": shown_text(original, _LONGEST_LINE)} if original else {}
    tone = "stop" if cells[2].lower() in {"error", "fatal", "critical"} else ""
    return ShownRow(number, cells, before, tone, (), ())


def _text(line: dict[str, Any]) -> str:
    rest = {key: value for key, value in line.items() if key not in LINE_COLUMNS}
    more = " ".join(f"{key}={shown_text(value, 120)}" for key, value in list(rest.items())[:20])
    return shown_text(" ".join(part for part in (shown_text(line.get("text"), _LONGEST_LINE), more) if part), 2500)


def _facts(values: list[Any]) -> tuple[tuple[str, str], ...]:
    if not values or "line" in as_dict(values[0]):
        return ()
    named = flatten.lines_of(values[0])
    return tuple((name[:60], text) for name, text in list(named.items())[:8])


def _text_lines(data: bytes) -> list[str]:
    return data.decode("utf-8", "replace").replace("\r\n", "\n").split("\n")[: PAGE * 100_000]
