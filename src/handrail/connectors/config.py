"""The sections ``[connectors.NAME]`` of handrail.toml. Each folder adds its own kinds (``ConnectorKind``)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Protocol, Self, runtime_checkable
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from handrail.connectors.finding import Finding
from handrail.kernel.secrets import Secrets

MAX_DEADLINE_SECONDS = 60.0
MAX_BYTES = 64 * 1024 * 1024
_DEFAULT_PORTS = {"http": 80, "https": 443}

SecretReference = Annotated[str, StringConstraints(pattern=r"^(env:\S+|file:\S([^\x00-\x1f]*\S)?)$")]
HeaderName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{1,64}$")]


class Section(BaseModel):
    """A piece of handrail.toml: unknown fields are refused, and nothing is changed after it was read.

    ``renamed``: fields that had another name before, by that name. The old one is refused with the new one named.
    ``ended``: fields that an earlier version had, and that mean nothing any more. They are read over.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    renamed: ClassVar[Mapping[str, str]] = {}
    ended: ClassVar[frozenset[str]] = frozenset()

    @model_validator(mode="before")
    @classmethod
    def _without_what_ended(cls, given: Any) -> Any:
        if cls.ended and isinstance(given, Mapping):
            return {name: value for name, value in given.items() if name not in cls.ended}
        return given

    @model_validator(mode="before")
    @classmethod
    def _has_no_old_name(cls, given: Any) -> Any:
        for old, new in cls.renamed.items():
            if isinstance(given, Mapping) and old in given:
                raise ValueError(f"{old} is called {new} now")
        return given


class NoAuth(Section):
    kind: Literal["none"] = "none"


class BearerAuth(Section):
    """``Authorization: Bearer SECRET``."""

    kind: Literal["bearer"]
    secret: SecretReference


class BasicAuth(Section):
    """HTTP Basic. Where the key stands in for the user name (``username_secret``), the password may be left out."""

    kind: Literal["basic"]
    username: str | None = Field(default=None, min_length=1, pattern=r"^[^:\x00-\x1f]*$")
    username_secret: SecretReference | None = None
    secret: SecretReference | None = None

    @model_validator(mode="after")
    def _one_username(self) -> Self:
        if (self.username is None) == (self.username_secret is None):
            raise ValueError("give exactly one of username and username_secret")
        if self.username is not None and self.secret is None:
            raise ValueError("give secret, the reference of the password")
        return self


class HeaderAuth(Section):
    """A header of the target's own: ``name: prefix + SECRET``."""

    kind: Literal["header"]
    name: HeaderName
    secret: SecretReference
    prefix: str = Field(default="", max_length=64, pattern=r"^[\x20-\x7e]*$")


Auth = Annotated[NoAuth | BearerAuth | BasicAuth | HeaderAuth, Field(discriminator="kind")]


def split_origin(url: str) -> tuple[str, str, int]:
    """Scheme, lower-case host and port of an absolute http(s) URL. Raises ValueError for anything else."""
    parts = urlsplit(url)
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
        raise ValueError("must be an absolute http:// or https:// URL")
    if parts.username is not None or parts.password is not None:
        raise ValueError("must not carry a user name or password; use auth")
    return parts.scheme, parts.hostname.lower(), parts.port or _DEFAULT_PORTS[parts.scheme]


def is_default_port(scheme: str, port: int) -> bool:
    """Whether ``port`` is the one that goes without saying."""
    return _DEFAULT_PORTS.get(scheme) == port


def _checked(url: str) -> SplitResult:
    split_origin(url)
    parts = urlsplit(url)
    if parts.query or parts.fragment or not url.isascii() or any(c.isspace() for c in url):
        raise ValueError("must have no query, fragment, white space or non-ASCII character")
    return parts


def _base_url(url: str) -> str:
    return _checked(url).geturl().rstrip("/")


def _origin(url: str) -> str:
    if _checked(url).path not in {"", "/"}:
        raise ValueError("must be an origin: scheme, host and port, without a path")
    return url.rstrip("/")


Origin = Annotated[str, AfterValidator(_origin)]


