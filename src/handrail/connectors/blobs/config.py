"""The sections of handrail.toml that name a blob store."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import boto3
from botocore.config import Config
from pydantic import Field

from handrail.connectors.blobs.folder import FolderBlobs
from handrail.connectors.blobs.s3 import S3Blobs
from handrail.connectors.config import ConnectorConfig, Kind, SecretReference
from handrail.kernel.secrets import Secrets

_MAX_BYTES = 256 * 1024 * 1024


class BlobsConfig(ConnectorConfig):
    """``kind = "blobs"``: a folder of this machine."""

    kind: Literal["blobs"]
    folder: Path
    max_bytes: int = Field(default=_MAX_BYTES, ge=1)


class S3BlobsConfig(ConnectorConfig):
    """``kind = "blobs-s3"``: a bucket. ``endpoint`` is for stores other than Amazon's."""

    kind: Literal["blobs-s3"]
    bucket: str = Field(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")
    prefix: str = Field(default="", pattern=r"^[A-Za-z0-9._/-]*$", max_length=200)
    region: str = Field(default="us-east-1", pattern=r"^[a-z0-9-]{1,40}$")
    endpoint: str | None = Field(default=None, pattern=r"^https?://[^\s/?#@]+/?$")
    access_key: SecretReference
    secret_key: SecretReference
    ca_file: Path | None = None
    deadline_seconds: float = Field(default=10.0, gt=0, le=60, allow_inf_nan=False)
    max_bytes: int = Field(default=_MAX_BYTES, ge=1)


def open_folder(name: str, config: Any, _secrets: Secrets) -> FolderBlobs:
    return FolderBlobs(name, config.folder, max_bytes=config.max_bytes)


def open_s3(name: str, config: Any, secrets: Secrets) -> S3Blobs:
    """Opens nothing yet. Raises Misconfigured for a missing secret."""
    client = boto3.client(
        "s3",
        region_name=config.region,
        endpoint_url=config.endpoint,
        aws_access_key_id=secrets.resolve(config.access_key).reveal(),
        aws_secret_access_key=secrets.resolve(config.secret_key).reveal(),
        verify=str(config.ca_file) if config.ca_file else True,
        # Putting by digest twice does no harm, so one repeat is allowed; the time-outs are per phase.
        config=Config(
            connect_timeout=config.deadline_seconds,
            read_timeout=config.deadline_seconds,
            retries={"total_max_attempts": 2},
            s3={"addressing_style": "path"} if config.endpoint else {},
            proxies={},
        ),
    )
    return S3Blobs(name, client, bucket=config.bucket, prefix=config.prefix, max_bytes=config.max_bytes)


KINDS = (Kind("blobs", BlobsConfig, open_folder), Kind("blobs-s3", S3BlobsConfig, open_s3))
