"""What the definition models share: closed models that still read renamed keys, and scalar fields."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationInfo
from pydantic import model_validator as validate_model
from pydantic_core import PydanticCustomError

from handrail.definitions.language.names import IDENTIFIER, KEBAB
from handrail.definitions.language.valuetypes import BASES, ValueType

_DURATION = re.compile(r"([0-9]{1,9})(ms|s|m|h)")
_UNIT_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600}
DAY_SECONDS = 24 * 3600.0
_KEPT = re.compile(r"([1-9][0-9]{0,4})d")
_MOST_KEPT_DAYS = 36500
_LONG = re.compile(r"([0-9]{1,5})([mhd])")
_LONG_UNIT_SECONDS = {"m": 60.0, "h": 3600.0, "d": DAY_SECONDS}


@dataclass(frozen=True, slots=True)
class Formerly:
    """Marks a field whose key had another name before: ``key`` is still read, so that approved texts stay valid."""

    key: str


@dataclass(slots=True)
class Met:
    """What one validation meets: the model of each mapping, and the renamed keys in it, by the mapping's identity.

    ``old_keys``: today's name to the one that the author wrote.
    """

    models: dict[int, type[Closed]] = field(default_factory=dict)
    old_keys: dict[int, dict[str, str]] = field(default_factory=dict)


class Closed(BaseModel):
    """Strict and closed. A validation with ``Met`` as its context notes what it met, for better messages."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, populate_by_name=False)

    @validate_model(mode="before")
    @classmethod
    def _renamed(cls, data: Any, info: ValidationInfo) -> Any:
        """``data`` with every old key under its new name. Raises PydanticCustomError where both stand."""
        if not isinstance(data, dict):
            return data
        used = {new: old for new, old in cls.old_keys().items() if old in data}
        if isinstance(info.context, Met):
            info.context.models[id(data)] = cls
            info.context.old_keys[id(data)] = {new: old for new, old in used.items() if new not in data}
        for new, old in used.items():
            if new in data:
                raise PydanticCustomError(
                    "both_keys", "{old} and {new} are the same key, and both are here; keep {new}",
                    {"old": old, "new": new},
                )  # fmt: skip
        names = {old: new for new, old in used.items()}
        return {names.get(key, key): value for key, value in data.items()} if names else data

    @classmethod
    def field_names(cls) -> list[str]:
        return [field.alias or name for name, field in cls.model_fields.items()]

    @classmethod
    @cache
    def old_keys(cls) -> dict[str, str]:
        """Today's name of each renamed key to its earlier one."""
        return {
            name: mark.key
            for name, field in cls.model_fields.items()
            for mark in field.metadata
            if isinstance(mark, Formerly)
        }


def seconds(text: Any) -> float:
    """``500ms``, ``2s``, ``5m``, ``12h`` as seconds. Raises PydanticCustomError; at most 24 h."""
    match = _DURATION.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise PydanticCustomError("duration", "expected a duration such as 500ms, 2s, 5m or 12h")
    value = int(match[1]) * _UNIT_SECONDS[match[2]]
    if value > DAY_SECONDS:
        raise PydanticCustomError("duration", "a duration may be 24h at most")
    return value


def long_seconds(text: Any) -> float:
    """``30m``, ``4h`` or ``2d`` as seconds. Raises PydanticCustomError; from one minute to 30 days."""
    match = _LONG.fullmatch(text) if isinstance(text, str) else None
    value = int(match[1]) * _LONG_UNIT_SECONDS[match[2]] if match else 0
    if not 60 <= value <= 30 * DAY_SECONDS:  # noqa: PLR2004 - the message says it
        raise PydanticCustomError("long_duration", "expected a time from 1m to 30d, such as 30m, 4h or 2d")
    return value


def kept_seconds(text: Any) -> float:
    """``400d`` as seconds. Raises PydanticCustomError; from one day to 36500 days."""
    match = _KEPT.fullmatch(text) if isinstance(text, str) else None
    if match is None or not 1 <= int(match[1]) <= _MOST_KEPT_DAYS:
        raise PydanticCustomError("kept", "expected a number of days from 1d to 36500d, such as 90d")
    return int(match[1]) * float(DAY_SECONDS)


def _positive(value: float) -> float:
    if value < 0.1:  # noqa: PLR2004 — the message says it
        raise PydanticCustomError("duration", "expected 100ms or more")
    return value


def _identifier(text: str) -> str:
    if not IDENTIFIER.fullmatch(text):
        raise PydanticCustomError(
            "identifier", "expected lower-case letters, digits and underscores, beginning with a letter"
        )
    return text


def _optional_identifier(text: str) -> str:
    _identifier(text.removesuffix("?"))
    return text


def _kebab(text: str) -> str:
    if len(text) > 64 or not KEBAB.fullmatch(text):  # noqa: PLR2004
        raise PydanticCustomError("kebab", "expected kebab-case, such as role-absent, 64 characters at most")
    return text


def value_type(text: Any) -> ValueType:
    """``string`` or ``[string]``. Raises PydanticCustomError."""
    if isinstance(text, str) and text in BASES:
        return ValueType(text)  # type: ignore[arg-type]
    if isinstance(text, list) and len(text) == 1 and text[0] in BASES:
        return ValueType(text[0], many=True)
    raise PydanticCustomError(
        "value_type", "expected one of {types}, or a list of one such as [string]", {"types": ", ".join(BASES)}
    )


Duration = Annotated[float, BeforeValidator(seconds)]
Kept = Annotated[float, BeforeValidator(kept_seconds)]
LongDuration = Annotated[float, BeforeValidator(long_seconds)]
Interval = Annotated[float, BeforeValidator(seconds), AfterValidator(_positive)]
Identifier = Annotated[str, AfterValidator(_identifier)]
OptionalIdentifier = Annotated[str, AfterValidator(_optional_identifier)]
Kebab = Annotated[str, AfterValidator(_kebab)]
Line = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\n\t]+$")]
Prose = Annotated[str, StringConstraints(min_length=1, max_length=2000)]
Expression = Annotated[str, StringConstraints(min_length=1, max_length=2000)]
Template = Annotated[str, StringConstraints(min_length=1, max_length=2000)]
Dotted = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*){1,3}$", max_length=200)]
Status = Annotated[int, Field(ge=100, le=599)]
FailureName = Literal[
    "dns",
    "connect",
    "tls",
    "timeout-before-send",
    "timeout-after-send",
    "connection-lost",
    "too-large",
    "not-json",
    "redirect",
]
