"""The strict reader of signed documents: frozen dataclasses whose fields declare their rules, and nothing else is read.

    @strict
    class Quota:
        role: Slug                                                    # Annotated[str, String(…)]
        least: Annotated[int, Integer(1, 20)]
        people: Annotated[tuple[Signer, ...], Length(1, 200)]

A rule never coerces: text is text, ``1.0`` and ``true`` are no integers. Unknown fields, fields named twice and what is
missing are faults, each with its place and its rule, never with the value. Standard library alone, and one pass: the
time grows with the document's length, and the depth is that of the declared types.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    ClassVar,
    Final,
    Literal,
    TypeVar,
    Union,
    cast,
    dataclass_transform,
    get_args,
    get_origin,
    get_type_hints,
    overload,
)

from handrail.kernel.errors import Fault, Invalid
from handrail.kernel.hostile import clean_text

MAX_SAFE_INTEGER: Final = 2**53 - 1  # RFC 8785 goes no further
MAX_FAULTS = 20
_MAX_DIGITS = 20
_INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})?")

T = TypeVar("T")
_Place = tuple[str | int, ...]


class BrokenRule(ValueError):
    """A document made of what breaks its rules. ``faults``: where and what, never the value."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("; ".join(str(fault) for fault in faults[:MAX_FAULTS]))
        self.faults = tuple(faults[:MAX_FAULTS])


class _Faults:
    """What was found so far; ``add`` keeps the first ones only."""

    def __init__(self) -> None:
        self.found: list[Fault] = []
        self.count = 0

    def add(self, at: _Place, message: str) -> None:
        self.count += 1
        if len(self.found) < MAX_FAULTS:
            self.found.append(Fault(".".join(clean_text(str(part)[:240], limit=60) for part in at), message))


class Rule:
    """What a value must be. ``read`` takes a value out of JSON, ``check`` one of Python, ``plain`` gives JSON again."""

    def read(self, value: Any, at: _Place, faults: _Faults) -> Any:
        """The value, or anything at all once a fault was added."""
        self.check(value, at, faults)
        return value

    def check(self, value: Any, at: _Place, faults: _Faults) -> None:
        raise NotImplementedError

    def plain(self, value: Any) -> Any:
        return value


@dataclass(frozen=True, slots=True)
class String(Rule):
    """Text of ``least`` to ``most`` characters. ``shape`` is a pattern's ``fullmatch``; ``check_text`` raises
    ValueError."""

    least: int = 0
    most: int | None = None
    shape: Callable[[str], re.Match[str] | None] | None = None
    check_text: Callable[[str], None] | None = None

    def check(self, value: Any, at: _Place, faults: _Faults) -> None:
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
class Integer(Rule):
    least: int = -MAX_SAFE_INTEGER
    most: int = MAX_SAFE_INTEGER

    def check(self, value: Any, at: _Place, faults: _Faults) -> None:
        if not isinstance(value, int) or isinstance(value, bool):
            faults.add(at, "Input should be a valid integer")
        elif value < self.least:
            faults.add(at, f"Input should be greater than or equal to {self.least}")
        elif value > self.most:
            faults.add(at, f"Input should be less than or equal to {self.most}")


class Boolean(Rule):
    def check(self, value: Any, at: _Place, faults: _Faults) -> None:
        if not isinstance(value, bool):
            faults.add(at, "Input should be a valid boolean")


@dataclass(frozen=True, slots=True)
class OneOf(Rule):
    """One of these texts, as ``Literal`` declares them."""

    texts: tuple[str, ...]

    def check(self, value: Any, at: _Place, faults: _Faults) -> None:
        if not isinstance(value, str) or value not in self.texts:
            faults.add(at, f"Input should be {_alternatives(self.texts)}")


@dataclass(frozen=True, slots=True)
class Member(Rule):
    """A member of an enumeration of texts."""

    kind: type[StrEnum]

    def read(self, value: Any, at: _Place, faults: _Faults) -> Any:
        texts = tuple(one.value for one in self.kind)
        if isinstance(value, str) and value in texts:
            return self.kind(value)
        faults.add(at, f"Input should be {_alternatives(texts)}")
        return None

    def check(self, value: Any, at: _Place, faults: _Faults) -> None:
        if not isinstance(value, self.kind):
            faults.add(at, f"Input should be an instance of {self.kind.__name__}")

    def plain(self, value: Any) -> Any:
        return value.value


