"""What the fields of signed documents must be. Nothing is coerced: neither ``1.0`` nor ``true`` is an integer.

Faults name the place and the rule, never the value.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from handrail.kernel.errors import Fault
from handrail.kernel.hostile import clean_text

MAX_SAFE_INTEGER: Final = 2**53 - 1  # RFC 8785 goes no further
MAX_FAULTS = 20
_INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})?")

FieldPlace = tuple[str | int, ...]


class FoundFaults:
    """What was found so far; ``add`` keeps the first ones only."""

    def __init__(self) -> None:
        self.found: list[Fault] = []
        self.count = 0

    def add(self, at: FieldPlace, message: str) -> None:
        self.count += 1
        if len(self.found) < MAX_FAULTS:
            self.found.append(Fault(".".join(clean_text(str(part)[:240], limit=60) for part in at), message))


class FieldRule:
    """What a value must be. ``read`` takes a value out of JSON, ``check`` one of Python, ``plain`` gives JSON again."""

    def read(self, value: Any, at: FieldPlace, faults: FoundFaults) -> Any:
        """The value, or anything at all once a fault was added."""
        self.check(value, at, faults)
        return value

    def check(self, value: Any, at: FieldPlace, faults: FoundFaults) -> None:
        raise NotImplementedError

    def plain(self, value: Any) -> Any:
        return value


@dataclass(frozen=True, slots=True)
class String(FieldRule):
    """Text of ``least`` to ``most`` characters. ``shape`` is a pattern's ``fullmatch``; ``check_text`` raises
    ValueError."""

    least: int = 0
    most: int | None = None
    shape: Callable[[str], re.Match[str] | None] | None = None
    check_text: Callable[[str], None] | None = None

    def check(self, value: Any, at: FieldPlace, faults: FoundFaults) -> None:
        if not isinstance(value, str) or not _is_text(value):
            faults.add(at, "Input should be a valid string")
        elif len(value) < self.least:
            faults.add(at, f"String should have at least {_counted(self.least, 'character')}")
        elif self.most is not None and len(value) > self.most:
            faults.add(at, f"String should have at most {_counted(self.most, 'character')}")
        elif self.shape is not None and self.shape(value) is None:
            faults.add(at, f"String should match pattern '^{_pattern_of(self.shape)}$'")
        elif self.check_text is not None:
            try:
                self.check_text(value)
            except ValueError as error:
                faults.add(at, f"Value error, {error}")


@dataclass(frozen=True, slots=True)
class Integer(FieldRule):
    least: int = -MAX_SAFE_INTEGER
    most: int = MAX_SAFE_INTEGER

    def check(self, value: Any, at: FieldPlace, faults: FoundFaults) -> None:
        if not isinstance(value, int) or isinstance(value, bool):
            faults.add(at, "Input should be a valid integer")
        elif value < self.least:
            faults.add(at, f"Input should be greater than or equal to {self.least}")
        elif value > self.most:
            faults.add(at, f"Input should be less than or equal to {self.most}")


class Boolean(FieldRule):
    def check(self, value: Any, at: FieldPlace, faults: FoundFaults) -> None:
        if not isinstance(value, bool):
            faults.add(at, "Input should be a valid boolean")


@dataclass(frozen=True, slots=True)
class OneOf(FieldRule):
    """One of these texts, as ``Literal`` declares them."""

    texts: tuple[str, ...]

    def check(self, value: Any, at: FieldPlace, faults: FoundFaults) -> None:
        if not isinstance(value, str) or value not in self.texts:
            faults.add(at, f"Input should be {_alternatives(self.texts)}")


@dataclass(frozen=True, slots=True)
class EnumMember(FieldRule):
    """A member of an enumeration of texts."""

    kind: type[StrEnum]

    def read(self, value: Any, at: FieldPlace, faults: FoundFaults) -> Any:
        texts = tuple(one.value for one in self.kind)
        if isinstance(value, str) and value in texts:
            return self.kind(value)
        faults.add(at, f"Input should be {_alternatives(texts)}")
        return None

    def check(self, value: Any, at: FieldPlace, faults: FoundFaults) -> None:
        if not isinstance(value, self.kind):
            faults.add(at, f"Input should be an instance of {self.kind.__name__}")

    def plain(self, value: Any) -> Any:
        return value.value


class Moment(FieldRule):
    """An instant in UTC; RFC 3339 in JSON."""

    def read(self, value: Any, at: FieldPlace, faults: FoundFaults) -> Any:
        try:
            moment = datetime.fromisoformat(value) if isinstance(value, str) and _INSTANT.fullmatch(value) else None
        except ValueError:
            moment = None
        if moment is None:
            faults.add(at, "Input should be a valid datetime")
            return None
        self.check(moment, at, faults)
        return moment

    def check(self, value: Any, at: FieldPlace, faults: FoundFaults) -> None:
        if not isinstance(value, datetime):
            faults.add(at, "Input should be a valid datetime")
        elif value.utcoffset() != timedelta(0):  # PF-25
            faults.add(at, "Value error, must be a UTC instant")

    def plain(self, value: Any) -> Any:
        return instant_text(value)


@dataclass(frozen=True, slots=True)
class Nullable(FieldRule):
    rule: FieldRule

    def read(self, value: Any, at: FieldPlace, faults: FoundFaults) -> Any:
        return None if value is None else self.rule.read(value, at, faults)

    def check(self, value: Any, at: FieldPlace, faults: FoundFaults) -> None:
        if value is not None:
            self.rule.check(value, at, faults)

    def plain(self, value: Any) -> Any:
        return None if value is None else self.rule.plain(value)


@dataclass(frozen=True, slots=True)
class ListOf(FieldRule):
    """``least`` to ``most`` values of one rule: a list in JSON, a tuple in Python."""

    rule: FieldRule
    least: int
    most: int

    def read(self, value: Any, at: FieldPlace, faults: FoundFaults) -> Any:
        if not isinstance(value, list):
            faults.add(at, "Input should be a valid array")
            return ()
        if not self._fits(len(value), at, faults):
            return ()
        return tuple(self.rule.read(one, (*at, number), faults) for number, one in enumerate(value))

    def check(self, value: Any, at: FieldPlace, faults: FoundFaults) -> None:
        if not isinstance(value, tuple):
            faults.add(at, "Input should be a valid tuple")
        elif self._fits(len(value), at, faults):
            for number, one in enumerate(value):
                self.rule.check(one, (*at, number), faults)

    def plain(self, value: Any) -> Any:
        return [self.rule.plain(one) for one in value]

    def _fits(self, count: int, at: FieldPlace, faults: FoundFaults) -> bool:
        if count < self.least:
            faults.add(at, f"Tuple should have at least {_counted(self.least, 'item')} after validation, not {count}")
        elif count > self.most:
            faults.add(at, f"Tuple should have at most {_counted(self.most, 'item')} after validation, not {count}")
        return self.least <= count <= self.most


@dataclass(frozen=True, slots=True)
class Length:
    """How many values a tuple holds: ``Annotated[tuple[Slug, ...], Length(1, 100)]``."""

    least: int
    most: int


@dataclass(frozen=True, slots=True)
class JsonName:
    """The field's name in JSON, where Python's is another: ``Annotated[str, JsonName("payloadType")]``."""

    name: str


def instant_text(value: datetime) -> str:
    """One spelling only: RFC 3339, UTC, six digits of the second."""
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _is_text(value: str) -> bool:
    """Whether there is no half of a surrogate pair in it."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _pattern_of(fullmatch: Any) -> str:
    pattern: str = fullmatch.__self__.pattern
    return pattern


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _alternatives(texts: tuple[str, ...]) -> str:
    quoted = [f"'{text}'" for text in texts]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} or {quoted[-1]}"
