"""The strict reader of signed documents: frozen dataclasses whose fields declare their rules, and nothing else is read.

    @strict
    class Quota:
        role: Slug                                                    # Annotated[str, String(…)]
        least: Annotated[int, Integer(1, 20)]
        people: Annotated[tuple[Signer, ...], Length(1, 200)]

Unknown fields, fields named twice and what is missing are faults, each with its place and its rule, never with the
value. Standard library alone, and one pass: the time grows with the document's length, and the depth is that of the
declared types.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields
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
from handrail.packets.proof.rules import (
    MAX_FAULTS,
    Boolean,
    EnumMember,
    FieldPlace,
    FieldRule,
    FoundFaults,
    Integer,
    JsonName,
    Length,
    ListOf,
    Nullable,
    OneOf,
    String,
)

_MAX_DIGITS: Final = 20

T = TypeVar("T")


class BrokenRule(ValueError):
    """A document made of what breaks its rules. ``faults``: where and what, never the value."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("; ".join(str(fault) for fault in faults[:MAX_FAULTS]))
        self.faults = tuple(faults[:MAX_FAULTS])


@dataclass(frozen=True, slots=True)
class Nested(FieldRule):
    """A class declared with ``strict``: an object in JSON."""

    kind: type[Any]

    def read(self, value: Any, at: FieldPlace, faults: FoundFaults) -> Any:
        if not isinstance(value, dict):
            faults.add(at, "Input should be an object")
            return None
        return _read_object(self.kind, value, at, faults)

    def check(self, value: Any, at: FieldPlace, faults: FoundFaults) -> None:
        if not isinstance(value, self.kind):
            faults.add(at, f"Input should be an instance of {self.kind.__name__}")

    def plain(self, value: Any) -> Any:
        return plain(value)


@dataclass(frozen=True, slots=True)
class _Field:
    name: str  # in Python
    key: str  # in JSON
    rule: FieldRule
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
    faults = FoundFaults()
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


def _read_object(kind: type[Any], value: dict[str, Any], at: FieldPlace, faults: FoundFaults) -> Any:
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
    faults = FoundFaults()
    for one in _Strict.declared[type(made)]:
        one.rule.check(getattr(made, one.name), (one.key,), faults)
    if not faults.count:
        _check_whole(made, (), faults)
    if faults.count:
        raise BrokenRule(faults.found)


def _check_whole(made: Any, at: FieldPlace, faults: FoundFaults) -> None:
    try:
        getattr(made, "holds_together", bool)()
    except ValueError as error:
        faults.add(at, f"Value error, {error}")


def _rule_of(hint: Any) -> FieldRule:
    """The rule that a type declares. Raises TypeError for one that declares none."""
    base, *meta = get_args(hint) if get_origin(hint) is Annotated else (hint,)
    for one in meta:
        if isinstance(one, FieldRule):
            return one
    lengths = [one for one in meta if isinstance(one, Length)]
    if get_origin(base) is tuple and lengths:
        return ListOf(_rule_of(get_args(base)[0]), lengths[0].least, lengths[0].most)
    if get_origin(base) is Literal:
        return OneOf(get_args(base))
    if get_origin(base) in (Union, UnionType):
        (rest,) = (one for one in get_args(base) if one is not NoneType)
        return Nullable(_rule_of(rest))
    if base in _Strict.declared:
        return Nested(base)
    if isinstance(base, type) and issubclass(base, StrEnum):
        return EnumMember(base)
    simple: dict[Any, FieldRule] = {str: String(), int: Integer(), bool: Boolean()}
    if base not in simple:
        raise TypeError(f"{hint} declares no rule")
    return simple[base]


def _key_of(hint: Any, name: str) -> str:
    meta = get_args(hint)[1:] if get_origin(hint) is Annotated else ()
    return next((one.name for one in meta if isinstance(one, JsonName)), name)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is given twice")
    return found


def _integer(digits: str) -> int:
    """Longer ones are too large whatever they are, and reading them would take the square of their length."""
    return int(digits) if len(digits) <= _MAX_DIGITS else int(digits[:1] + "9" * _MAX_DIGITS)


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
