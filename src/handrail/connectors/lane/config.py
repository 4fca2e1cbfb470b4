"""The sections ``[lanes.NAME]`` of handrail.toml, one for each lane that a profile may name."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, assert_never

import boto3
from botocore.config import Config
from pydantic import Field, TypeAdapter

from handrail.connectors.config import HttpConfig, SecretReference, Section
from handrail.connectors.http import Client
from handrail.connectors.lane.bucket import S3Lane
from handrail.connectors.lane.drop import DirectoryLane
from handrail.connectors.lane.intake import HttpLane
from handrail.connectors.lane.lane import Lane
from handrail.kernel.secrets import Secrets

_MAX_PACKAGE_BYTES = 256 * 1024 * 1024


class HttpLaneConfig(HttpConfig):
    """``path`` is the lane's own below ``base_url``, such as /lane/vendor-signing-intake."""

    kind: Literal["http"]
    path: str = Field(default="", pattern=r"^(/[A-Za-z0-9._~-]+)*$", max_length=500)
    deadline_seconds: float = Field(default=30.0, gt=0, le=60, allow_inf_nan=False)
    max_package_bytes: int = Field(default=_MAX_PACKAGE_BYTES, ge=1)


class DirectoryLaneConfig(Section):
    kind: Literal["directory"]
    folder: Path


class S3LaneConfig(Section):
    """``endpoint`` is for stores other than Amazon's; they must know conditional puts (If-None-Match)."""

    kind: Literal["s3"]
    bucket: str = Field(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")
    prefix: str = Field(default="", pattern=r"^[A-Za-z0-9._/-]*$", max_length=200)
    region: str = Field(default="us-east-1", pattern=r"^[a-z0-9-]{1,40}$")
    endpoint: str | None = Field(default=None, pattern=r"^https?://[^\s/?#@]+/?$")
    access_key: SecretReference
    secret_key: SecretReference
    ca_file: Path | None = None
    deadline_seconds: float = Field(default=30.0, gt=0, le=60, allow_inf_nan=False)


AnyLane = HttpLaneConfig | DirectoryLaneConfig | S3LaneConfig
LANE: TypeAdapter[AnyLane] = TypeAdapter(Annotated[AnyLane, Field(discriminator="kind")])


def open_lane(name: str, config: AnyLane, secrets: Secrets) -> Lane:
    """Resolves secrets and reads CA files; calls nobody. Raises Misconfigured."""
    if isinstance(config, HttpLaneConfig):
        client = Client(config, secrets)
        return HttpLane(name, client, path=config.path, max_package_bytes=config.max_package_bytes)
    if isinstance(config, DirectoryLaneConfig):
        return DirectoryLane(name, config.folder)
    if isinstance(config, S3LaneConfig):
        return _s3(name, config, secrets)
    assert_never(config)


def _s3(name: str, config: S3LaneConfig, secrets: Secrets) -> S3Lane:
    client = boto3.client(
        "s3",
        region_name=config.region,
        endpoint_url=config.endpoint,
        aws_access_key_id=secrets.resolve(config.access_key).reveal(),
        aws_secret_access_key=secrets.resolve(config.secret_key).reveal(),
        verify=str(config.ca_file) if config.ca_file else True,
        # One attempt: a delivery whose answer is lost is asked about, never sent again.
        config=Config(
            connect_timeout=config.deadline_seconds / 2,
            read_timeout=config.deadline_seconds / 2,
            retries={"total_max_attempts": 1},
            s3={"addressing_style": "path"} if config.endpoint else {},
            proxies={},
        ),
    )
    return S3Lane(name, client, bucket=config.bucket, prefix=config.prefix, deadline_seconds=config.deadline_seconds)
