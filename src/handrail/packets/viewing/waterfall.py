"""A capture as a waterfall: one row an exchange, before and after sanitising, on one line of time."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from handrail.packets.viewing import digests, flatten, marks
from handrail.packets.viewing.content import (
    PAGE,
    WIDTH,
    AnnexBytes,
    AnnexContent,
    AskedPart,
    RemovedHere,
    ShownRow,
    TimeBar,
    duration,
    moment,
    number_of,
    part_of,
    shown_text,
)
from handrail.packets.viewing.reading import as_dict, as_list, document_of

COLUMNS = ("method", "host", "path", "status", "type", "size", "time")
_PHASES = ("blocked", "dns", "connect", "ssl", "send", "wait", "receive")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FAILED, _ODD = 500, 400
# Narrower than this a bar can't be seen.
_LEAST = 6.0


def view(annex: AnnexBytes, asked: AskedPart) -> AnnexContent:
    """The page of its exchanges that was asked for, or one of them value by value."""
    cleared, original = _log(annex.cleared), _log(annex.original)
    both = annex.original is not None
    after, before = as_list(cleared.get("entries")), as_list(original.get("entries"))
    shown = after if annex.cleared is not None else before
    starts = [_started(entry) for entry in shown]
    ends = [at + number_of(as_dict(entry).get("time")) for at, entry in zip(starts, shown, strict=True)]
    spans = _by_page(shown, starts, ends)
    first, last = min((at for at in starts if at > 0), default=0.0), max(ends, default=0.0)

    def row(number: int) -> ShownRow:
        old = as_dict(before[number]) if number < len(before) else {}
        removed = _removed(old, annex) if both else ()
        entry = as_dict(shown[number])
        began, ended = spans[_page_of(entry)]
        bars = tuple(_bars(entry, max(starts[number] - began, 0.0), WIDTH / max(ended - began, 1.0)))
        cells = _cells(entry)
        differs = {
            name: text
            for name, text, now in zip(COLUMNS, _cells(old), cells, strict=True)
            if both and annex.cleared is not None and text != now
        }
        note = _note(entry) if annex.cleared is not None else ""
        return ShownRow(number + 1, cells, differs, _tone(entry), bars, removed, note=note, group=begun(number))

    def begun(number: int) -> str:
        """The page of the capture that begins with this row, where there are several."""
        name = _page_of(shown[number])
        follows = number % PAGE and _page_of(shown[number - 1]) == name
        if len(spans) == 1 or follows:
            return ""
        began, ended = spans[name]
        parts = (f"Page {[*spans].index(name) + 1} of {len(spans)}", moment(began), duration(max(ended - began, 0.0)))
        return ", ".join(filter(None, parts))

    facts = _facts(cleared if annex.cleared is not None else original, len(shown), max(last - first, 0.0))
    if asked.row is not None and 1 <= asked.row <= len(shown):
        at = asked.row - 1
        old = before[at] if at < len(before) else {}
        rules = marks.rules_of_exchange(as_dict(old), annex.context) if both and annex.context else {}
        new = after[at] if annex.cleared is not None and at < len(after) else {}
        lines = flatten.compared(old, new, rules, with_original=both)
        return AnnexContent(
            "waterfall", COLUMNS, facts=facts, lines=lines, row=row(at), with_original=both,
            part=part_of(len(shown), asked),
        )  # fmt: skip
    part = part_of(len(shown), asked)
    rows = tuple(row(number) for number in range(part.first - 1, part.last)) if shown else ()
    return AnnexContent("waterfall", COLUMNS, rows, part, facts, with_original=both)


def _by_page(entries: list[Any], starts: list[float], ends: list[float]) -> dict[str, tuple[float, float]]:
    """When each page of the capture began and ended: pages may be hours apart, so each has its own line of time."""
    found: dict[str, tuple[float, float]] = {}
    for entry, start, end in zip(entries, starts, ends, strict=True):
        name = _page_of(entry)
        began, ended = found.get(name, (0.0, 0.0))
        found[name] = min(began or start, start or began), max(ended, end)
    return found


def _page_of(entry: Any) -> str:
    return shown_text(as_dict(entry).get("pageref"), 80)


def _log(data: bytes | None) -> dict[str, Any]:
    return as_dict(as_dict(document_of(data)).get("log")) if data is not None else {}


def _removed(entry: dict[str, Any], annex: AnnexBytes) -> tuple[RemovedHere, ...]:
    return marks.of_exchange(entry, annex.context) if annex.context is not None else ()


def _facts(log: dict[str, Any], count: int, milliseconds: float) -> tuple[tuple[str, str], ...]:
    creator = as_dict(log.get("creator"))
    pages = [as_dict(page) for page in as_list(log.get("pages"))]
    facts = [("Exchanges", f"{count:,}"), ("Over", duration(milliseconds))]
    if name := f"{shown_text(creator.get('name'), 60)} {shown_text(creator.get('version'), 20)}".strip():
        facts.append(("Recorded by", name))
    if pages:
        facts.append(("Page" if len(pages) == 1 else "Pages", _pages(pages)))
    return tuple(facts)


def _pages(pages: list[dict[str, Any]]) -> str:
    """When they began and after how long they were loaded, in one line however many there are."""
    begun = [text for page in pages if (text := shown_text(page.get("startedDateTime"), 40))]
    loads = [load for page in pages if (load := number_of(as_dict(page.get("pageTimings")).get("onLoad")))]
    ends = sorted({duration(load): load for load in loads}.items(), key=lambda one: one[1])
    said = [
        "" if len(pages) == 1 else f"{len(pages):,}",
        " to ".join(dict.fromkeys([begun[0], begun[-1]])) if begun else "",
        f"loaded after {' to '.join(dict.fromkeys([ends[0][0], ends[-1][0]]))}" if ends else "",
    ]
    return ", ".join(filter(None, said)) or "1"


def _cells(entry: dict[str, Any]) -> tuple[str, ...]:
    request, response = as_dict(entry.get("request")), as_dict(entry.get("response"))
    content = as_dict(response.get("content"))
    host, path = _address(request.get("url"))
    error = shown_text(response.get("_error"), 60)
    return (
        shown_text(request.get("method"), 12),
        host,
        path,
        error if error and not response.get("status") else shown_text(response.get("status"), 12),
        shown_text(content.get("mimeType") or entry.get("_resourceType"), 40).partition(";")[0],
        _size(number_of(content.get("size"))),
        duration(number_of(entry.get("time"))),
    )


def _address(url: Any) -> tuple[str, str]:
    text = shown_text(url)
    try:
        parts = urlsplit(text)
        return parts.netloc or "", text[len(f"{parts.scheme}://{parts.netloc}") :] if parts.netloc else text
    except ValueError:
        return "", text


def _note(entry: dict[str, Any]) -> str:
    """Why there was no answer, and what its messages were."""
    response = as_dict(entry.get("response"))
    error = "" if response.get("status") else shown_text(response.get("_error"), 60)
    return "; ".join(filter(None, (error, digests.in_words(entry))))


def _tone(entry: dict[str, Any]) -> str:
    response = as_dict(entry.get("response"))
    status = number_of(response.get("status"))
    if response.get("_error") or status >= _FAILED or status == 0:
        return "stop"
    return "wait" if status >= _ODD else ""


def _bars(entry: dict[str, Any], start: float, scale: float) -> list[TimeBar]:
    timings = as_dict(entry.get("timings"))
    bars, at = [], start
    for phase in _PHASES:
        if phase == "ssl":
            continue  # a part of connect
        if length := number_of(timings.get(phase)):
            bars.append(_bar(at, length, scale, phase))
            at += length
    return bars or [_bar(start, number_of(entry.get("time")), scale, "wait")]


def _bar(start: float, length: float, scale: float, part: str) -> TimeBar:
    x = min(start * scale, WIDTH - _LEAST)
    return TimeBar(round(x, 1), round(min(max(length * scale, _LEAST), WIDTH - x), 1), part)


def _started(entry: Any) -> float:
    """Milliseconds since 1970; 0 where it is not a time."""
    text = as_dict(entry).get("startedDateTime")
    try:
        at = datetime.fromisoformat(text) if isinstance(text, str) else _EPOCH
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000
    except (ValueError, OverflowError):
        return 0.0


def _size(size: float) -> str:
    for unit in ("B", "kB", "MB"):
        if size < 1000:  # noqa: PLR2004
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"