class Moment(Rule):
    """An instant in UTC; RFC 3339 in JSON."""

    def read(self, value: Any, at: _Place, faults: _Faults) -> Any:
        try:
            moment = datetime.fromisoformat(value) if isinstance(value, str) and _INSTANT.fullmatch(value) else None
        except ValueError:
            moment = None
        if moment is None:
            faults.add(at, "Input should be a valid datetime")
            return None
        self.check(moment, at, faults)
        return moment

    def check(self, value: Any, at: _Place, faults: _Faults) -> None:
        if not isinstance(value, datetime):
            faults.add(at, "Input should be a valid datetime")
        elif value.utcoffset() != timedelta(0):  # PF-25
            faults.add(at, "Value error, must be a UTC instant")

    def plain(self, value: Any) -> Any:
        return instant_text(value)


@dataclass(frozen=True, slots=True)
class Nullable(Rule):
    rule: Rule

    def read(self, value: Any, at: _Place, faults: _Faults) -> Any:
        return None if value is None else self.rule.read(value, at, faults)

    def check(self, value: Any, at: _Place, faults: _Faults) -> None:
        if value is not None:
            self.rule.check(value, at, faults)

    def plain(self, value: Any) -> Any:
        return None if value is None else self.rule.plain(value)


@dataclass(frozen=True, slots=True)
class Items(Rule):
    """``least`` to ``most`` values of one rule: a list in JSON, a tuple in Python."""

    rule: Rule
    least: int
    most: int

    def read(self, value: Any, at: _Place, faults: _Faults) -> Any:
        if not isinstance(value, list):
            faults.add(at, "Input should be a valid array")
            return ()
        if not self._fits(len(value), at, faults):
            return ()
        return tuple(self.rule.read(one, (*at, number), faults) for number, one in enumerate(value))

    def check(self, value: Any, at: _Place, faults: _Faults) -> None:
        if not isinstance(value, tuple):
            faults.add(at, "Input should be a valid tuple")
        elif self._fits(len(value), at, faults):
            for number, one in enumerate(value):
                self.rule.check(one, (*at, number), faults)

    def plain(self, value: Any) -> Any:
        return [self.rule.plain(one) for one in value]

    def _fits(self, count: int, at: _Place, faults: _Faults) -> bool:
        if count < self.least:
            faults.add(at, f"Tuple should have at least {_counted(self.least, 'item')} after validation, not {count}")
        elif count > self.most:
            faults.add(at, f"Tuple should have at most {_counted(self.most, 'item')} after validation, not {count}")
        return self.least <= count <= self.most


@dataclass(frozen=True, slots=True)
class Nested(Rule):
    """A class declared with ``strict``: an object in JSON."""

    kind: type[Any]

    def read(self, value: Any, at: _Place, faults: _Faults) -> Any:
        if not isinstance(value, dict):
            faults.add(at, "Input should be an object")
            return None
        return _read_object(self.kind, value, at, faults)

    def check(self, value: Any, at: _Place, faults: _Faults) -> None:
        if not isinstance(value, self.kind):
            faults.add(at, f"Input should be an instance of {self.kind.__name__}")

    def plain(self, value: Any) -> Any:
        return plain(value)


@dataclass(frozen=True, slots=True)
class Length:
    """How many values a tuple holds: ``Annotated[tuple[Slug, ...], Length(1, 100)]``."""

    least: int
    most: int


@dataclass(frozen=True, slots=True)
class Named:
    """The field's name in JSON, where Python's is another: ``Annotated[str, Named("payloadType")]``."""

    name: str


@dataclass(frozen=True, slots=True)
class _Field:
    name: str  # in Python
    key: str  # in JSON
    rule: Rule
    default: Any  # MISSING where the field must be there


class _Strict:
    declared: ClassVar[dict[type[Any], tuple[_Field, ...]]] = {}


@overload
def strict(cls: type[T], /) -> type[T]: ...
@overload
def strict(*, kw_only: bool = False) -> Callable[[type[T]], type[T]]: ...


@dataclass_transform(frozen_default=True)
def strict(cls: type[T] | None = None, /, *, kw_only: bool = False) -> Any:
    """A frozen dataclass that is made of nothing but what its fields declare.

    ``holds_together(self)``, where the class has it, raises ValueError for fields that contradict each other. Making
    one of anything else raises BrokenRule.
    """

    def declare(given: type[T]) -> type[T]:
        given.__post_init__ = _check_made  # type: ignore[attr-defined]
        made: type[T] = dataclass(frozen=True, slots=True, kw_only=kw_only)(given)
        hints = get_type_hints(made, include_extras=True)
        _Strict.declared[made] = tuple(
            _Field(one.name, _key_of(hints[one.name], one.name), _rule_of(hints[one.name]), one.default)
            for one in fields(made)  # type: ignore[arg-type]
        )
        return made

    return declare if cls is None else declare(cls)


