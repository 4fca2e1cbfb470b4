"""The running account of one sanitising: what was removed, under which pseudonyms, and what must not come back."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any
from urllib.parse import unquote

from handrail.packets.sanitise.context import SanitiseContext

_SHAPES = (
    ("uuid", re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")),
    ("num", re.compile(r"[0-9]+")),
    ("hex", re.compile(r"[0-9a-fA-F]{8,}")),
    ("mail", re.compile(r"[^@\s]{1,64}@[^@\s]{1,255}")),
)
# Of rules that take away what opens doors: their values count as secret however plain they look.
_SHORT_NUMBER = 99_999
CREDENTIAL_RULES = frozenset(
    {"authorisation", "cookie", "oauth-value", "userinfo", "fragment", "saml-message", "matrix-parameter"}
)
_WORD = re.compile(r"[a-z0-9_+~-]+")


def json_text(value: Any) -> str:
    """``value`` as compact JSON in ASCII, in the order in which it was built: the same text on every machine."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False, check_circular=False)


class Redaction:
    """Counts removals by (rule, place), hands out pseudonyms, and remembers dropped values until the final scan.

    Rules and places are our own fixed words; nothing of the artifact is used as a name in the counts.
    A pseudonym is ``~`` + shape + number in order of first sight: equal values stay equal, and nothing can be
    computed back from it, as it could from a hash of a short identifier.
    """

    def __init__(self, context: SanitiseContext) -> None:
        self.context = context
        self.removed: defaultdict[str, list[str]] = defaultdict(list)
        self.dropped: set[str] = set()
        self.credentials: set[str] = set()
        self.spelled: set[str] = set()  # texts that stay because known words spell them
        self._names: dict[str, str] = {}
        self._numbers: Counter[str] = Counter()

    def drop(self, rule: str, place: str, value: Any = None) -> None:
        """Counts one removed thing; ``value`` (any JSON value) is remembered so that the scan can look for it."""
        self.removed[place].append(rule)
        if value:
            self.remember(rule, value)

    def count(self, rules: Sequence[str], place: str) -> None:
        """Counts removals that were remembered when they were first seen."""
        if rules:
            self.removed[place] += rules

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
        """The stand-in of ``raw``: ``~uuid1``, ``~num2``, ``~text3``; ``shape`` overrules what it looks like."""
        key = f"{shape or ''}{mark}{raw}"
        name = self._names.get(key)
        if name is None:
            shape = shape or next((s for s, pattern in _SHAPES if pattern.fullmatch(raw)), "text")
            self._numbers[shape] += 1
            name = self._names[key] = f"{mark}{shape}{self._numbers[shape]}"
            self.dropped.add(raw)
            if "%" in raw:
                self.dropped.add(unquote(raw))
        return name

    def counts(self) -> list[dict[str, Any]]:
        """``[{"rule", "place", "count"}]``, sorted."""
        counted = sorted(
            (rule, place, n) for place, rules in self.removed.items() for rule, n in Counter(rules).items()
        )
        return [{"rule": rule, "place": place, "count": n} for rule, place, n in counted]

    def pseudonyms(self) -> dict[str, int]:
        """How many different values of each shape got a pseudonym."""
        return dict(sorted(self._numbers.items()))


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
