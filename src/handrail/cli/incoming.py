"""Tasks given at the command line."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from handrail.cli import output
from handrail.kernel.errors import Fault, Invalid
from handrail.runbooks.delegated import IncomingTask


class TaskFile(BaseModel):
    """A task as a file spells it out."""

    model_config = ConfigDict(extra="forbid", strict=True)
    key: str = Field(min_length=1, max_length=128)
    runbook: str = Field(min_length=1, max_length=64)
    version: int = Field(ge=1)
    payload: dict[str, JsonValue]


def read_task(path: Path) -> IncomingTask:
    """The task in ``path``. Raises Invalid with a fault for each field that is missing, unknown or wrong."""
    try:
        task = TaskFile.model_validate(output.read_json_object(path))
    except ValidationError as error:
        faults = [Fault(".".join(map(str, e["loc"])), e["msg"]) for e in error.errors(include_url=False)]
        raise Invalid(f"{path} holds no task.", code="task-malformed", faults=faults) from None
    return IncomingTask(task.key, task.runbook, task.version, task.payload)
