"""What can be asked of a metadata source."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import StringConstraints, model_validator

from handrail.connectors.operation import Operation, Path

# SAML 2.0 core, section 8.3.6: at most 1024 characters.
EntityId = Annotated[str, StringConstraints(min_length=1, max_length=1024)]


class Metadata(Operation):
    """One entity: by ``entity_id`` out of the configured document, or the only one in the document at ``path``.

    With both, the entity of that name in the document at that path. With ``every``, all entities of that document, or
    of the configured one.
    """

    entity_id: EntityId | None = None
    path: Path | None = None
    every: bool = False

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.entity_id is None and self.path is None and not self.every:
            raise ValueError("give entity_id, path, or both; or every")
        if self.every and self.entity_id is not None:
            raise ValueError("every entity, or the one of entity_id, but not both")
        return self
