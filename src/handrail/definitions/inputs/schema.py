"""Checks what a run or an assembly begins with: closed, typed, bounded; errors never repeat the content."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jsonschema_rs
from pydantic import JsonValue

from handrail.definitions.inputs.format import TaskField
from handrail.definitions.language.names import Variables
from handrail.definitions.language.valuetypes import ValueType, check
from handrail.definitions.source.faults import dotted
from handrail.kernel.canonical import canonical_bytes
from handrail.kernel.errors import Fault, Invalid

MAX_BYTES = 64 * 1024


def validator(field: TaskField) -> jsonschema_rs.Draft202012Validator:
    """The field's own validator. Patterns run in linear time. Raises ValueError for a pattern that can't."""
    try:
        return jsonschema_rs.Draft202012Validator(
            field.json_schema(), validate_formats=True, pattern_options=jsonschema_rs.RegexOptions()
        )
    except jsonschema_rs.ValidationError as error:
        raise ValueError(f"not a usable schema at {dotted(list(error.instance_path))}") from None


@dataclass(frozen=True, slots=True)
class InputWords:
    """How errors speak of the whole: ``root`` begins the place of each fault, ``code`` is the error's."""

    root: str
    code: str
    refused: str
    undeclared: str


TASK = InputWords(
    "task",
    "task",
    "The task is not what the runbook expects.",
    "holds a field that the runbook does not declare",
)
INPUTS = InputWords(
    "inputs",
    "given",
    "No assembly can begin with these inputs.",
    "holds a field that the profile does not declare",
)


class InputSchema:
    """The declared fields with their validators."""

    def __init__(self, fields: Mapping[str, TaskField], words: InputWords) -> None:
        self._words = words
        self._types: dict[str, ValueType] = {}
        self._validators: dict[str, jsonschema_rs.Draft202012Validator] = {}
        for written, field in fields.items():
            name = written.removesuffix("?")
            self._types[name] = field.value_type(optional=written.endswith("?"))
            self._validators[name] = validator(field)

    @property
    def variables(self) -> Variables:
        return self._types

    def validate(self, payload: Mapping[str, Any]) -> dict[str, JsonValue]:
        """The declared fields, optional ones that are absent as None. Raises Invalid with a fault for each field."""
        faults: list[Fault] = []
        root = self._words.root
        if any(name not in self._types for name in payload):
            faults.append(Fault(root, f"{self._words.undeclared}; it declares: {', '.join(self._types)}"))
        values = {name: self._field(name, payload, faults) for name in self._types}
        if not faults and len(canonical_bytes(values)) > MAX_BYTES:
            faults.append(Fault(root, f"more than {MAX_BYTES} bytes"))
        if faults:
            raise Invalid(f"{self._words.refused} First: {faults[0]}", code=self._words.code, faults=faults)
        return values

    def takes(self, name: str, value: Any) -> bool:
        """Whether the field ``name`` may hold ``value``."""
        faults: list[Fault] = []
        self._field(name, {name: value}, faults)
        return not faults

    def _field(self, name: str, payload: Mapping[str, Any], faults: list[Fault]) -> JsonValue:
        wanted, value = self._types[name], payload.get(name)
        place = f"{self._words.root}.{name}"
        if value is None and wanted.optional:
            return None
        if name not in payload:
            faults.append(Fault(place, "this field is required"))
            return None
        try:
            errors = list(self._validators[name].iter_errors(value))
        except ValueError:
            faults.append(Fault(place, "this is not a JSON value"))
            return None
        faults += [
            Fault(dotted([self._words.root, name, *error.instance_path]), _expected(error)) for error in errors[:10]
        ]
        try:
            return value if errors else check(value, wanted)
        except ValueError as error:
            faults.append(Fault(place, str(error)))
            return None


_EXPECTATIONS = {
    "type": ("types", "expected {}"),
    "pattern": ("pattern", "expected text that matches {}"),
    "format": ("format", "expected the format {}"),
    "enum": ("options", "expected one of {}"),
    "minLength": ("limit", "expected at least {} characters"),
    "maxLength": ("limit", "expected at most {} characters"),
    "minimum": ("limit", "expected at least {}"),
    "maximum": ("limit", "expected at most {}"),
    "minItems": ("limit", "expected at least {} items"),
    "maxItems": ("limit", "expected at most {} items"),
}


def _expected(error: jsonschema_rs.ValidationError) -> str:
    """In the schema's words only: the library's own message quotes the value."""
    attribute, text = _EXPECTATIONS.get(error.kind.name, ("", ""))
    if not attribute:
        return "expected no item twice" if error.kind.name == "uniqueItems" else f"violates the rule {error.kind.name}"
    limit = getattr(error.kind, attribute)
    return text.format(", ".join(map(str, limit)) if isinstance(limit, list) else limit)
