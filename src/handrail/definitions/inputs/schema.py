"""What a delegated task must carry: closed, typed, bounded, and checked without repeating its content in errors."""

from __future__ import annotations

from collections.abc import Mapping
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


class TaskSchema:
    """The declared fields with their validators."""

    def __init__(self, fields: Mapping[str, TaskField]) -> None:
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
        _refuse_unknown(payload, self._types, faults)
        task = {name: self._field(name, payload, faults) for name in self._types}
        if not faults and _size(task) > MAX_BYTES:
            faults.append(Fault("task", f"more than {MAX_BYTES} bytes"))
        if faults:
            raise Invalid(f"The task is not what the runbook expects. First: {faults[0]}", code="task", faults=faults)
        return task

    def _field(self, name: str, payload: Mapping[str, Any], faults: list[Fault]) -> JsonValue:
        wanted, value = self._types[name], payload.get(name)
        if value is None and wanted.optional:
            return None
        if name not in payload:
            faults.append(Fault(f"task.{name}", "this field is required"))
            return None
        try:
            errors = list(self._validators[name].iter_errors(value))
        except ValueError:
            faults.append(Fault(f"task.{name}", "this is no JSON value"))
            return None
        faults += [Fault(dotted(["task", name, *error.instance_path]), _expected(error)) for error in errors[:10]]
        try:
            return value if errors else check(value, wanted)
        except ValueError as error:
            faults.append(Fault(f"task.{name}", str(error)))
            return None


def _refuse_unknown(payload: Mapping[str, Any], known: Variables, faults: list[Fault]) -> None:
    if unknown := sum(1 for name in payload if name not in known):
        expected = ", ".join(known)
        faults.append(Fault("task", f"{unknown} field(s) that the runbook does not declare; it declares: {expected}"))


def _size(task: dict[str, JsonValue]) -> int:
    return len(canonical_bytes(task))


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
        return "expected no item twice" if error.kind.name == "uniqueItems" else f"breaks the rule {error.kind.name}"
    limit = getattr(error.kind, attribute)
    return text.format(", ".join(map(str, limit)) if isinstance(limit, list) else limit)
