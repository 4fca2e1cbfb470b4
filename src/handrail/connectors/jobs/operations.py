"""What can be asked of a job runner."""

from __future__ import annotations

from typing import ClassVar

from pydantic import ConfigDict, Field, JsonValue

from handrail.connectors.operation import IdempotencyKey, Name, Operation


class Start(Operation):
    """Start ``job`` with ``parameters`` (``with`` in a definition). The key makes a repeated start harmless."""

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True)
    effect: ClassVar[bool] = True
    job: Name
    parameters: dict[str, JsonValue] = Field(default_factory=dict, validation_alias="with")
    idempotency_key: IdempotencyKey


class Poll(Operation):
    """How the job run ``id`` stands."""

    id: Name


class LookUp(Operation):
    """The job run that was started with this key, if there is one."""

    idempotency_key: IdempotencyKey
