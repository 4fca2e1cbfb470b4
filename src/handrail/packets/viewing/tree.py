"""A trace as a tree: spans below the spans that called them, on one line of time; log records as lines behind them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from handrail.packets.viewing import flatten, marks
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

COLUMNS = ("name", "service", "kind", "status", "time")
_KINDS = ("unspecified", "internal", "server", "client", "producer", "consumer")
_CODES = ("", "ok", "error")
_LEAST = 6.0
_ORPHAN, _CIRCLE = "its parent is not in this trace", "its parents form a circle"


@dataclass(frozen=True, slots=True)
class TraceSpan:
    """One span as it stands, with the service of its group. A log record has no ``spanId`` of its own."""

    service: str
    item: dict[str, Any]
    log: bool = False

    @property
    def id(self) -> str:
        return "" if self.log else self._key("spanId")

    @property
    def parent(self) -> str:
        return self._key("spanId" if self.log else "parentSpanId")

    @property
    def start(self) -> float:
        return _nanos(self.item.get("startTimeUnixNano") or self.item.get("timeUnixNano"))

    @property
    def end(self) -> float:
        return max(_nanos(self.item.get("endTimeUnixNano")), self.start)

    @property
    def trace(self) -> str:
        found = self.item.get("traceId")
        return found if isinstance(found, str) else ""

    def _key(self, name: str) -> str:
        found = self.item.get(name)
        return f"{self.item.get('traceId')}/{found}" if isinstance(found, str) and found else ""


@dataclass(frozen=True, slots=True)
class TraceTime:
    """One of the traces of a file, numbered from 1 by their starts, in nanoseconds."""

    number: int
    start: float
    end: float

    def in_words(self, of: int) -> str:
        return ", ".join(
            filter(None, (f"Trace {self.number} of {of}", moment(self.start / 1e6), _length(self.end - self.start)))
        )


@dataclass(frozen=True, slots=True)
class PlacedSpan:
    """Where a span stands: ``at`` is its number in the file, from 0."""

    at: int
    depth: int
    note: str = ""


def view(annex: AnnexBytes, asked: AskedPart) -> AnnexContent:
    """The page of its spans that was asked for, or one of them value by value."""
    both = annex.original is not None
    after = list(spans_of(document_of(annex.cleared))) if annex.cleared is not None else []
    before = list(spans_of(document_of(annex.original))) if annex.original is not None else []
    shown = after if annex.cleared is not None else before
    placed = place(shown)
    traces = traces_of(shown)

    def row(number: int) -> ShownRow:
        where = placed[number]
        span = shown[where.at]
        old = before[where.at] if where.at < len(before) else None
        removed: tuple[RemovedHere, ...] = ()
        if both and old is not None and annex.context is not None and not old.log:
            removed = marks.of_span(old.item, annex.context)
        cells = _cells(span)
        differs = {
            name: text
            for name, text, now in zip(COLUMNS, _cells(old) if old else (), cells, strict=False)
            if annex.cleared is not None and text != now
        }
        trace = traces[span.trace]
        scale = WIDTH / max(trace.end - trace.start, 1.0)
        x = min((span.start - trace.start) * scale, WIDTH - _LEAST) if span.start else 0.0
        width = min(max((span.end - span.start) * scale, _LEAST), WIDTH - x)
        bar = TimeBar(round(x, 1), round(width, 1), "span")
        tone = "stop" if cells[3] == "error" else ""
        return ShownRow(number + 1, cells, differs, tone, (bar,), removed, where.depth, where.note, begun(number))

    def begun(number: int) -> str:
        """The trace that begins with this row of the page, where there are several."""
        trace = shown[placed[number].at].trace
        follows = number % PAGE and shown[placed[number - 1].at].trace == trace
        return "" if len(traces) == 1 or follows else traces[trace].in_words(len(traces))

    facts = _facts(shown, len(traces))
    if asked.row is not None and 1 <= asked.row <= len(placed):
        at = placed[asked.row - 1].at
        old = before[at].item if at < len(before) else {}
        rules = marks.rules_of_span(old, annex.context) if both and annex.context else {}
        new = after[at].item if at < len(after) else {}
        lines = flatten.compared(old, new, rules, with_original=both)
        part = part_of(len(placed), asked)
        return AnnexContent("tree", COLUMNS, (), part, facts, lines=lines, row=row(asked.row - 1), with_original=both)
    part = part_of(len(placed), asked)
    rows = tuple(row(number) for number in range(part.first - 1, part.last)) if placed else ()
    return AnnexContent("tree", COLUMNS, rows, part, facts, with_original=both)


def place(spans: Sequence[TraceSpan]) -> list[PlacedSpan]:
    """Every span once, each below its parent, children by their start. What has no way to a root is a root itself."""
    ids = {span.id: at for at, span in enumerate(spans) if span.id}
    children: defaultdict[int, list[int]] = defaultdict(list)
    roots = []
    for at, span in enumerate(spans):
        parent = ids.get(span.parent)
        if parent is None or parent == at:
            roots.append(at)
        else:
            children[parent].append(at)
    placed: list[PlacedSpan] = []
    done: set[int] = set()

    def go(root: int, note: str) -> None:
        waiting = [PlacedSpan(root, 0, note)]
        while waiting:
            one = waiting.pop()
            if one.at in done:
                continue
            done.add(one.at)
            placed.append(one)
            below = sorted(children[one.at], key=lambda at: spans[at].start, reverse=True)
            waiting += [PlacedSpan(at, one.depth + 1) for at in below]

    traces = traces_of(spans)
    for root in sorted(roots, key=lambda at: (traces[spans[at].trace].number, spans[at].start)):
        go(root, _ORPHAN if spans[root].parent and not spans[root].log else "")
    for at in range(len(spans)):
        if at not in done:
            go(at, _CIRCLE)
    return placed


def traces_of(spans: Sequence[TraceSpan]) -> dict[str, TraceTime]:
    """When each trace began and ended, by its id: traces may be hours apart, so each has its own line of time."""
    found: dict[str, tuple[float, float]] = {}
    for span in spans:
        start, end = found.get(span.trace, (0.0, 0.0))
        found[span.trace] = min(start or span.start, span.start or start), max(end, span.end)
    by_start = sorted(found.items(), key=lambda one: one[1][0])
    return {trace: TraceTime(number, start, end) for number, (trace, (start, end)) in enumerate(by_start, start=1)}


def spans_of(document: Any) -> Iterator[TraceSpan]:
    """All spans, then all log records, in the order of the file, whatever the lists around them are called."""
    groups = [group for one in (document if isinstance(document, list) else [document]) for group in _groups(one)]
    for logs in (False, True):
        for group in groups:
            service = _service(group)
            for scope in _lists(group, "scopelogs" if logs else "scopespans", *(() if logs else _OLD_SCOPES)):
                for item in _lists(as_dict(scope), *(("logrecords", "logs") if logs else ("spans",))):
                    yield TraceSpan(service, as_dict(item), log=logs)


_OLD_SCOPES = ("instrumentationlibraryspans", "ilspans")


def _groups(document: Any) -> Iterator[dict[str, Any]]:
    found = as_dict(document)
    inner = found.get("trace")
    if isinstance(inner, dict):
        yield from _groups(inner)
    for name in ("resourcespans", "batches", "resourcelogs"):
        yield from (as_dict(group) for group in _lists(found, name))


def _lists(of: dict[str, Any], *names: str) -> Iterator[Any]:
    for key, value in of.items():
        if key.replace("_", "").lower() in names:
            yield from as_list(value)


def _service(group: dict[str, Any]) -> str:
    for item in as_list(as_dict(group.get("resource")).get("attributes")):
        if as_dict(item).get("key") == "service.name":
            return shown_text(as_dict(as_dict(item).get("value")).get("stringValue"), 80)
    return ""


def _cells(span: TraceSpan) -> tuple[str, ...]:
    item = span.item
    if span.log:
        body = as_dict(item.get("body")).get("stringValue")
        return (shown_text(body), span.service, "log", shown_text(item.get("severityText"), 20).lower(), "")
    kind = shown_text(_word(item.get("kind"), _KINDS), 40).removeprefix("SPAN_KIND_").lower()
    return (shown_text(item.get("name")), span.service, kind, _code(item), _length(span.end - span.start))


def _code(item: dict[str, Any]) -> str:
    code = shown_text(_word(as_dict(item.get("status")).get("code"), _CODES), 40).removeprefix("STATUS_CODE_").lower()
    return "" if code == "unset" else code


def _word(value: Any, words: Sequence[str]) -> Any:
    return words[value] if type(value) is int and 0 <= value < len(words) else value


def _facts(spans: Sequence[TraceSpan], traces: int) -> tuple[tuple[str, str], ...]:
    own = [span for span in spans if not span.log]
    services = {span.service for span in spans if span.service}
    failed = sum(_code(span.item) == "error" for span in own)
    facts = [("Spans", f"{len(own):,}"), ("Services", f"{len(services):,}"), ("Failed", f"{failed:,}")]
    if len(own) < len(spans):
        facts.append(("Log records", f"{len(spans) - len(own):,}"))
    if traces > 1:
        facts.insert(0, ("Traces", f"{traces:,}"))
    first = min((span.start for span in spans if span.start), default=0.0)
    return (*facts, ("Over", _length(max(max((span.end for span in spans), default=0.0) - first, 0.0))))


def _length(nanoseconds: float) -> str:
    milliseconds = nanoseconds / 1e6
    return duration(milliseconds) if milliseconds >= 1000 else f"{milliseconds:.1f} ms"  # noqa: PLR2004


def _nanos(value: Any) -> float:
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 21:  # noqa: PLR2004
        return float(int(value))
    return min(number_of(value) if not isinstance(value, int) or value < 10**21 else 0.0, 1e21)
