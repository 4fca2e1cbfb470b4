"""A form made from the fields that a definition declares for its task or its inputs, and what was typed into it.

Each declared type has its control. What is typed becomes a value of its type; what can't be one stays as it was typed,
so that the check of the task says what is expected, beside the field.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import JsonValue

from handrail.definitions.inputs.format import Rules, TaskField
from handrail.kernel.errors import Fault
from handrail.kernel.hostile import unix_lines

Control = Literal["text", "lines", "number", "choice", "json", "date"]
TRUTHS: Mapping[str, bool] = {"true": True, "false": False}
# Texts that may be longer than this get several lines.
ONE_LINE = 300
_PART = re.compile(r"[.\[]")
_INTEGER = re.compile(r"[+-]?[0-9]{1,18}")
_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")
_FORMATS = {
    "email": "An e-mail address.",
    "uuid": "A UUID.",
    "date": "A day, such as 2026-03-01.",
    "date-time": "A time with its offset, such as 2026-03-01T00:00:00Z.",
    "uri": "An address, such as https://example.org/.",
    "hostname": "The name of a host.",
    "ipv4": "An IPv4 address.",
    "ipv6": "An IPv6 address.",
}


@dataclass(frozen=True, slots=True)
class FormField:
    """``name``: of the control, such as ``task.tenant``; ``id``: of its element. ``typed``: what stands in it.
    ``choices``: value and label of each; empty where anything may be typed. ``least`` and ``most``: bounds, of the
    number or of the text's length, as they stand in the element. ``exact``: only whole numbers."""

    name: str
    id: str
    label: str
    control: Control
    optional: bool
    hint: str
    typed: str
    fault: str = ""
    choices: tuple[tuple[str, str], ...] = ()
    least: str = ""
    most: str = ""
    exact: bool = False

    @property
    def described_by(self) -> str:
        """The ids of the elements that explain it."""
        parts = ((f"{self.id}-hint", self.hint), (f"{self.id}-fault", self.fault))
        return " ".join(name for name, text in parts if text)


def fields(
    declared: Mapping[str, TaskField], typed: Mapping[str, str], faults: Sequence[Fault] = (), *, root: str = "task"
) -> list[FormField]:
    """The controls of ``declared``, with what was ``typed`` by the names of the controls, and each with its fault."""
    found: dict[str, list[str]] = {}
    for fault in faults:
        place = fault.where.removeprefix(f"{root}.")
        found.setdefault(_PART.split(place)[0], []).append(fault.message)
    return [
        _field(key, one, typed.get(f"{root}.{key.removesuffix('?')}", ""), found.get(key.removesuffix("?"), []), root)
        for key, one in declared.items()
    ]


def payload(declared: Mapping[str, TaskField], typed: Mapping[str, str], *, root: str = "task") -> dict[str, JsonValue]:
    """What was ``typed``, in the declared types. A field that was left empty is not in it."""
    texts = {key: unix_lines(typed.get(f"{root}.{key.removesuffix('?')}", "")).strip() for key in declared}
    return {key.removesuffix("?"): _value(one, texts[key]) for key, one in declared.items() if texts[key]}


def typed_of(values: Mapping[str, Any], declared: Mapping[str, TaskField], *, root: str = "task") -> dict[str, str]:
    """What somebody would have typed for ``values``: for a form that is filled in already."""
    names = {key.removesuffix("?"): one for key, one in declared.items()}
    return {f"{root}.{name}": _text(one, values[name]) for name, one in names.items() if values.get(name) is not None}


def faults_elsewhere(faults: Sequence[Fault], declared: Mapping[str, TaskField], *, root: str = "task") -> list[Fault]:
    """Those of ``faults`` that belong to no field of the form."""
    names = tuple(f"{root}.{key.removesuffix('?')}" for key in declared)
    return [one for one in faults if not any(_is_at(one.where, name) for name in names)]


def _is_at(where: str, name: str) -> bool:
    return where == name or where.startswith((f"{name}.", f"{name}["))


