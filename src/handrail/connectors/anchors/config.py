"""``[audit.witnesses.NAME]`` and ``[audit.timestamps.NAME]`` of handrail.toml."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from handrail.connectors.config import Auth, HttpConfig, NoAuth, Section

MAX_ANSWER = 64 * 1024


class _AnchorSection(Section):
    """``url``: of a witness its submission prefix, of a time-stamp service where requests are posted."""

    url: Annotated[str, AfterValidator(str.strip)] = Field(min_length=1, max_length=500)
    deadline_seconds: float = Field(default=5.0, gt=0, le=30, allow_inf_nan=False)
    ca_file: Path | None = None
    allow_plain_http: bool = False
    auth: Auth = NoAuth()

    @model_validator(mode="after")
    def _can_be_called(self) -> _AnchorSection:
        self.http()
        return self

    def http(self) -> HttpConfig:
        """What the client needs. Raises ValueError for an address that can't be called."""
        return HttpConfig(
            kind="anchor",
            base_url=self.url,
            deadline_seconds=self.deadline_seconds,
            ca_file=self.ca_file,
            allow_plain_http=self.allow_plain_http,
            auth=self.auth,
            max_bytes=MAX_ANSWER,
        )


class WitnessSection(_AnchorSection):
    """``key``: the witness's verifier key, name+id+key, of type 0x04 or 0x06."""

    key: str = Field(max_length=4000)


class TimestampSection(_AnchorSection):
    """``authorities``: a PEM file with the certificates that the service's chain may end at. ``policy``: dotted
    numbers; without it any policy of the service counts. ``every_seconds``: how often a checkpoint is stamped."""

    authorities: Path
    policy: str = Field(default="", pattern=r"^([0-9]{1,10}(\.[0-9]{1,20}){1,20})?$")
    every_seconds: float = Field(default=3600, ge=1, le=7 * 86_400)
