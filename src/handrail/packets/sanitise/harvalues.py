"""The smallest pieces of a capture: a value of known form, or what marks its absence, and a count."""

from __future__ import annotations

import re
from collections.abc import Set
from typing import Any

from handrail.packets.sanitise.headers import mime
from handrail.packets.sanitise.known.captures import PHRASES
from handrail.packets.sanitise.redaction import Redaction
from handrail.packets.sanitise.urls import VALUE, Urls
from handrail.packets.sanitise.vocabulary import PROTOCOLS

_WHEN = re.compile(
    r"([0-9]{4}-[01][0-9]-[0-3][0-9][T ][0-2][0-9]:[0-5][0-9]:[0-6][0-9](?:\.[0-9]{1,6})?)[0-9]{0,6}"
    r"(Z|[+-][0-9]{2}:?[0-9]{2}|)"
)
_DECIMAL = re.compile(r"[0-9]{1,11}(?:\.[0-9]{1,9})?")
_STATUS = re.compile(r"[1-5][0-9][0-9]|999|0")
LARGEST = 1e11
_OUTER = frozenset({"document", "log"})
_LAST_STATUS = 999
_STATUSES = frozenset({*range(100, 600), _LAST_STATUS, 0})


class HarValues:
    """``absent`` names what of the entry (or page) at hand is not in the copy; see ``har.ABSENT``."""

    def __init__(self, redaction: Redaction, urls: Urls) -> None:
        self.redaction = redaction
        self.urls = urls
        self.absent: list[str] = []
        self.lost = 0  # lists and objects of which nothing is in the copy, for want of their name
        self._mimes: dict[str, tuple[str | None, tuple[str, ...]]] = {}

    def url(self, value: Any, place: str) -> str:
        if type(value) is str:
            return self.urls.clean(value, place) if value else ""
        return self.gone(value, place)

    def mime(self, value: Any, place: str) -> str:
        if type(value) is not str:
            return self.gone(value, place)
        safe, rules = self._mimes.get(value) or self._first_mime(value)
        self.redaction.count(rules, place)
        return safe if safe is not None else self.gone(value, place)

    def _first_mime(self, value: str) -> tuple[str | None, tuple[str, ...]]:
        safe = mime(value)
        if safe is not None:
            self.redaction.own.add(safe)
        found = self._mimes[value] = safe, () if safe in (None, value) else self.redaction.narrowed(value, safe)
        return found

    def protocol(self, value: Any, place: str) -> str:
        if type(value) is str and value.lower() in PROTOCOLS:
            self.redaction.own.add(value)
            return value
        return self.gone(value, place)

    def listed(self, value: Any, known: frozenset[str], place: str) -> str:
        if type(value) is str and value in known:
            self.redaction.own.add(value)
            return value
        return self.gone(value, place) or VALUE

    def status(self, value: Any) -> int:
        """As it was sent, 100 to 599 and 999, and 0 where there was no answer."""
        if type(value) is int and value in _STATUSES:
            return value
        raw = int(value) if type(value) is float and value.is_integer() else value
        text = str(raw) if type(raw) is int and 0 <= raw <= _LAST_STATUS else raw
        if type(text) is str and _STATUS.fullmatch(text):
            return int(text)
        self.gone(value, "response.status")
        self.mark("response.status")
        return 0

    def reason(self, status: int, value: Any) -> str:
        if type(value) is str and (value == "" or value.lower() in PHRASES.get(status, ())):
            self.redaction.own.add(value)
            return value
        self.gone(value, "response.statusText")
        return ""

    def started(self, value: Any, place: str) -> str:
        when = self.when(value, place)
        if not when:
            self.mark("startedDateTime")
        return when

    def when(self, value: Any, place: str) -> str:
        found = _WHEN.fullmatch(value) if type(value) is str else None
        if found is None:
            self.gone(value, place)
            return ""
        when = found[1] + found[2]
        self.redaction.own.add(when)
        return when

    def mark(self, name: str) -> None:
        if name not in self.absent:
            self.absent.append(name)

    def gone(self, value: Any, place: str) -> str:
        """What stands for a text that is not kept; for none, nothing."""
        if value in (None, ""):
            return ""
        self.redaction.drop("unsafe-value", place, value)
        return VALUE

    def number(self, value: Any, place: str) -> int | float | None:
        if type(value) is int and -1 <= value <= LARGEST:
            return value
        if type(value) is float and -1 <= value <= LARGEST:
            return round(value, 3)
        if type(value) is str and _DECIMAL.fullmatch(value):
            return round(float(value), 3) if "." in value else int(value)
        self.gone(value, place)
        return None

    def required(self, value: Any, name: str) -> int | float:
        if type(value) is float and -1 <= value <= LARGEST:
            return round(value, 3)
        number = self.number(value, name)
        if number is None:
            self.mark(name)
        return -1 if number is None else number

    def size(self, value: Any, name: str) -> int | float:
        """A size in bytes; -1 is HAR's word for one that is not known."""
        if type(value) is int and -1 <= value <= LARGEST:
            return value
        return -1 if value is None else self.required(value, name)

    def numbers(self, source: dict[str, Any], names: Set[str], place: str) -> dict[str, Any]:
        """Those of ``source`` that are numbers."""
        numbers = {k: self.number(v, place) for k, v in source.items() if k in names and v is not None}
        return {k: number for k, number in numbers.items() if number is not None}

    def no_cookies(self, value: Any, place: str) -> list[Any]:
        for cookie in self.as_list(value, place):
            self.redaction.drop("cookie", place, cookie)
        return []

    def as_dict(self, value: Any, place: str) -> dict[str, Any]:
        if type(value) is dict:
            return value
        if value is not None:
            self.redaction.drop("malformed", place, value)
        return {}

    def as_list(self, value: Any, place: str) -> list[Any]:
        if type(value) is list:
            return value
        if value is not None:
            self.redaction.drop("malformed", place, value)
        return []

    def rest(self, source: dict[str, Any], known: Set[str], place: str) -> None:
        if source.keys() <= known:
            return
        for key in source.keys() - known:
            self.lost += place in _OUTER and type(source[key]) in (list, dict) and bool(source[key])
            self.redaction.drop(unlisted(key), place, {key: source[key]})


def unlisted(key: str) -> str:
    return "comment" if key == "comment" else "vendor-key" if key.startswith("_") else "unlisted-key"
