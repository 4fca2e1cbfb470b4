"""The ground of the operation models: what a definition may name, after its placeholders are filled in."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import BaseModel, ConfigDict, StringConstraints

# Sent as a header: visible ASCII only, so that no key can end the header and begin another.
IdempotencyKey = Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{1,255}$")]
# A path below the connector's base URL. It is checked again as a whole URL before anything is sent.
Path = Annotated[str, StringConstraints(pattern=r"^/[\x21-\x7e]*$", max_length=2000)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=256)]


class Operation(BaseModel):
    """Strict and closed: no coercion, no unknown field. ``effect`` says whether it may change the other side."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    effect: ClassVar[bool] = False
