"""The sections of handrail.toml that name a blob store."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from handrail.connectors.blobs.folder import FolderBlobs
from handrail.connectors.blobs.s3 import S3Blobs
from handrail.connectors.config import ConnectorConfig, ConnectorKind
from handrail.connectors.s3 import S3Section, open_bucket
from handrail.kernel.secrets import Secrets

_MAX_BYTES = 256 * 1024 * 1024


class BlobsConfig(ConnectorConfig):
    """``kind = "blobs"``: a folder of this machine."""

    kind: Literal["blobs"]
    folder: Path
    max_bytes: int = Field(default=_MAX_BYTES, ge=1)


class S3BlobsConfig(ConnectorConfig, S3Section):
    """``kind = "blobs-s3"``: a bucket."""

    kind: Literal["blobs-s3"]
    deadline_seconds: float = Field(default=10.0, gt=0, le=60, allow_inf_nan=False)
    max_bytes: int = Field(default=_MAX_BYTES, ge=1)


def open_folder(name: str, config: Any, _secrets: Secrets) -> FolderBlobs:
    return FolderBlobs(name, config.folder, max_bytes=config.max_bytes)


def open_s3(name: str, config: Any, secrets: Secrets) -> S3Blobs:
    """Calls nobody yet. Raises Misconfigured for a missing secret."""
    # Putting by digest twice does no harm, so one repeat is allowed; the time-outs are per phase.
    bucket = open_bucket(config, secrets, timeout_seconds=config.deadline_seconds, attempts=2)
    return S3Blobs(name, bucket, max_bytes=config.max_bytes)


KINDS = (ConnectorKind("blobs", BlobsConfig, open_folder), ConnectorKind("blobs-s3", S3BlobsConfig, open_s3))
