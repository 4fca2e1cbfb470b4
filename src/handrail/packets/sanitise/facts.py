"""What an annex is, in words: from its cleared bytes alone, so that nothing can be said that does not leave anyway."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

_LIMIT = 400
_NANOS = 1_000_000_000
_WITH_ZONE = re.compile(r"20[0-9]{2}-[0-9]{2}-[0-9]{2}[T ][0-9:.]{8,15}(?:Z|[+-][0-9]{2}:?[0-9]{2})")
_FAILED = 400
_PNG = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True, slots=True)
class AnnexFacts:
    """``what``: such as ``HTTP capture of 104 entries``. ``since`` and ``until``: the first and the last instant in it,
    RFC 3339 in UTC, None where it has none. ``by``: the browser or tool. ``hosts``: how many hosts it shows."""

    what: str
    entries: int
    since: str | None = None
    until: str | None = None
    by: str = ""
    hosts: int = 0
    more: str = ""

    def sentence(self) -> str:
        times = f"from {self.since} to {self.until}" if self.since else ""
        hosts = f"{_counted(self.hosts, 'host')} shown" if self.hosts else ""
        parts = [self.what, f"by {self.by}" if self.by else "", times, hosts, self.more]
        return ", ".join(part for part in parts if part)[:_LIMIT]


def describe(sanitiser: str, data: bytes) -> AnnexFacts:
    """The facts of what ``sanitiser`` cleared. A kind without a way of its own is only called a file."""
    made = DESCRIBED.get(sanitiser)
    return made(data) if made else AnnexFacts("File", 1)


def _of_capture(data: bytes) -> AnnexFacts:
    log = json.loads(data)["log"]
    entries = log["entries"]
    times = [one["startedDateTime"] for one in entries]
    failed = sum(not 0 < one["response"]["status"] < _FAILED for one in entries)
    pages = f" on {_counted(len(log['pages']), 'page')}" if log["pages"] else ""
    tools = (_tool(log["browser"]["name"], log["browser"]["version"]) if "browser" in log else "",
             _tool(log["creator"]["name"], log["creator"]["version"]))  # fmt: skip
    return AnnexFacts(
        f"HTTP capture of {_counted(len(entries), 'entry', 'entries')}{pages}",
        len(entries),
        *_span([at for one in times if (at := _instant(one))]),
        by=" with ".join(tool for tool in tools if tool),
        hosts=len({host for one in entries if (host := _host(one["request"]["url"]))}),
        more=f"{failed} failed" if failed else "",
    )


def _of_trace(data: bytes) -> AnnexFacts:
    spans: list[dict[str, Any]] = []
    tools: list[str] = []
    hosts: set[str] = set()
    errors = 0
    document = json.loads(data)
    records: list[dict[str, Any]] = []
    for group in (*document.get("resourceSpans", ()), *document.get("resourceLogs", ())):
        tools.append(_exporter({one["key"]: _text(one["value"]) for one in group["resource"]["attributes"]}))
        for scope in (*group.get("scopeSpans", ()), *group.get("scopeLogs", ())):
            records += scope.get("logRecords", ())
            for span in scope.get("spans", ()):
                spans.append(span)
                errors += span["status"].get("code") in (2, "STATUS_CODE_ERROR")
                hosts |= {_text(one["value"]) for one in span["attributes"] if one["key"] == "server.address"}
    # Nothing that was not sent is there: a span without a time has none.
    moments = ("startTimeUnixNano", "endTimeUnixNano", "timeUnixNano")
    times = [nanos for one in (*spans, *records) for name in moments if (nanos := int(one.get(name, 0)))]
    traces = len({span.get("traceId") for span in spans})
    logs = _counted(len(records), "log record") if records else ""
    what = f"Trace of {_counted(len(spans), 'span')}" + (f" in {traces} traces" if traces > 1 else "")
    if logs:
        what = f"{what} and {logs}" if spans else logs[:1].upper() + logs[1:]
    return AnnexFacts(
        what,
        len(spans) + len(records),
        *_span(datetime.fromtimestamp(nanos // _NANOS, UTC) for nanos in times),
        by=", ".join(dict.fromkeys(tool for tool in tools if tool)),
        hosts=len(hosts - {""}),
        more=_counted(errors, "error") if errors else "",
    )


def _of_log(data: bytes) -> AnnexFacts:
    lines = [json.loads(line) for line in data.splitlines()]
    kept = [line for line in lines if "line" in line]
    levels: Counter[str] = Counter()
    for line in kept:
        levels[line.get("level", "")] += line.get("times", 1)
    worst = [f"{levels[level]} {level}" for level in ("FATAL", "CRITICAL", "ERROR") if levels[level]]
    number = sum(line.get("times", 1) for line in kept)
    times = (line[name] for line in kept for name in ("time", "until") if name in line)
    return AnnexFacts(
        f"Text log of {_counted(number, 'line')}", number, *_span([at for one in times if (at := _instant(one))]),
        more=", ".join(worst),
    )  # fmt: skip


def _of_threads(data: bytes) -> AnnexFacts:
    threads = [one for line in data.splitlines() if "thread" in (one := json.loads(line))]
    blocked = sum(str(one.get("state", "")).startswith("BLOCKED") for one in threads)
    return AnnexFacts(
        f"Thread dump of {_counted(len(threads), 'thread')}", len(threads), more=f"{blocked} blocked" if blocked else ""
    )


def _of_picture(data: bytes) -> AnnexFacts:
    size = f" of {int.from_bytes(data[16:20])} × {int.from_bytes(data[20:24])} pixels" if data[:8] == _PNG else ""  # noqa: RUF001
    return AnnexFacts(f"Picture{size}, redacted by one person and attested by another", 1)


# By sanitiser: what reads the bytes that it cleared.
DESCRIBED: Mapping[str, Callable[[bytes], AnnexFacts]] = {
    "har/v1": _of_capture,
    "otlp/v1": _of_trace,
    "log/v1": _of_log,
    "threads/v1": _of_threads,
    "pictures/v1": _of_picture,
}


def _exporter(values: Mapping[str, str]) -> str:
    service = _tool(values.get("service.name", ""), values.get("service.version", ""))
    sdk = _tool(values.get("telemetry.sdk.name", ""), values.get("telemetry.sdk.version", ""))
    return " with ".join(part for part in (service, sdk) if part)


def _tool(name: str, version: str) -> str:
    return f"{name} {version}".strip() if name and name != "other" else ""


def _text(value: Mapping[str, Any]) -> str:
    found = value.get("stringValue")
    return found if isinstance(found, str) else ""


def _host(url: str) -> str:
    try:
        return urlsplit(url).netloc.rpartition("@")[2].lower()
    except ValueError:
        return ""


def _instant(text: str) -> datetime | None:
    """A time that names its zone; what has none could be any instant."""
    try:
        return datetime.fromisoformat(text) if _WITH_ZONE.fullmatch(text) else None
    except ValueError:
        return None


def _span(times: Iterable[datetime]) -> tuple[str | None, str | None]:
    found = sorted(times)
    return (_shown(found[0]), _shown(found[-1])) if found else (None, None)


def _shown(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _counted(number: int, one: str, several: str = "") -> str:
    return f"{number} {one if number == 1 else several or f'{one}s'}"
