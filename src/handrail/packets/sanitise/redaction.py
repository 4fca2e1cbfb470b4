"""The running account of one sanitising: what was removed, under which pseudonyms, and what must not come back."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any
from urllib.parse import unquote

from handrail.packets.sanitise.context import SanitiseContext
from handrail.packets.sanitise.hosts import Hosts
from handrail.packets.sanitise.pseudonyms import Pseudonyms

# Of rules that take away what opens doors: their values count as secret however plain they look.
_SHORT_NUMBER = 99_999
CREDENTIAL_RULES = frozenset(
    {"authorisation", "cookie", "oauth-value", "userinfo", "fragment", "saml-message", "matrix-parameter"}
)
_WORD = re.compile(r"[a-z0-9_+~-]+")

_ENCODED = json.JSONEncoder(separators=(",", ":"), allow_nan=False, check_circular=False).encode


def json_text(value: Any) -> str:
    """``value`` as compact JSON in ASCII, in the order in which it was built: the same text on every machine."""
    return _ENCODED(value)


class Redaction:
    """Counts removals by (rule, place), hands out stand-ins, and remembers dropped values until the final scan.

    Rules and places are our own fixed words; nothing of the artifact is used as a name in the counts.
    """

    def __init__(self, context: SanitiseContext) -> None:
        self.context = context
        self.removed: defaultdict[str, list[str]] = defaultdict(list)
        self._tallied: Counter[tuple[str, str]] = Counter()
        self.dropped: set[str] = set()
        self.credentials: set[str] = set()
        self.spelled: set[str] = set()  # texts that stay because known words spell them
        self.vouched: set[str] = set()  # ids that stay as they are
        self._pieces: set[str] = set()
        self.own: set[str] = set()  # texts that a rule made of our fixed words and of numbers: the scan skips them
        self._pseudonyms = Pseudonyms(context.secret)
        # Not by a method of this object: in a circle it would stay beside the next pass's, as no collection runs.
        self.hosts = Hosts(context, partial(_stand_in, self._pseudonyms, self.dropped))

    def drop(self, rule: str, place: str, value: Any = None) -> None:
        """Counts one removed thing; ``value`` (any JSON value) is remembered so that the scan can look for it."""
        self.removed[place].append(rule)
        if value:
            self.remember(rule, value)

    def count(self, rules: Sequence[str], place: str) -> None:
        """Counts removals that were remembered when they were first seen."""
        if rules:
            self.removed[place] += rules

    def tally(self, rule: str, place: str, number: int) -> None:
        """Counts ``number`` removals by one rule."""
        self._tallied[rule, place] += number

    def remember(self, rule: str, value: Any) -> None:
        """Keeps every string in ``value`` for the scan, without counting."""
        kept = self.credentials if rule in CREDENTIAL_RULES else self.dropped
        if type(value) is str:
            kept.add(value)
        else:
            _harvest(value, kept)

    def narrowed(self, value: str, clean: str) -> tuple[str, ...]:
        """Remembers what of ``value`` is not in ``clean``; the rule of its removal, if there was any."""
        cut = {*_WORD.findall(value.lower())}.difference(_WORD.findall(clean.lower()))
        self.dropped |= cut
        return ("narrowed-value",) if cut else ()

    def pseudonym(self, raw: str, shape: str | None = None, mark: str = "~") -> str:
        """The stand-in of ``raw``: ``~uuid-…``, ``~num-…``, ``~text-…``; ``shape`` overrules what it looks like."""
        return _stand_in(self._pseudonyms, self.dropped, raw, shape, mark)

    def trace_id(self, raw: str, digits: int) -> str:
        """The stand-in of a trace's or span's id, in ``digits`` hexadecimal digits."""
        self.dropped.add(raw)
        return self._pseudonyms.digits(raw, digits)

    def issue(self, part: str) -> None:
        """``part`` of a stand-in is shown by itself."""
        self._pseudonyms.issued.add(part)

    def vouch_made(self, run: str) -> None:
        """``run`` was computed here, one way, of what is public."""
        self._pieces.add(run)

    def vouch(self, value: str, pieces: Iterable[str]) -> None:
        """``value`` may be shown as it is, and so may its ``pieces``, the runs that a scan finds in it."""
        self.vouched.add(value)
        self._pieces.update(pieces)

    def foreign(self, text: str) -> str:
        """``text``, a run without white space, but for what we let stand: stand-ins, shown hosts, vouched ids."""
        return "" if text in self.hosts.shown or text in self._pieces else self._pseudonyms.foreign(text)

    def counts(self) -> list[dict[str, Any]]:
        """``[{"rule", "place", "count"}]``, sorted."""
        counted = Counter(self._tallied)
        for place, rules in self.removed.items():
            counted.update({(rule, place): n for rule, n in Counter(rules).items()})
        return [{"rule": rule, "place": place, "count": n} for (rule, place), n in sorted(counted.items())]

    def pseudonyms(self) -> dict[str, int]:
        """How many different values of each shape got a pseudonym."""
        return dict(sorted(self._pseudonyms.numbers.items()))


def _stand_in(names: Pseudonyms, dropped: set[str], raw: str, shape: str | None = None, mark: str = "~") -> str:
    name = names.text(raw, shape, mark)
    dropped.add(raw)
    if "%" in raw:
        dropped.add(unquote(raw))
    return name


def _harvest(value: Any, kept: set[str]) -> None:
    """Every string (and long number) in ``value``, keys too, without recursion."""
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if type(item) is str:
            kept.add(item)
        elif type(item) is dict:
            kept.update(item)
            waiting += item.values()
        elif type(item) is list:
            waiting += item
        elif type(item) is int and item > _SHORT_NUMBER:
            kept.add(str(item))
