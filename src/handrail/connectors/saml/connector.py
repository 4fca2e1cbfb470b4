"""Metadata over HTTP or from a file, signed where a certificate is configured."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path as FilePath
from typing import Any, Literal

from cryptography import x509
from lxml import etree
from pydantic import Field, JsonValue

from handrail.connectors.config import MAX_BYTES, ConnectorConfig, ConnectorKind, ServiceConfig
from handrail.connectors.finding import Finding
from handrail.connectors.http import Client, probe, read_failed, retry_after_seconds
from handrail.connectors.http.freshness import age_seconds
from handrail.connectors.operation import Operation, Path, not_mine
from handrail.connectors.outcome import Answer, ReadFailed, Reading
from handrail.connectors.saml.document import CERTIFICATE_FAULTS, MetadataRefused, trusted_root
from handrail.connectors.saml.entity import describe, describe_every, find_entity
from handrail.connectors.saml.operations import Metadata
from handrail.kernel import keyfiles
from handrail.kernel.canonical import digest_bytes
from handrail.kernel.clock import now
from handrail.kernel.errors import Invalid, Misconfigured
from handrail.kernel.secrets import Secrets

_OK = 200
_FILE_DEADLINE_SECONDS = 10.0
_MAX_AGE_SECONDS = 366 * 86_400.0
_DEFAULT_MAX_BYTES = 16 * 1024 * 1024  # a national federation's aggregate has tens of megabytes; most have less

# path, deadline in seconds → the document's bytes, and how many seconds old they are. Raises ReadFailed.
Fetch = Callable[[str | None, float | None], tuple[bytes, float]]


class SamlConfig(ServiceConfig):
    """``kind = "saml"``: metadata over HTTP. ``metadata_path`` is the document that entities are looked up in.

    ``certificate_file``: PEM of the federation's signing certificate; with it, unsigned metadata is refused.
    """

    kind: Literal["saml"]
    metadata_path: Path = "/"
    certificate_file: FilePath | None = None
    max_bytes: int = Field(default=_DEFAULT_MAX_BYTES, ge=1, le=MAX_BYTES)


class SamlFileConfig(ConnectorConfig):
    """``kind = "saml-file"``: metadata that somebody else keeps up to date in ``file``."""

    kind: Literal["saml-file"]
    file: FilePath
    certificate_file: FilePath | None = None
    max_bytes: int = Field(default=_DEFAULT_MAX_BYTES, ge=1, le=MAX_BYTES)


class SamlConnector:
    """One configured source of metadata. Safe to share between threads."""

    kind = "saml"

    def __init__(
        self,
        name: str,
        fetch: Fetch,
        *,
        certificate: x509.Certificate | None,
        max_bytes: int,
        deadline_seconds: float,
        check: Callable[[], Finding],
    ) -> None:
        self.name = name
        self.deadline_seconds = deadline_seconds
        self._fetch = fetch
        self._certificate = certificate
        self._max_bytes = max_bytes
        self._check = check

    def read(self, operation: Operation, *, deadline_seconds: float | None = None) -> Reading:
        """The entity as ``entity.describe`` has it; ``version`` and ``digest`` are those of the document's bytes.
        With ``every``: ``{signed, entities}``.

        Metadata is published to be cached, and says itself how long it is valid. So what a cache gave out is taken, and
        ``read_at`` is when the cache had it. Raises ReadFailed; its ``code`` says what was wrong with the document.
        """
        if not isinstance(operation, Metadata):
            raise not_mine(self.name, self.kind, operation)
        data, age = self._fetch(operation.path, deadline_seconds)
        at = now()
        try:
            root = trusted_root(data, certificate=self._certificate, max_bytes=self._max_bytes, at=at)
            value = _described(root, operation, at, signed=self._certificate is not None)
        except MetadataRefused as error:
            failed = ReadFailed(f"{self.name} could not be read: {error.message}", status=_OK, retryable=False)
            failed.code = error.code
            raise failed from None
        digest = digest_bytes(data)
        return Reading(value=value, version=digest, digest=digest, status=_OK, read_at=at - timedelta(seconds=age))

    def call(self, operation: Operation, *, deadline_seconds: float | None = None) -> Answer:
        """Metadata is only ever read. Raises Misconfigured, whatever the deadline."""
        del deadline_seconds
        raise not_mine(self.name, self.kind, operation)

    def check(self) -> list[Finding]:
        """Whether the document can be had; and the dates of the certificate, of which only the key counts."""
        findings = [self._check()]
        ends_at = self._certificate.not_valid_after_utc if self._certificate is not None else None
        if ends_at is not None and ends_at <= now():
            expired = f"certificate_file expired on {ends_at:%Y-%m-%d}; its key still counts."
            fix = "Ask the federation whether it still signs with this key."
            findings.append(Finding(self.name, ok=True, message=expired, fix=fix))
        return findings


def _described(root: etree._Element, asked: Metadata, at: datetime, *, signed: bool) -> dict[str, JsonValue]:
    if asked.every:
        return {"signed": signed, "entities": [*describe_every(root, at, signed=signed)]}
    return describe(find_entity(root, asked.entity_id, at), at, signed=signed)


def open_http(name: str, config: Any, secrets: Secrets) -> SamlConnector:
    """A connector for a SamlConfig. Raises Misconfigured for a missing secret, CA or certificate file."""
    client = Client(config, secrets)

    def fetch(path: str | None, deadline_seconds: float | None) -> tuple[bytes, float]:
        exchange = client.send("GET", path or config.metadata_path, deadline_seconds=deadline_seconds)
        if exchange.failure is not None or exchange.status != _OK or not exchange.body:
            wait = retry_after_seconds(exchange.headers.get("retry-after"), now())
            answer = Answer(
                exchange.status, failure=exchange.failure, retry_after_seconds=wait, may_pass=exchange.may_pass
            )
            raise read_failed(name, answer)
        return exchange.body, min(age_seconds(exchange.headers), _MAX_AGE_SECONDS)

    return SamlConnector(
        name,
        fetch,
        certificate=_certificate(config.certificate_file),
        max_bytes=config.max_bytes,
        deadline_seconds=config.deadline_seconds,
        check=lambda: probe(name, client, config.metadata_path, must_exist=True),
    )


def open_file(name: str, config: Any, _secrets: Secrets) -> SamlConnector:
    """A connector for a SamlFileConfig. Raises Misconfigured for a missing certificate file."""

    def fetch(path: str | None, _deadline_seconds: float | None) -> tuple[bytes, float]:
        if path is not None:
            raise Misconfigured(f"The connector {name} reads one file; ask by entity_id only.", code="wrong-connector")
        try:
            return _read_file(config.file, config.max_bytes), 0.0
        except OSError as error:
            raise ReadFailed(
                f"{name} could not be read: its file can't be opened ({error.strerror}).", retryable=False
            ) from None

    def check() -> Finding:
        try:
            fetch(None, None)
        except ReadFailed as error:
            return Finding(name, ok=False, message=error.message, fix="Check file and who may read it.")
        return Finding(name, ok=True, message="The metadata file can be read.")

    return SamlConnector(
        name,
        fetch,
        certificate=_certificate(config.certificate_file),
        max_bytes=config.max_bytes,
        deadline_seconds=_FILE_DEADLINE_SECONDS,
        check=check,
    )


def _read_file(path: FilePath, max_bytes: int) -> bytes:
    # One byte more than allowed is read, so that the parser's own limit refuses it and says so.
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as stream:
        if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
            raise OSError(0, "not a regular file")
        return stream.read(max_bytes + 1)


def _certificate(path: FilePath | None) -> x509.Certificate | None:
    if path is None:
        return None
    try:
        text = keyfiles.text_of(path.read_bytes(), name=f"certificate_file {path}")
        found = [one.der for one in keyfiles.blocks(text) if one.label in keyfiles.CERTIFICATES]
        certificate = x509.load_der_x509_certificate(found[0] or b"")
        certificate.public_key()
    except Invalid as error:
        raise Misconfigured(error.message, code="certificate-unreadable") from None
    except (OSError, IndexError, *CERTIFICATE_FAULTS):
        raise Misconfigured(
            f"certificate_file {path} can't be read as a PEM certificate.", code="certificate-unreadable"
        ) from None
    return certificate


KINDS = (ConnectorKind("saml", SamlConfig, open_http), ConnectorKind("saml-file", SamlFileConfig, open_file))
