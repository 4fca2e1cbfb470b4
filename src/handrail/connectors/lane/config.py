"""The sections ``[lanes.NAME]`` of handrail.toml, one for each lane that a profile may name."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, assert_never

from pydantic import Field, TypeAdapter

from handrail.connectors.config import HttpConfig, Section
from handrail.connectors.http import Client
from handrail.connectors.lane.bucket import S3Lane
from handrail.connectors.lane.drop import DirectoryLane
from handrail.connectors.lane.intake import HttpLane
from handrail.connectors.lane.lane import Lane
from handrail.connectors.s3 import S3Section, open_bucket
from handrail.kernel.secrets import Secrets

_MAX_PACKAGE_BYTES = 256 * 1024 * 1024


class AnsweredLane(Section):
    """``reply_keys``: a PEM file with the receiver's public keys. Without it no reply of theirs is believed."""

    reply_keys: Path | None = None


class HttpLaneConfig(AnsweredLane, HttpConfig):
    """``path`` is the lane's own below ``base_url``, such as /lane/vendor-signing-intake."""

    kind: Literal["http"]
    path: str = Field(default="", pattern=r"^(/[A-Za-z0-9._~-]+)*$", max_length=500)
    deadline_seconds: float = Field(default=30.0, gt=0, le=60, allow_inf_nan=False)
    max_package_bytes: int = Field(default=_MAX_PACKAGE_BYTES, ge=1)


class DirectoryLaneConfig(AnsweredLane):
    kind: Literal["directory"]
    folder: Path
    deadline_seconds: float = Field(default=30.0, gt=0, le=60, allow_inf_nan=False)


class S3LaneConfig(AnsweredLane, S3Section):
    """The store must know conditional puts (If-None-Match)."""

    kind: Literal["s3"]
    deadline_seconds: float = Field(default=30.0, gt=0, le=60, allow_inf_nan=False)


AnyLane = HttpLaneConfig | DirectoryLaneConfig | S3LaneConfig
LANE: TypeAdapter[AnyLane] = TypeAdapter(Annotated[AnyLane, Field(discriminator="kind")])


def open_lane(name: str, config: AnyLane, secrets: Secrets) -> Lane:
    """Resolves secrets and reads CA files; calls nobody. Raises Misconfigured."""
    if isinstance(config, HttpLaneConfig):
        client = Client(config, secrets)
        return HttpLane(name, client, path=config.path, max_package_bytes=config.max_package_bytes)
    if isinstance(config, DirectoryLaneConfig):
        return DirectoryLane(name, config.folder, deadline_seconds=config.deadline_seconds)
    if isinstance(config, S3LaneConfig):
        # One attempt: a delivery whose answer is lost is asked about, never sent again.
        bucket = open_bucket(config, secrets, timeout_seconds=config.deadline_seconds / 2, attempts=1)
        return S3Lane(name, bucket, deadline_seconds=config.deadline_seconds)
    assert_never(config)
