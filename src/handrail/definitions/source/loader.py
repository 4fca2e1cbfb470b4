"""YAML 1.2 text to plain data that remembers where each value stands.

Read from the parser's events rather than through a constructor, so that nothing is built before it is allowed:
anchors, aliases, merges, tags, directives, several documents, duplicate or non-text keys, NaN and infinity, control
and direction characters are refused. Types follow the YAML 1.2 core schema: ``no`` and ``on`` are text.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from typing import Any, cast

from ruamel.yaml import YAML
from ruamel.yaml import events as ev
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from handrail.definitions.source.faults import MAX_FAULTS, Path, TextFaults, TextMark, dotted
from handrail.kernel.errors import Fault

MAX_BYTES = 256 * 1024
MAX_DEPTH = 32
MAX_VALUES = 10_000
# RFC 8785 digests only integers that every JSON reader holds exactly.
MAX_INTEGER = 2**53 - 1

_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_TRUE = frozenset({"true", "True", "TRUE"})
_FALSE = frozenset({"false", "False", "FALSE"})
_INTEGER = re.compile(r"[-+]?[0-9]{1,400}")
_BASED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
# Controls, bidirectional and zero-width formats, surrogates, private use, and the line breaks that YAML 1.2 dropped.
_REFUSED_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})


@dataclass(frozen=True, slots=True)
class Document:
    """``data`` is JSON-like; ``values`` and ``keys`` say where each value and each mapping key begins.

    Validation fills ``old_keys``: under the path of a key as it is called today, the earlier name that stands in the
    text. Checks add ``old_names``: each place that uses an earlier name of a value. Paths that the methods take are in
    today's names. ``kept``: it was proposed earlier, perhaps before a rule that new ones have to follow.
    """

    file: str
    text: str
    data: Any
    values: dict[Path, TextMark]
    keys: dict[Path, TextMark]
    kept: bool = False
    old_keys: dict[Path, str] = field(default_factory=dict)
    old_names: list[tuple[Path, str, str]] = field(default_factory=list)

    def written(self, path: Path) -> Path:
        """``path`` in the names that the author used."""
        found: Path = ()
        for part in path:
            found = (*found, self.old_keys.get((*found, part), part))
        return found

    def mark(self, path: Path) -> TextMark:
        """Where ``path`` stands, or the nearest parent that stands somewhere."""
        path = self.written(path)
        while path not in self.values and path:
            path = path[:-1]
        return self.values.get(path, TextMark(1, 1))

    def key_mark(self, path: Path) -> TextMark:
        return self.keys.get(self.written(path)) or self.mark(path)

    def warnings(self) -> list[Fault]:
        """One for each earlier name of a key or value that the text uses, in the order of the text."""
        used = [((*path[:-1], old), old, str(path[-1]), self.key_mark(path)) for path, old in self.old_keys.items()]
        used += [(self.written(path), old, new, self.mark(path)) for path, old, new in dict.fromkeys(self.old_names)]
        found = [Fault(dotted(at), f"{old} is now called {new}", mark.line, mark.column) for at, old, new, mark in used]
        return sorted(found, key=lambda warning: (warning.line or 0, warning.column or 0))


class _Stop(Exception):
    """Reading further would only repeat the fault, or cost too much."""


def load(text: str, *, file: str = "definition", kept: bool = False) -> Document:
    """``text`` as one document. Raises Invalid with a Fault (field, line, column) for everything found wrong.

    Limits: 256 KiB, 10 000 values, 32 levels.
    """
    faults = TextFaults(file)
    _refuse_characters(text, faults)
    faults.refuse_if_any()
    reader = _YamlReader(faults)
    data: Any = None
    try:
        data = reader.read(text)
    except _Stop:
        pass
    except MarkedYAMLError as error:
        at = error.problem_mark or error.context_mark
        mark = TextMark(at.line + 1, at.column + 1) if at else None
        faults.add((), f"this is not YAML: {_one_line(error.problem or error.context or 'can not be read')}", mark)
    except (YAMLError, ValueError, IndexError, AttributeError, TypeError, OverflowError, AssertionError) as error:
        # For some malformed texts the scanner raises Python's own errors instead of YAML errors.
        faults.add((), f"this is not YAML ({type(error).__name__})", TextMark(1, 1))
    faults.refuse_if_any()
    return Document(file, text, data, reader.values, reader.keys, kept)


def _one_line(problem: str) -> str:
    return " ".join(problem.split())[:200]


def _refuse_characters(text: str, faults: TextFaults) -> None:
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > MAX_BYTES:
        faults.add((), f"the text is {size} bytes; at most {MAX_BYTES} are allowed", TextMark(1, 1))
        return
    for number, line in enumerate(text.split("\n"), start=1):
        if line.isascii() and line.isprintable():
            continue
        for column, char in enumerate(line.removesuffix("\r"), start=1):
            if is_refused(char):
                faults.add(
                    (), f"the character U+{ord(char):04X} is not allowed in a definition", TextMark(number, column)
                )
                break


def is_refused(char: str) -> bool:
    """Whether a character could hide something from a reviewer. Tabs and line feeds are fine."""
    return char not in "\n\t" and unicodedata.category(char) in _REFUSED_CATEGORIES


class _YamlReader:
    """Turns one stream of events into data. Iterates; its recursion is bounded by MAX_DEPTH."""

    def __init__(self, faults: TextFaults) -> None:
        self.faults = faults
        self.values: dict[Path, TextMark] = {}
        self.keys: dict[Path, TextMark] = {}
        self.count = 0

    def read(self, text: str) -> Any:
        parser = YAML(typ="safe", pure=True)
        self.events = iter(parser.parse(text))
        data: Any = None
        documents = 0
        for event in self.events:
            if isinstance(event, ev.DocumentStartEvent):
                documents += 1
                self._check_document(event, documents)
            elif isinstance(event, ev.NodeEvent):
                data = self._node(event, ())
        if documents == 0:
            self._stop(
                (), "the file is empty; expected a mapping that starts with handrail: runbook/v1", TextMark(1, 1)
            )
        return data

    def _check_document(self, event: Any, documents: int) -> None:
        if documents > 1:
            self._stop((), "a second document begins here; a definition is one document", _mark(event))
        if event.version or event.tags:
            self._stop((), "YAML directives (%YAML, %TAG) are not allowed", _mark(event))

    def _stop(self, path: Path, message: str, mark: TextMark) -> None:
        self.faults.add(path, message, mark)
        raise _Stop

    def _node(self, event: Any, path: Path) -> Any:
        mark = _mark(event)
        self.count += 1
        if len(self.faults.found) >= MAX_FAULTS:
            raise _Stop
        if self.count > MAX_VALUES:
            self._stop(path, f"more than {MAX_VALUES} values; split the definition", mark)
        if len(path) > MAX_DEPTH:
            self._stop(path, f"nested deeper than {MAX_DEPTH} levels", mark)
        if isinstance(event, ev.AliasEvent):
            self.faults.add(path, "aliases (*name) are not allowed; write the value out", mark)
            return None
        if event.anchor is not None:
            self.faults.add(path, "anchors (&name) are not allowed", mark)
        if event.tag is not None:
            self.faults.add(path, "tags (!name) are not allowed; quote a text that begins with !", mark)
        self.values[path] = mark
        if isinstance(event, ev.ScalarEvent):
            return self._scalar(event, path, mark)
        return self._mapping(path) if isinstance(event, ev.MappingStartEvent) else self._sequence(path)

    def _sequence(self, path: Path) -> list[Any]:
        items: list[Any] = []
        for event in self.events:
            if isinstance(event, ev.SequenceEndEvent):
                break
            items.append(self._node(event, (*path, len(items))))
        return items

    def _mapping(self, path: Path) -> dict[str, Any]:
        items: dict[str, Any] = {}
        for event in self.events:
            if isinstance(event, ev.MappingEndEvent):
                break
            key = self._key(event, path, items)
            items[key] = self._node(next(self.events), (*path, key))
        return items

    def _key(self, event: Any, path: Path, items: dict[str, Any]) -> str:
        mark = _mark(event)
        if not isinstance(event, ev.ScalarEvent):
            self._stop(path, "a key must be plain text, not an alias, a list or a mapping", mark)
        if event.anchor is not None or event.tag is not None:
            self.faults.add(path, "anchors and tags are not allowed on keys", mark)
        key = self._scalar(event, path, mark)
        if not isinstance(key, str) or (key == "<<" and event.style is None):
            self.faults.add(
                (*path, str(event.value)), f"the key {event.value[:60]!r} is not text; put it in quotes", mark
            )
            key = str(event.value)
        place = (*path, key)
        if key in items:
            first = self.keys[place]
            self.faults.add(place, f"the key {key[:60]!r} is given twice; the first is on line {first.line}", mark)
        else:
            self.keys[place] = mark
        return key

    def _scalar(self, event: Any, path: Path, mark: TextMark) -> Any:
        text = cast("str", event.value)
        bad = next((char for char in text if is_refused(char)), None)
        if bad is not None:
            self.faults.add(path, f"the character U+{ord(bad):04X} is not allowed, not even escaped", mark)
        if event.style is not None:
            return text
        try:
            return resolve(text)
        except ValueError as error:
            self.faults.add(path, f"{text[:40]!r} {error}", mark)
            return None


def resolve(text: str) -> str | int | float | bool | None:
    """A plain scalar by the YAML 1.2 core schema. Raises ValueError for numbers that JSON can't carry."""
    if text in _NULL:
        return None
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    if _NOT_FINITE.fullmatch(text):
        raise ValueError("is not a finite number")
    if _INTEGER.fullmatch(text) or _BASED.fullmatch(text):
        return _integer(text)
    if _FLOAT.fullmatch(text):
        number = float(text)
        if number in (float("inf"), float("-inf")):
            raise ValueError("is too large for a number")
        return number
    return text


def _integer(text: str) -> int:
    number = int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))
    if abs(number) > MAX_INTEGER:
        raise ValueError(f"is beyond ±{MAX_INTEGER}; put it in quotes if it is an identifier")
    return number


def _mark(event: Any) -> TextMark:
    return TextMark(event.start_mark.line + 1, event.start_mark.column + 1)
