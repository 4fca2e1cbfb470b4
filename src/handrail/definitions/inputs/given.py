"""What somebody gives to begin an assembly: checked as a task is, told in its own words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import JsonValue

from handrail.definitions.inputs.format import TaskField
from handrail.definitions.inputs.schema import TaskSchema
from handrail.definitions.language.names import Variables
from handrail.kernel.errors import Fault, Invalid


class GivenSchema:
    """The declared values with their validators."""

    def __init__(self, fields: Mapping[str, TaskField]) -> None:
        self._schema = TaskSchema(fields)

    @property
    def variables(self) -> Variables:
        return self._schema.variables

    def validate(self, payload: Mapping[str, Any]) -> dict[str, JsonValue]:
        """The declared values, absent optional ones as None. Raises Invalid with a fault for each."""
        try:
            return self._schema.validate(payload)
        except Invalid as error:
            unknown = any(name not in self.variables for name in payload)
            faults = [_reworded(fault, self.variables, unknown=unknown) for fault in error.faults]
        raise Invalid(f"This does not begin an assembly. First: {faults[0]}", code="given", faults=faults)


def _reworded(fault: Fault, known: Variables, *, unknown: bool) -> Fault:
    if fault.where == "task":
        declared = f"holds a field that the profile does not declare; it declares: {', '.join(known)}"
        return Fault("given", declared if unknown else fault.message)
    return Fault("given." + fault.where.removeprefix("task."), fault.message)
