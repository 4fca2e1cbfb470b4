"""A lane for one upload address a packet, which the vendor gave for its case: one PUT, and nothing can be asked.

Who has the address can write there, so it is a secret, and appears in no message.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from handrail.connectors.config import HeaderName, HttpConfig, Origin, Section, is_loopback, split_origin
from handrail.connectors.finding import Finding
from handrail.connectors.http import Client
from handrail.connectors.http.urls import target_url
from handrail.connectors.lane.intake import failed_exchange
from handrail.connectors.lane.lane import (
    Ability,
    Addressee,
    ErrorKind,
    Lane,
    LaneFailed,
    LaneState,
    Receipt,
    UploadAddress,
)
from handrail.kernel.canonical import hexadecimal
from handrail.kernel.clock import now
from handrail.kernel.errors import Fault, Invalid, Misconfigured
from handrail.kernel.secrets import Secret, Secrets

_TAKEN = frozenset({200, 201, 204})
_MAX_BYTES = 256 * 1024 * 1024


class UploadSettings(Section):
    """``origins``: where upload addresses may lead. Whatever else a person enters is refused."""

    kind: Literal["upload"]
    origins: tuple[Origin, ...] = Field(min_length=1, max_length=20)
    headers: dict[HeaderName, str] = Field(default_factory=dict)
    deadline_seconds: float = Field(default=60.0, gt=0, le=60, allow_inf_nan=False)
    max_package_bytes: int = Field(default=_MAX_BYTES, ge=1)
    ca_file: Path | None = None
    allow_plain_http: bool = False

    @model_validator(mode="after")
    def _encrypted(self) -> Self:
        for origin in self.origins:
            scheme, host, _ = split_origin(origin)
            if scheme == "http" and not self.allow_plain_http and not is_loopback(host):
                raise ValueError(f"{origin} is not encrypted; use https://")
        return self


@dataclass(frozen=True, slots=True)
class UploadLane:
    """``address``: of one packet, once the lane is addressed. Safe to share between threads."""

    name: str
    settings: UploadSettings
    client: Client
    address: UploadAddress | None = None
    kind: str = "upload"
    abilities: frozenset[Ability] = frozenset()

    @property
    def deadline_seconds(self) -> float:
        return self.settings.deadline_seconds

    def addressed(self, to: Addressee) -> Lane:
        return replace(self, address=to.upload)

    def check_address(self, address: Secret) -> None:
        """Whether a packet may be sent there. Raises Invalid, which quotes nothing of it."""
        try:
            target_url("", frozenset(split_origin(origin) for origin in self.settings.origins), address.reveal())
        except (Misconfigured, ValueError):
            said = f"must be a whole URL of {', '.join(self.settings.origins)}"
            raise Invalid(
                f"The upload address {said}.", faults=[Fault("address", said)], code="upload-address"
            ) from None

    def deliver(self, package: Path, manifest_digest: str) -> Receipt:
        hexadecimal(manifest_digest)
        if self.address is None:
            raise LaneFailed("Enter the upload address that the vendor gave for this case.", ErrorKind.NOT_SENT)
        if self.address.expires_at <= now():
            said = f"{self.address.expires_at:%Y-%m-%d %H:%M} UTC"
            raise LaneFailed(
                f"The upload address expired on {said}. Ask the vendor for another one.", ErrorKind.NOT_SENT
            )
        if package.stat().st_size > self.settings.max_package_bytes:
            limit = f"The package is over max_package_bytes ({self.settings.max_package_bytes}) of this lane."
            raise LaneFailed(limit, ErrorKind.REFUSED)
        try:
            exchange = self.client.send(
                "PUT", self.address.url.reveal(), headers=self.settings.headers, content=package.read_bytes()
            )
        except Misconfigured:
            said = "The upload address can't be used. Enter another one."
            raise LaneFailed(said, ErrorKind.NOT_SENT) from None
        if exchange.failure is None and exchange.status in _TAKEN:
            return Receipt(LaneState.DELIVERED)
        error = failed_exchange(self.name, exchange)
        if error.kind is ErrorKind.REFUSED:  # another address may do
            said = f"{error.message} Ask the vendor for another upload address."
            raise LaneFailed(said, ErrorKind.BUSY)
        raise error

    def status(self, manifest_digest: str) -> Receipt:
        raise self._deaf(manifest_digest)

    def withdraw(self, manifest_digest: str, reason: str) -> Receipt:
        raise self._deaf(manifest_digest + reason[:0])

    def replies(self, manifest_digest: str) -> tuple[bytes, ...]:
        hexadecimal(manifest_digest)
        return ()

    def recall(self, manifest_digest: str, statement: bytes) -> None:
        raise self._deaf(manifest_digest + statement[:0].decode())

    def check(self) -> list[Finding]:
        """Calls nobody: each address is for one upload."""
        said = "Each packet has an upload address of its own, so nothing can be tried."
        return [Finding(self.name, ok=True, message=said)]

    def _deaf(self, manifest_digest: str) -> LaneFailed:
        hexadecimal(manifest_digest)
        said = f"The lane {self.name} can't be asked, and takes nothing back: a person has to ask the vendor."
        return LaneFailed(said, ErrorKind.UNKNOWN)


def open_upload(name: str, settings: UploadSettings, secrets: Secrets) -> UploadLane:
    config = HttpConfig(
        kind="upload",
        base_url=settings.origins[0],
        allow=settings.origins,
        deadline_seconds=settings.deadline_seconds,
        ca_file=settings.ca_file,
        allow_plain_http=settings.allow_plain_http,
    )
    return UploadLane(name, settings, Client(config, secrets))