def read(kind: type[T], raw: bytes, *, what: str) -> T:
    """``raw`` JSON as a ``strict`` class. Raises Invalid with a fault for each field; ``what`` names the document."""
    try:
        value = parsed(raw)
    except ValueError as error:
        fault = Fault("", f"Invalid JSON: {error}")
        raise Invalid(f"The {what} is not valid: {fault}.", code="proof", faults=[fault]) from None
    return read_plain(kind, value, what=what)


def read_plain(kind: type[T], value: Any, *, what: str) -> T:
    """A JSON value as a ``strict`` class. Raises Invalid as ``read`` does."""
    faults = _Faults()
    made = Nested(kind).read(value, (), faults)
    if faults.count:
        raise Invalid(f"The {what} is not valid: {faults.found[0]}.", code="proof", faults=faults.found)
    return cast(T, made)


def plain(made: Any) -> dict[str, Any]:
    """The JSON value of an instance of a ``strict`` class."""
    return {one.key: one.rule.plain(getattr(made, one.name)) for one in _Strict.declared[type(made)]}


def parsed(raw: bytes) -> Any:
    """A JSON document in UTF-8. Raises ValueError for anything else, for a key given twice and for deep nesting."""
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise ValueError(f"not UTF-8 at byte {error.start}") from None
    try:
        return json.loads(text, object_pairs_hook=_object, parse_int=_integer, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise ValueError(f"{error.msg} at line {error.lineno} column {error.colno}") from None
    except RecursionError:
        raise ValueError("nested too deeply") from None


def instant_text(value: datetime) -> str:
    """One spelling only: RFC 3339, UTC, six digits of the second."""
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _read_object(kind: type[Any], value: dict[str, Any], at: _Place, faults: _Faults) -> Any:
    made, before = object.__new__(kind), faults.count
    declared = _Strict.declared[kind]
    for one in declared:
        if one.key in value:
            read_value = one.rule.read(value[one.key], (*at, one.key), faults)
        else:
            read_value = one.default
            if read_value is MISSING:
                faults.add((*at, one.key), "Field required")
        object.__setattr__(made, one.name, read_value)
    known = {one.key for one in declared}
    for key in value:
        if key not in known:
            faults.add((*at, key), "Unexpected keyword argument")
    if faults.count == before:
        _check_whole(made, at, faults)
    return made


def _check_made(made: Any) -> None:
    faults = _Faults()
    for one in _Strict.declared[type(made)]:
        one.rule.check(getattr(made, one.name), (one.key,), faults)
    if not faults.count:
        _check_whole(made, (), faults)
    if faults.count:
        raise BrokenRule(faults.found)


def _check_whole(made: Any, at: _Place, faults: _Faults) -> None:
    try:
        getattr(made, "holds_together", bool)()
    except ValueError as error:
        faults.add(at, f"Value error, {error}")


def _rule_of(hint: Any) -> Rule:
    """The rule that a type declares. Raises TypeError for one that declares none."""
    base, *meta = get_args(hint) if get_origin(hint) is Annotated else (hint,)
    for one in meta:
        if isinstance(one, Rule):
            return one
    lengths = [one for one in meta if isinstance(one, Length)]
    if get_origin(base) is tuple and lengths:
        return Items(_rule_of(get_args(base)[0]), lengths[0].least, lengths[0].most)
    if get_origin(base) is Literal:
        return OneOf(get_args(base))
    if get_origin(base) in (Union, UnionType):
        (rest,) = (one for one in get_args(base) if one is not NoneType)
        return Nullable(_rule_of(rest))
    if base in _Strict.declared:
        return Nested(base)
    if isinstance(base, type) and issubclass(base, StrEnum):
        return Member(base)
    simple: dict[Any, Rule] = {str: String(), int: Integer(), bool: Boolean()}
    if base not in simple:
        raise TypeError(f"{hint} declares no rule")
    return simple[base]


def _key_of(hint: Any, name: str) -> str:
    meta = get_args(hint)[1:] if get_origin(hint) is Annotated else ()
    return next((one.name for one in meta if isinstance(one, Named)), name)


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


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is given twice")
    return found


def _integer(digits: str) -> int:
    """Longer ones are too large whatever they are, and reading them would take the square of their length."""
    return int(digits) if len(digits) <= _MAX_DIGITS else int(digits[:1] + "9" * _MAX_DIGITS)


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _alternatives(texts: tuple[str, ...]) -> str:
    quoted = [f"'{text}'" for text in texts]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} or {quoted[-1]}"
