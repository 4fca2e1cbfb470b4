"""The sections ``[lanes.NAME]`` of handrail.toml, one for each lane that a profile may name."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self, assert_never

from pydantic import AfterValidator, Field, TypeAdapter, model_validator

from handrail.connectors.config import MAX_BYTES, HttpConfig, SecretReference, Section
from handrail.connectors.http import Client
from handrail.connectors.lane.bucket import S3Lane
from handrail.connectors.lane.drop import DirectoryLane
from handrail.connectors.lane.encryption import recipient
from handrail.connectors.lane.intake import HttpLane
from handrail.connectors.lane.lane import Lane
from handrail.connectors.lane.portal import PortalLane, PortalLaneConfig
from handrail.connectors.lane.sftp import SftpLane
from handrail.connectors.lane.ssh import HostPin, Login, private_key
from handrail.connectors.lane.upload import UploadSettings, open_upload
from handrail.connectors.s3 import S3Section, open_bucket
from handrail.kernel.secrets import KeptSecret, Secrets

_MAX_PACKAGE_BYTES = 256 * 1024 * 1024


def _recipient(text: str) -> str:
    recipient(text.strip())
    return text.strip()


class AnsweredLane(Section):
    """``reply_keys``: a PEM file with the receiver's public keys. Without it no reply of theirs is read.
    ``encrypt_to``: the keys that packages are encrypted to, in the age format; each of them can decrypt."""

    reply_keys: Path | None = None
    encrypt_to: tuple[Annotated[str, AfterValidator(_recipient)], ...] = Field(default=(), max_length=20)


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


def _host_key(text: str) -> str:
    HostPin.parse(text)
    return text


HostKey = Annotated[str, AfterValidator(_host_key)]


class SftpLaneConfig(AnsweredLane):
    """``host_keys``: each ``SHA256:…`` or a whole public key; several while the vendor changes to another one.
    ``folder``: relative to where the account is put by its server, or absolute."""

    kind: Literal["sftp"]
    host: str = Field(pattern=r"^[A-Za-z0-9._:-]{1,253}$")
    port: int = Field(default=22, ge=1, le=65_535)
    user: str = Field(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f]+$")
    folder: str = Field(default=".", min_length=1, max_length=500, pattern=r"^[^\x00-\x1f]+$")
    host_keys: tuple[HostKey, ...] = Field(min_length=1, max_length=10)
    key: SecretReference | None = None
    passphrase: SecretReference | None = None
    password: SecretReference | None = None
    deadline_seconds: float = Field(default=60.0, gt=0, le=300, allow_inf_nan=False)

    @model_validator(mode="after")
    def _one_way_to_log_in(self) -> Self:
        if (self.key is None) == (self.password is None):
            raise ValueError("give exactly one of key and password, each as a reference")
        if self.passphrase is not None and self.key is None:
            raise ValueError("passphrase means nothing without key")
        return self


class CasePortalConfig(AnsweredLane, PortalLaneConfig):
    """``preset``: a file of ``portals/``, over which the section is laid."""

    kind: Literal["portal"]
    deadline_seconds: float = Field(default=20.0, gt=0, le=60, allow_inf_nan=False)
    max_bytes: int = Field(default=4 * 1024 * 1024, ge=1024, le=MAX_BYTES)


class UploadLaneConfig(AnsweredLane, UploadSettings):
    """``origins``: where the addresses that people enter may lead."""

    kind: Literal["upload"]


AnyLane = CasePortalConfig | UploadLaneConfig | HttpLaneConfig | DirectoryLaneConfig | S3LaneConfig | SftpLaneConfig
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
    if isinstance(config, SftpLaneConfig):
        return _open_sftp(name, config, secrets)
    if isinstance(config, CasePortalConfig):
        return PortalLane(name, config, Client(config, secrets))
    if isinstance(config, UploadLaneConfig):
        return open_upload(name, config, secrets)
    assert_never(config)


def _open_sftp(name: str, config: SftpLaneConfig, secrets: Secrets) -> SftpLane:
    def kept(reference: str | None) -> KeptSecret | None:
        return KeptSecret(reference, secrets) if reference else None

    key, passphrase, password = kept(config.key), kept(config.passphrase), kept(config.password)

    def login() -> Login:
        if key is not None:
            opened = private_key(key.current().reveal(), passphrase.current().reveal() if passphrase else None)
            return Login(config.user, key=opened)
        return Login(config.user, password=password.current().reveal() if password else None)

    login()  # a key that can't be read is a mistake in the configuration
    pins = tuple(HostPin.parse(text) for text in config.host_keys)
    address = (config.host, config.port)
    return SftpLane(name, address, config.folder, pins=pins, login=login, deadline_seconds=config.deadline_seconds)
