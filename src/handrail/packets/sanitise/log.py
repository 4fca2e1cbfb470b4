"""``log/v1``: a text log, line by line, as JSON lines.

Times and levels stay; the rest of a line goes by ``lines``. Lines that follow each other and say the same are one with
a count, and every shape of line that comes more than once is listed at the end. First comes what the file was like.
"""

from __future__ import annotations

import io
import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from handrail.packets.sanitise.context import SanitiseContext
from handrail.packets.sanitise.guard import Limits, SanitiseRefused
from handrail.packets.sanitise.lines import ANY, CleanedLine, Lines
from handrail.packets.sanitise.logwords import DOORS, LEVELS, NAMED_DOORS, is_known
from handrail.packets.sanitise.redaction import Redaction, json_text
from handrail.packets.sanitise.textfile import TextFile, read_text
from handrail.packets.sanitise.urls import Urls

CONTENT_TYPES = frozenset(
    {
        "text/plain", "text/x-log", "text/log", "application/x-log", "application/x-ndjson", "application/jsonl",
        "application/json-lines", "application/json", "application/octet-stream",
    }
)  # fmt: skip
MEDIA_TYPE, EXTENSION = "application/x-ndjson", ".jsonl"
_INDENT = 8
_MAX_TEMPLATES, _MAX_FIELDS, _DEPTH = 2_000, 60, 3
_LONGEST_INTEGER = 9_999

_WORDS = re.compile(r"(?<![~A-Za-z-])[A-Za-z]{2,}")
_KEY_PARTS = re.compile(r"[a-z0-9]+")
_ZONE = r"(?: ?(?:Z|UTC|GMT|[+-][0-9]{2}:?[0-9]{2}))?"
_CLOCK = r"[0-2][0-9]:[0-5][0-9]:[0-6][0-9](?:[.,:][0-9]{1,9})?"
_MONTH = "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_TIME = re.compile(
    rf"[\[(<]?(?:20[2-3][0-9][-/.][01][0-9][-/.][0-3][0-9][T ]{{1,2}}{_CLOCK}{_ZONE}"
    rf"|[0-3][0-9]/{_MONTH}/20[2-3][0-9][: ]{_CLOCK}{_ZONE}"
    rf"|(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? )?{_MONTH} [ 0-3]?[0-9] {_CLOCK}(?: 20[2-3][0-9])?"
    rf"|[0-3][0-9]-{_MONTH}-20[2-3][0-9] {_CLOCK}{_ZONE}"
    rf"|{_CLOCK})[\])>]?(?=[\s:|,-]|$)"
)
_GLOG = re.compile(r"([IWEF])([01][0-9][0-3][0-9] [0-2][0-9]:[0-5][0-9]:[0-6][0-9]\.[0-9]{6})(?=\s)")
_GLOG_LEVELS = {"I": "INFO", "W": "WARNING", "E": "ERROR", "F": "FATAL"}
_LEVEL = re.compile(r"[\s|:,-]{0,4}[\[(<]?([A-Za-z]{3,11})[\])>]?(?=[\s:|,-]|$)")
_SENDER = re.compile(r"\s{1,4}([A-Za-z][A-Za-z-]{0,40}[0-9][A-Za-z0-9-]{0,20})(?=\s)")  # syslog's host
_GAP = re.compile(r"[\s|:,-]{0,4}")
_TIME_KEYS = frozenset(
    {"time", "timestamp", "ts", "@timestamp", "date", "datetime", "at", "asctime", "@t", "eventtime"}
)
_LEVEL_KEYS = frozenset({"level", "severity", "lvl", "levelname", "loglevel", "log.level", "@l"})
_TEXT_KEYS = ("message", "msg", "text", "log", "event", "@m", "@mt")
_EPOCH = re.compile(r"1[6-9][0-9]{8}(?:\.[0-9]{1,9}|[0-9]{3}|[0-9]{6}|[0-9]{9})?")


def read(data: bytes, content_type: str | None, limits: Limits | None) -> TextFile:
    """The text of a log. Raises SanitiseRefused."""
    return read_text(data, content_type=content_type, expected=CONTENT_TYPES, limits=limits)


