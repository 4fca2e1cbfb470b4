"""The section ``[subject_keys]`` of handrail.toml."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from handrail.connectors.config import ConnectorConfig, ConnectorKind
from handrail.connectors.s3 import S3Section, open_bucket
from handrail.connectors.subjectkeys.folder import ConfiguredFolderKeys
from handrail.connectors.subjectkeys.s3 import S3Keys
from handrail.kernel.secrets import Secrets


class SubjectKeysConfig(ConnectorConfig):
    """``kind = "subject-keys"``: a folder of this machine, which must be there."""

    kind: Literal["subject-keys"]
    folder: Path


class S3SubjectKeysConfig(ConnectorConfig, S3Section):
    """``kind = "subject-keys-s3"``: a bucket without versioning."""

    kind: Literal["subject-keys-s3"]
    deadline_seconds: float = Field(default=5.0, gt=0, le=60, allow_inf_nan=False)


def open_folder(name: str, config: Any, _secrets: Secrets) -> ConfiguredFolderKeys:
    return ConfiguredFolderKeys(name, config.folder)


def open_s3(name: str, config: Any, secrets: Secrets) -> S3Keys:
    """Calls nobody yet. Raises Misconfigured for a missing secret."""
    bucket = open_bucket(config, secrets, timeout_seconds=config.deadline_seconds, attempts=2)
    return S3Keys(name, bucket)


KINDS = (
    ConnectorKind("subject-keys", SubjectKeysConfig, open_folder),
    ConnectorKind("subject-keys-s3", S3SubjectKeysConfig, open_s3),
)