def _field(key: str, one: TaskField, typed: str, faults: Sequence[str], root: str) -> FormField:
    name = key.removesuffix("?")
    least, most = _bounds(one)
    return FormField(
        name=f"{root}.{name}",
        id=f"{root}-{name}",
        label=name,
        control=_control(one),
        optional=key.endswith("?"),
        hint=" ".join(_hints(one)),
        typed=typed,
        fault="; ".join(dict.fromkeys(faults)),
        choices=tuple(_choices(one)) if one.type != "array" else (),
        least=least,
        most=most,
        exact=one.type == "integer",
    )


def _control(one: TaskField) -> Control:
    if one.type in ("array", "object"):
        return "lines" if one.type == "array" else "json"
    if one.type == "boolean" or one.enum:
        return "choice"
    if one.type in ("integer", "number"):
        return "number"
    if one.format == "date":
        return "date"
    return "lines" if one.max_length is not None and one.max_length > ONE_LINE else "text"


def _choices(one: Rules) -> Iterator[tuple[str, str]]:
    for value in one.enum or ([True, False] if getattr(one, "type", "") == "boolean" else []):
        text = _scalar_text(value)
        yield text, {True: "Yes", False: "No"}[value] if isinstance(value, bool) else text


def _bounds(one: TaskField) -> tuple[str, str]:
    limits = (one.minimum, one.maximum) if one.type in ("integer", "number") else (one.min_length, one.max_length)
    least, most = ("" if limit is None else str(limit) for limit in limits)
    return least, most


def _hints(one: TaskField) -> Iterator[str]:
    if one.description:
        yield one.description if one.description.rstrip()[-1:] in ".!?:" else f"{one.description.rstrip()}."
    rules: Rules = one.items if one.type == "array" and one.items else one
    if one.type == "array":
        kind = one.items.type if one.items else "string"
        yield f"One {'JSON object' if kind == 'object' else 'text' if kind == 'string' else kind} per line."
        yield from _size(one.min_items, one.max_items, "lines")
        if one.unique_items:
            yield "No line twice."
        if rules.enum:
            yield f"Each is one of: {', '.join(map(_scalar_text, rules.enum))}."
    if one.type == "object":
        yield "A JSON object."
    if rules.format:
        yield _FORMATS[rules.format]
    if rules.pattern:
        yield f"Must match {rules.pattern}"
    yield from _size(rules.min_length, rules.max_length if one.type == "array" else None, "characters")
    if one.type in ("integer", "number"):
        yield from _size(one.minimum, one.maximum, "")


def _size(least: float | None, most: float | None, unit: str) -> Iterator[str]:
    """Says the bounds of a number, or of how many ``unit``."""
    of = f" {unit}" if unit else ""
    if least is not None and most is not None:
        yield f"From {least} to {most}{of}."
    elif least:
        yield f"At least {least}{of}."
    elif most is not None:
        yield f"At most {most}{of}."


def _value(one: TaskField, text: str) -> JsonValue:
    if one.type == "array":
        kind = one.items.type if one.items else "string"
        options = one.items.enum if one.items else None
        return [_scalar(kind, line.strip(), options) for line in text.splitlines() if line.strip()]
    return _scalar(one.type, text, one.enum)


def _scalar(kind: str, text: str, options: Sequence[JsonValue] | None = None) -> JsonValue:
    for option in options or ():
        if _scalar_text(option) == text:
            return option
    if kind == "boolean":
        return TRUTHS.get(text.lower(), text)
    if kind == "integer" and _INTEGER.fullmatch(text):
        return int(text)
    if kind == "number" and _NUMBER.fullmatch(text):
        number = float(text)
        return number if math.isfinite(number) else text
    return _parsed(text) if kind == "object" else text


def _parsed(text: str) -> JsonValue:
    """The JSON object in ``text``; ``text`` itself where it is none, or a key stands in it twice."""
    try:
        found: JsonValue = json.loads(text, object_pairs_hook=_once, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return text
    return found


def _once(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands in it twice")
    return found


def _refuse(word: str) -> float:
    raise ValueError(f"{word} is not JSON")


def _text(one: TaskField, value: Any) -> str:
    if one.type == "array" and isinstance(value, list):
        return "\n".join(map(_scalar_text, value))
    if one.type == "object":
        return json.dumps(value, ensure_ascii=False, indent=2)
    return _scalar_text(value)


def _scalar_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
