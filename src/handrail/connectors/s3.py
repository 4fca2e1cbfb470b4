"""One S3 bucket: its settings, its client, and what its errors mean."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    CredentialRetrievalError,
    EndpointConnectionError,
    NoCredentialsError,
    PartialCredentialsError,
)
from pydantic import Field, model_validator

from handrail.connectors.config import SecretReference, Section
from handrail.kernel.secrets import Secret, Secrets

_CREDENTIALS = (NoCredentialsError, PartialCredentialsError, CredentialRetrievalError)
_CERTAINLY_UNSENT = (EndpointConnectionError, ConnectTimeoutError, *_CREDENTIALS)


class S3ErrorKind(StrEnum):
    MISSING = "missing"
    TAKEN = "taken"
    DENIED = "denied"
    NOT_SENT = "not-sent"
    UNKNOWN = "unknown"


_BY_CODE = {
    **dict.fromkeys(("404", "NoSuchKey", "NotFound"), S3ErrorKind.MISSING),
    **dict.fromkeys(("PreconditionFailed", "412"), S3ErrorKind.TAKEN),
    **dict.fromkeys(
        ("AccessDenied", "403", "InvalidAccessKeyId", "SignatureDoesNotMatch", "NoSuchBucket"), S3ErrorKind.DENIED
    ),
}


class S3Failed(Exception):
    """``kind`` says what is certain; the message says the rest in one clause."""

    def __init__(self, kind: S3ErrorKind, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class S3Section(Section):
    """``endpoint`` is for stores other than Amazon's. Without keys boto3 looks for credentials where it always does:
    its environment variables, its files, the machine's role."""

    bucket: str = Field(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")
    prefix: str = Field(default="", pattern=r"^[A-Za-z0-9._/-]*$", max_length=200)
    region: str = Field(default="us-east-1", pattern=r"^[a-z0-9-]{1,40}$")
    endpoint: str | None = Field(default=None, pattern=r"^https?://[^\s/?#@]+/?$")
    access_key: SecretReference | None = None
    secret_key: SecretReference | None = None
    ca_file: Path | None = None

    @model_validator(mode="after")
    def _both_or_neither(self) -> Self:
        if (self.access_key is None) != (self.secret_key is None):
            raise ValueError("give both access_key and secret_key, or neither")
        return self


@dataclass(frozen=True, slots=True)
class Listed:
    """A page of keys. ``after``: where the next one begins, None behind the last."""

    keys: tuple[str, ...]
    after: str | None


class Bucket:
    """Objects of one bucket below one prefix. Safe to share between threads. Nobody is called before the first use."""

    def __init__(self, connect: Callable[[], Any], *, bucket: str, prefix: str) -> None:
        self._connect = connect
        self._bucket = bucket
        self._prefix = prefix
        self._lock = threading.Lock()
        self._client: Any = None

    def ask(self, operation: str, key: str, **more: Any) -> Any:
        """What the S3 operation answers. Raises S3Failed."""
        return self._call(operation, Key=self._prefix + key, **more)

    def names(self, prefix: str, *, at_most: int) -> list[str]:
        """The first objects below the bucket's prefix whose names begin so, without that prefix. Raises S3Failed."""
        found = self._call("list_objects_v2", Prefix=self._prefix + prefix, MaxKeys=at_most)
        return [str(one["Key"]).removeprefix(self._prefix) for one in found.get("Contents", [])]

    def about(self, operation: str) -> Any:
        """What an operation on the bucket itself answers. Raises S3Failed."""
        return self._call(operation)

    def listed(self, prefix: str, **more: Any) -> Listed:
        """One page of the keys below ``prefix``, without the bucket's own prefix. Raises S3Failed."""
        answer = self._call("list_objects_v2", Prefix=self._prefix + prefix, **more)
        keys = tuple(one["Key"].removeprefix(self._prefix) for one in answer.get("Contents", ()))
        return Listed(keys, answer.get("NextContinuationToken"))

    def _call(self, operation: str, **arguments: Any) -> Any:
        try:
            return getattr(self._connected(), operation)(Bucket=self._bucket, **arguments)
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code"))
            raise S3Failed(_BY_CODE.get(code, S3ErrorKind.UNKNOWN), "its bucket refused or failed") from None
        except _CREDENTIALS:
            said = "no credentials were found; give access_key and secret_key, or the machine a role"
            raise S3Failed(S3ErrorKind.NOT_SENT, said) from None
        except BotoCoreError as error:
            unsent = isinstance(error, _CERTAINLY_UNSENT)
            raise S3Failed(
                S3ErrorKind.NOT_SENT if unsent else S3ErrorKind.UNKNOWN, "its bucket did not answer as expected"
            ) from None

    def check(self) -> None:
        """Asks for the bucket itself: a missing object and a missing bucket look alike. Raises S3Failed."""
        try:
            self._call("head_bucket")
        except S3Failed as failed:
            if failed.kind is S3ErrorKind.MISSING:
                raise S3Failed(S3ErrorKind.DENIED, f"there is no bucket named {self._bucket}") from None
            raise

    def _connected(self) -> Any:
        with self._lock:
            if self._client is None:
                self._client = self._connect()
            return self._client


def open_bucket(config: S3Section, secrets: Secrets, *, timeout_seconds: float, attempts: int) -> Bucket:
    """Calls nobody yet; ``timeout_seconds`` is for each phase of each of ``attempts``. Raises Misconfigured."""
    keys = [_resolved(secrets, config.access_key), _resolved(secrets, config.secret_key)]

    def connect() -> Any:
        access_key, secret_key = (key.reveal() if key else None for key in keys)
        return boto3.session.Session().client(
            "s3",
            region_name=config.region,
            endpoint_url=config.endpoint,
            aws_access_key_id=access_key,
            aws_secret_access_key=secret_key,
            verify=str(config.ca_file) if config.ca_file else True,
            config=Config(
                connect_timeout=timeout_seconds,
                read_timeout=timeout_seconds,
                retries={"total_max_attempts": attempts},
                s3={"addressing_style": "path"} if config.endpoint else {},
                proxies={},
            ),
        )

    return Bucket(connect, bucket=config.bucket, prefix=config.prefix)


def _resolved(secrets: Secrets, reference: SecretReference | None) -> Secret | None:
    return secrets.resolve(reference) if reference else None
