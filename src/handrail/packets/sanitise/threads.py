"""``threads/v1``: a thread dump (JVM, .NET, Go, Python) as JSON lines: states, frames, held and awaited locks.

Names and frames go by the rules of log lines: public libraries stay, everything else gets a stand-in. A lock has the
same stand-in wherever it is named, so that what waits for what can be followed. Circles of waiting are listed at the
end.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from handrail.packets.sanitise.context import SanitiseContext
from handrail.packets.sanitise.guard import Limits, SanitiseRefused
from handrail.packets.sanitise.lines import Lines
from handrail.packets.sanitise.log import CONTENT_TYPES, EXTENSION, MEDIA_TYPE
from handrail.packets.sanitise.redaction import Redaction, json_text
from handrail.packets.sanitise.textfile import TextFile, read_text
from handrail.packets.sanitise.urls import Urls
from handrail.packets.sanitise.vocabulary import words

__all__ = ["CONTENT_TYPES", "EXTENSION", "MEDIA_TYPE", "Threads", "looks_like_threads", "read"]

_MAX_THREADS, _MAX_FRAMES = 20_000, 500
# Each begins a thread: how the virtual machine or runtime writes the line.
_JVM = re.compile(r'"([^"]{0,200})"(?= #[0-9]| daemon| prio=| os_prio=| tid=)(.{0,400})')
_GO = re.compile(r"goroutine ([0-9]{1,12}) \[([a-zA-Z ,0-9()]{1,80})\]:")
_PYTHON = re.compile(r"(?:Current t|T)hread (0x[0-9a-f]{1,16})(?: \[([^\]]{0,80})\])? \(most recent call first\):")
_DOTNET = re.compile(r"(?:OS Thread Id: (0x[0-9a-fA-F]{1,16})|Thread \((0x[0-9a-fA-F]{1,16})\):)")
_STARTS = (_JVM, _GO, _PYTHON, _DOTNET)
_ANY_START = re.compile(
    rb'(?m)^(?:"[^"\n]{0,200}" (?:#|daemon|prio=)|goroutine [0-9]{1,12} \[|(?:Current t|T)hread 0x[0-9a-f]{1,16} '
    rb"|OS Thread Id: 0x|Thread \(0x)"
)
_STATE = re.compile(r"java\.lang\.Thread\.State: ([A-Z_]{3,20})(?: \(([a-z ]{1,40})\))?")
_LOCK = re.compile(r"- (locked|waiting on|waiting to lock|parking to wait for|eliminated) {1,3}<(0x[0-9a-f]{1,16})>")
_FACT = re.compile(r"(cpu|elapsed|prio|os_prio)=([0-9]{1,9}(?:\.[0-9]{1,3})?(?:ms|s)?)(?=\s|$)")
_STATES = words(
    "NEW RUNNABLE BLOCKED WAITING TIMED_WAITING TERMINATED running runnable waiting sleeping syscall semacquire select "
    "idle dead"
)
_DEADLOCK = re.compile(r"Found (?:one|[0-9]{1,4}) Java-level deadlock")
_ENDS = re.compile(r"Java stack information for the threads listed above")
_HOLDS = frozenset({"locked"})


def looks_like_threads(head: bytes) -> bool:
    """Whether a file that begins so may be a thread dump."""
    return _ANY_START.search(head) is not None


def read(data: bytes, content_type: str | None, limits: Limits | None) -> TextFile:
    """The text of a dump. Raises SanitiseRefused."""
    return read_text(data, content_type=content_type, expected=CONTENT_TYPES, limits=limits)


@dataclass(slots=True)
class DumpedThread:
    """One thread on its way out. ``waits`` and ``holds`` are stand-ins of locks."""

    number: int
    name: str
    state: str = ""
    facts: dict[str, str] = field(default_factory=dict)
    frames: list[str] = field(default_factory=list)
    waits: list[str] = field(default_factory=list)
    holds: list[str] = field(default_factory=list)
    left_out: int = 0

    def document(self) -> dict[str, Any]:
        found: dict[str, Any] = {"thread": self.number, "name": self.name}
        for name in ("state", "waits", "holds", "frames"):
            if value := getattr(self, name):
                found[name] = value
        return found | self.facts | ({"frames_left_out": self.left_out} if self.left_out else {})


class Threads:
    """One rebuilding. ``suspects`` are texts in which a first pass found a dropped value."""

    def __init__(self, context: SanitiseContext, suspects: frozenset[str] = frozenset()) -> None:
        self.redaction = Redaction(context)
        self.urls = Urls(self.redaction, suspects)
        self.fields: Counter[str] = Counter()
        self._lines = Lines(self.redaction, self.urls)
        self._threads: list[DumpedThread] = []
        self._section: list[str] | None = None  # what the virtual machine says of a deadlock
        self._said: list[str] = []

    def rebuild(self, document: TextFile) -> str | None:
        """The safe dump as JSON lines, None where no thread is in it."""
        self.redaction.count(["control"] * document.controls, "lines")
        for raw in document.lines:
            self._line(raw)
        if not self._threads:
            return None
        if not any(thread.state or thread.frames for thread in self._threads):
            raise SanitiseRefused("Nothing of what the dump says would be left after sanitising.", code="nothing-left")
        self.fields.update({"thread": len(self._threads), "frame": sum(len(one.frames) for one in self._threads)})
        head = {"threads": "threads/v1", "encoding": document.encoding, "count": len(self._threads)}
        said = [{"deadlock": self._said}] if self._said else []
        rows = [head, *(one.document() for one in self._threads), *said, *self._circles()]
        return "".join(f"{json_text(row)}\n" for row in rows)

    def lets(self, rule: str, text: str) -> bool:
        """Whether ``text`` of the output, doubtful by ``rule``, is only made of what the rules let through."""
        return self._lines.lets(rule, text)

    def _line(self, raw: str) -> None:
        if _DEADLOCK.search(raw):
            self._section = self._said
        elif self._section is not None and _ENDS.search(raw):
            self._section = None
        elif (started := self._started(raw)) is not None:
            self._section = None
            if len(self._threads) >= _MAX_THREADS:
                raise SanitiseRefused(f"The dump has more than {_MAX_THREADS} threads.", code="too-many-values")
            self._threads.append(started)
        elif self._section is not None:
            if text := self._clean(raw):
                self._section.append(text)
        elif self._threads and raw.strip():
            self._within(self._threads[-1], raw.strip())
        elif raw.strip():
            self.redaction.drop("unknown-word", "lines", raw.strip())

    def _started(self, raw: str) -> DumpedThread | None:
        found = next((match for pattern in _STARTS if (match := pattern.match(raw))), None)
        if found is None:
            return None
        number = len(self._threads) + 1
        if found.re is _JVM:
            facts = dict(_FACT.findall(found[2]))
            return DumpedThread(number, self._clean(found[1]), facts=facts)
        if found.re is _GO:
            state = self._clean(found[2])
            return DumpedThread(number, f"goroutine {number}", state)
        stated = self._clean(found[2]) if found.re is _PYTHON and found[2] else ""
        return DumpedThread(number, stated or f"thread {number}")

    def _within(self, thread: DumpedThread, line: str) -> None:
        if (state := _STATE.match(line)) is not None:
            why = f" ({self._clean(state[2])})" if state[2] else ""
            thread.state = f"{state[1]}{why}" if state[1] in _STATES else ""
            return
        if (lock := _LOCK.match(line)) is not None:
            stand_in = self._clean(lock[2])
            (thread.holds if lock[1] in _HOLDS else thread.waits).append(stand_in)
        if len(thread.frames) >= _MAX_FRAMES:
            thread.left_out += 1
            self.redaction.drop("cut-line", "frames", line)
        else:
            thread.frames.append(self._clean(line.removeprefix("at ")))

    def _clean(self, text: str) -> str:
        return self._lines.clean(text.strip(), "frames").text

    def _circles(self) -> Iterator[dict[str, Any]]:
        """Threads that wait for each other: who holds a lock leads to what that one waits for."""
        holder = {lock: one.number for one in self._threads for lock in one.holds}
        leads = {
            one.number: holder[one.waits[0]]
            for one in self._threads
            if one.waits and holder.get(one.waits[0], one.number) != one.number
        }
        done: set[int] = set()
        for start in leads:
            way: dict[int, None] = {}
            at: int | None = start
            while at is not None and at not in way and at not in done:
                way[at] = None
                at = leads.get(at)
            if at in way:
                circle = list(way)[list(way).index(at) :]
                yield {"circle": circle}
            done |= way.keys()