@dataclass(slots=True)
class KeptLine:
    """One line on its way out, and how often it came in a row."""

    number: int
    time: str
    level: str
    cleaned: CleanedLine
    fields: dict[str, Any] = field(default_factory=dict)
    times: int = 1
    until: str = ""

    def document(self) -> dict[str, Any]:
        found: dict[str, Any] = {"line": self.number}
        for name, value in (("time", self.time), ("level", self.level), ("text", self.cleaned.text)):
            if value:
                found[name] = value
        if self.fields:
            found["fields"] = self.fields
        if self.times > 1:
            found |= {"times": self.times, "until": self.until} if self.until else {"times": self.times}
        return found

    def same_as(self, other: KeptLine) -> bool:
        return (self.cleaned, self.level, self.fields) == (other.cleaned, other.level, other.fields)


@dataclass(slots=True)
class Repeated:
    """A shape of line that came more than once."""

    first: int
    last: int
    count: int


class Log:
    """One rebuilding. ``suspects`` are texts in which a first pass found a dropped value."""

    def __init__(self, context: SanitiseContext, suspects: frozenset[str] = frozenset()) -> None:
        self.redaction = Redaction(context)
        self.urls = Urls(self.redaction, suspects)
        self.fields: Counter[str] = Counter()
        self._lines = Lines(self.redaction, self.urls)
        self._templates: dict[str, int | Repeated] = {}  # the number of the only line so far

    def rebuild(self, document: TextFile) -> str:
        """The safe log as JSON lines. Raises SanitiseRefused where nothing of what it says would be left."""
        self._noted(document)
        said, written = False, io.StringIO()
        for one in self._folded(self._line(n, raw) for n, raw in enumerate(document.lines, 1) if raw.strip()):
            said = said or any(map(is_known, _WORDS.findall(one.cleaned.text)))
            written.write(f"{json_text(one.document())}\n")
        if not said:
            raise SanitiseRefused("Nothing of what the log says would be left after sanitising.", code="nothing-left")
        head = {
            "log": "log/v1",
            "encoding": document.encoding,
            "line_ends": document.line_ends,
            "lines": len(document.lines) - (document.lines[-1] == ""),
        }
        for shape in self._repeated():
            written.write(f"{json_text(shape)}\n")
        return f"{json_text(head)}\n{written.getvalue()}"

    def lets(self, rule: str, text: str) -> bool:
        """Whether ``text`` of the output, doubtful by ``rule``, is only made of what the rules let through."""
        return self._lines.lets(rule, text)

    def _noted(self, document: TextFile) -> None:
        self.fields["line"] = sum(1 for line in document.lines if line.strip())
        self.redaction.count(["control"] * document.controls, "lines")
        self.redaction.count(["cut-line"] * document.cut, "lines")

    def _folded(self, lines: Iterator[KeptLine]) -> Iterator[KeptLine]:
        last: KeptLine | None = None
        for line in lines:
            template = " ".join(part for part in (line.level, line.cleaned.template.strip()) if part)
            self._seen(template, line.number)
            if last is not None and last.same_as(line):
                last.times += 1
                last.until = line.time
                continue
            if last is not None:
                yield last
            last = line
        if last is not None:
            yield last

    def _seen(self, template: str, number: int) -> None:
        before = self._templates.get(template)
        if before is None:
            self._templates[template] = number
        elif isinstance(before, Repeated):
            before.last = number
            before.count += 1
        else:
            self._templates[template] = Repeated(before, number, 2)

    def _repeated(self) -> Iterator[dict[str, Any]]:
        found = ((one, seen) for one, seen in self._templates.items() if one and isinstance(seen, Repeated))
        for template, seen in islice(found, _MAX_TEMPLATES):
            yield {"template": template, "count": seen.count, "first": seen.first, "last": seen.last}

    # one line

    def _line(self, number: int, raw: str) -> KeptLine:
        if raw.startswith("{") and raw.endswith("}") and (values := _object(raw)) is not None:
            return self._of_object(number, values)
        time, level, host, rest = "", "", "", raw
        if (found := _GLOG.match(raw)) is not None:
            time, level, rest = found[2], _GLOG_LEVELS[found[1]], raw[found.end() :]
        elif (found := _TIME.match(raw)) is not None:
            time, rest = found[0].strip("[]()<>"), raw[found.end() :]
            if raw[0].isalpha() and (named := _SENDER.match(rest)) is not None:
                host, rest = self._lines.machine(named[1]).shown + " ", rest[named.end() :]
        if not level and (named := _LEVEL.match(rest)) is not None and named[1].upper() in LEVELS:
            level, rest = named[1].upper(), rest[named.end() :]
        if time or level:
            self.fields.update(name for name, value in (("time", time), ("level", level)) if value)
            rest = rest[_GAP.match(rest).end() :]  # type: ignore[union-attr] # it matches everywhere
        said = self._text(rest)
        if host:
            said = CleanedLine(host + said.text, f"{ANY} {said.template}")
        return KeptLine(number, _ascii(time), level, said)

    def _text(self, raw: str) -> CleanedLine:
        """A line's own words; its indentation stays, up to eight spaces."""
        stripped = raw.lstrip()
        indent = " " * min(len(raw[: len(raw) - len(stripped)].expandtabs(4)), _INDENT)
        cleaned = self._lines.clean(stripped, "lines")
        return CleanedLine(indent + cleaned.text, cleaned.template)

    # a line that is a JSON object

    def _of_object(self, number: int, values: dict[str, Any]) -> KeptLine:
        time = level = ""
        said: CleanedLine | None = None
        rest: dict[str, Any] = {}
        for key, value in values.items():
            lower = key.lower()
            if not time and lower in _TIME_KEYS and (found := _time_of(value)):
                time = found
            elif not level and lower in _LEVEL_KEYS and type(value) is str and value.upper() in LEVELS:
                level = value.upper()
            elif said is None and lower in _TEXT_KEYS and type(value) is str:
                said = self._lines.clean(" ".join(value.split()), "lines")
            else:
                rest[key] = value
        self.fields.update(name for name, value in (("time", time), ("level", level)) if value)
        return KeptLine(number, time, level, said or CleanedLine("", ""), self._fields_of(rest, _DEPTH))

    def _fields_of(self, values: dict[str, Any], depth: int) -> dict[str, Any]:
        kept: dict[str, Any] = {}
        for key, value in list(values.items())[:_MAX_FIELDS]:
            if not is_known(key) or key in self.urls.suspects or '"' in key:
                self.redaction.drop("unlisted-key", "fields", {key: value})
            elif _opens(key) and type(value) is not bool and value is not None:
                self.redaction.drop("authorisation", "fields", value)
                kept[key] = ANY
            else:
                kept[key] = self._value(key, value, depth)
        for key, value in list(values.items())[_MAX_FIELDS:]:
            self.redaction.drop("unlisted-key", "fields", {key: value})
        return kept

    def _value(self, key: str, value: Any, depth: int) -> Any:
        if value is None or type(value) is bool:
            return value
        if type(value) is dict and depth > 1:
            return self._fields_of(value, depth - 1)
        if type(value) is list and depth > 1:
            return [self._value(key, one, depth - 1) for one in value[:_MAX_FIELDS]]
        if type(value) in (int, float, str):
            # The key counts as the word before it: ``"user": 4711`` is somebody, ``"status": 503`` is not.
            cleaned = self._lines.clean(f"{key}={' '.join(str(value).split())}", "fields").text.partition("=")[2]
            return value if type(value) is not str and cleaned == str(value) else cleaned
        self.redaction.drop("malformed", "fields", value)
        return ANY


def _object(raw: str) -> dict[str, Any] | None:
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    return value if type(value) is dict else None


def _time_of(value: Any) -> str:
    if type(value) is str:
        found = _TIME.fullmatch(value)
        return _ascii(found[0]) if found else ""
    text = repr(value) if type(value) in (int, float) else ""
    return text if _EPOCH.fullmatch(text) else ""


def _opens(key: str) -> bool:
    parts = {*_KEY_PARTS.findall(key.lower()), key.lower().replace("_", "")}
    return not parts.isdisjoint(DOORS) or not parts.isdisjoint(NAMED_DOORS)


def _ascii(text: str) -> str:
    return text.encode("ascii", "ignore").decode("ascii")