def is_loopback(host: str) -> bool:
    """Whether a host is this machine itself."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


class ConnectorConfig(Section):
    """What every connector section has: its kind."""

    kind: str


class HttpConfig(ConnectorConfig):
    """What every connector that speaks HTTP has. Other kinds inherit from it."""

    base_url: Annotated[str, AfterValidator(_base_url)]
    allow: tuple[Origin, ...] = ()
    auth: Auth = NoAuth()
    deadline_seconds: float = Field(default=10.0, gt=0, le=MAX_DEADLINE_SECONDS, allow_inf_nan=False)
    max_bytes: int = Field(default=1024 * 1024, ge=1, le=MAX_BYTES)
    ca_file: Path | None = None
    allow_plain_http: bool = False

    @model_validator(mode="after")
    def _encrypted_off_this_machine(self) -> Self:
        for url in (self.base_url, *self.allow):
            scheme, host, _ = split_origin(url)
            if scheme == "http" and not self.allow_plain_http and not is_loopback(host):
                raise ValueError(
                    f"{url} is not encrypted; use https://, or set allow_plain_http = true if that network is trusted"
                )
        return self

    @property
    def origins(self) -> frozenset[tuple[str, str, int]]:
        """The origins (scheme, host, port) that may be called: that of ``base_url``, and those of ``allow``."""
        return frozenset(split_origin(url) for url in (self.base_url, *self.allow))


class CallLimits(Section):
    """How often a service may be called, over all workers on all machines. ``burst``: how many calls may come at once
    before they come evenly."""

    calls_at_once: int | None = Field(default=None, ge=1, le=1000)
    calls_a_second: float | None = Field(default=None, ge=0.1, le=10_000, allow_inf_nan=False)
    burst: int | None = Field(default=None, ge=1, le=10_000)

    @model_validator(mode="after")
    def _burst_of_something(self) -> Self:
        if self.burst is not None and self.calls_a_second is None:
            raise ValueError("burst means nothing without calls_a_second")
        return self

    @property
    def burst_size(self) -> int:
        """How many calls may come at once."""
        return self.burst or 1


class BreakerSettings(Section):
    """When the circuit breaker opens: after so many ``failures`` within ``window_seconds``, if they are also that
    ``share`` of the calls; and for how long, the first time and at most."""

    failures: int = Field(default=5, ge=1, le=1000)
    share: float | None = Field(default=None, gt=0, le=1, allow_inf_nan=False)
    window_seconds: float = Field(default=60.0, ge=1, le=3600, allow_inf_nan=False)
    open_seconds: float = Field(default=30.0, ge=0.1, le=3600, allow_inf_nan=False)
    most_open_seconds: float = Field(default=600.0, ge=0.1, le=86_400, allow_inf_nan=False)

    @model_validator(mode="after")
    def _first_is_not_longer(self) -> Self:
        if self.most_open_seconds < self.open_seconds:
            raise ValueError("most_open_seconds must be at least open_seconds")
        return self


@dataclass(frozen=True, slots=True)
class PassageSettings:
    """What calls through one connector have to pass."""

    limits: CallLimits
    breaker: BreakerSettings | None


class ServiceConfig(HttpConfig):
    """What every connector has that runs and packets read and call through: limits, and a circuit breaker."""

    limits: CallLimits | None = None
    breaker: BreakerSettings | None = None

    @property
    def passage(self) -> PassageSettings | None:
        """What calls have to pass; None where nothing is configured."""
        limits = self.limits or CallLimits()
        if self.breaker is None and limits == CallLimits():
            return None
        return PassageSettings(limits, self.breaker)


@runtime_checkable
class Connector(Protocol):
    """What every open connector has. What else it can do depends on its kind."""

    @property
    def name(self) -> str: ...

    @property
    def kind(self) -> str: ...

    def check(self) -> list[Finding]: ...


@dataclass(frozen=True, slots=True)
class ConnectorKind:
    """One value of ``kind``: its configuration model, and how to open it (name, configuration, secrets)."""

    name: str
    config: type[ConnectorConfig]
    open: Callable[[str, Any, Secrets], Connector]
