"""``handrail.toml``: an installation's configuration. Secrets are given by reference only."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import parse_qsl, urlsplit

from pydantic import Field, ValidationError, field_validator, model_validator

from handrail.connectors.anchors import TimestampSection, WitnessSection
from handrail.connectors.channels import MailSection, NotificationsSection, ResponderSection
from handrail.connectors.config import Section
from handrail.connectors.tasksystem import TaskSystemConfig
from handrail.kernel.errors import Fault, Misconfigured
from handrail.kernel.secrets import Secrets
from handrail.kernel.urls import SECURE_URL
from handrail.runbooks.timing import Timing

DEFAULT_FILE = "handrail.toml"


class DatabaseSection(Section):
    """``url`` names any PostgreSQL from 15 on; without it an embedded server runs in ``directory``.

    ``password`` refers to the role's password, which ``url`` may not hold. ``owner_url`` and ``owner_password`` are
    those of the role that owns the tables and migrates; without them the role of ``url`` does both.
    """

    url: str | None = None
    password: str | None = None
    owner_url: str | None = None
    owner_password: str | None = None
    directory: Path | None = None

    @field_validator("url", "owner_url")
    @classmethod
    def _without_password(cls, url: str | None) -> str | None:
        parts = urlsplit(url or "")
        if parts.password is not None or any(name == "password" for name, _ in parse_qsl(parts.query)):
            raise ValueError('a password is given by reference: password = "env:NAME" or "file:PATH", beside url')
        return url

    @model_validator(mode="after")
    def _owner_of_something(self) -> DatabaseSection:
        if self.owner_url and not self.url:
            raise ValueError("owner_url needs url: it is the same database, as the role that owns its tables")
        return self


class WebSection(Section):
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=1, le=65535)
    base_url: str | None = None
    allowed_hosts: tuple[str, ...] = ("127.0.0.1", "localhost")
    https: bool = False
    hsts_subdomains: bool = False
    hsts_preload: bool = False
    trusted_proxies: int = Field(default=0, ge=0, le=10)
    idle_minutes: int = Field(default=60, ge=2, le=720)
    proof_minutes: int = Field(default=15, ge=1, le=720)
    secret_key: str | None = None
    threads: int = Field(default=32, ge=2, le=64)
    metrics_secret: str | None = None


class WorkerSection(Section):
    """``lease_seconds``: how long after its last heartbeat a worker's runs are advanced by another."""

    renamed = {"takeover_seconds": "lease_seconds"}

    concurrency: int = Field(default=4, ge=1, le=64)
    lease_seconds: float = Field(default=20, ge=0.5, le=600)
    sweep_seconds: float = Field(default=5, ge=0.5, le=60)
    pull_seconds: float = Field(default=30, ge=1, le=3600)


_TIMING = Timing()


class TimingSection(Section):
    """Every wait and margin of the engine, of reports and of workers, but for ``worker.lease_seconds``."""

    ended = frozenset({"lost_task_seconds"})

    lease_margin_seconds: float = Field(default=_TIMING.lease_margin_seconds, ge=0.1, le=60)
    result_margin_seconds: float = Field(default=_TIMING.result_margin_seconds, ge=0.1, le=30)
    intent_margin_seconds: float = Field(default=_TIMING.intent_margin_seconds, ge=0.2, le=60)
    retry_after_ceiling_seconds: float = Field(default=_TIMING.retry_after_ceiling_seconds, ge=1, le=86_400)
    read_pause_seconds: float = Field(default=_TIMING.read_pause_seconds, ge=0.01, le=5)
    read_budget_seconds: float = Field(default=_TIMING.read_budget_seconds, ge=0, le=3600)
    read_interval_seconds: float = Field(default=_TIMING.read_interval_seconds, ge=0.01, le=600)
    survey_seconds: float = Field(default=_TIMING.survey_seconds, ge=0, le=120)
    short_wait_seconds: float = Field(default=_TIMING.short_wait_seconds, ge=0, le=5)
    in_process_wait_seconds: float = Field(default=_TIMING.in_process_wait_seconds, ge=0, le=30)
    subject_busy_seconds: float = Field(default=_TIMING.subject_busy_seconds, ge=0.1, le=600)
    reconcile_interval_seconds: float = Field(default=_TIMING.reconcile_interval_seconds, ge=0.1, le=60)
    reconcile_window_seconds: float = Field(default=_TIMING.reconcile_window_seconds, ge=1, le=3600)
    unexpected_error_wait_seconds: float = Field(default=_TIMING.unexpected_error_wait_seconds, ge=0.1, le=600)
    unexpected_error_ceiling_seconds: float = Field(default=_TIMING.unexpected_error_ceiling_seconds, ge=0.1, le=3600)
    report_wait_seconds: float = Field(default=_TIMING.report_wait_seconds, ge=0.1, le=600)
    report_ceiling_seconds: float = Field(default=_TIMING.report_ceiling_seconds, ge=0.1, le=86_400)
    report_window_seconds: float = Field(default=_TIMING.report_window_seconds, ge=60, le=90 * 86_400)
    report_grace_seconds: float = Field(default=_TIMING.report_grace_seconds, ge=0, le=60)
    reconnect_seconds: float = Field(default=_TIMING.reconnect_seconds, ge=0.1, le=60)
    limit_wait_seconds: float = Field(default=_TIMING.limit_wait_seconds, ge=0, le=30)
    limit_further_wait_seconds: float = Field(default=_TIMING.limit_further_wait_seconds, ge=0.1, le=60)

    @model_validator(mode="after")
    def _is_consistent(self) -> TimingSection:
        if self.intent_margin_seconds <= self.result_margin_seconds:
            raise ValueError(
                "intent_margin_seconds must be more than result_margin_seconds: a call needs time to begin"
            )
        for name in ("unexpected_error", "report"):
            if getattr(self, f"{name}_ceiling_seconds") < getattr(self, f"{name}_wait_seconds"):
                raise ValueError(f"{name}_ceiling_seconds must be at least {name}_wait_seconds")
        return self


AnchorName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,39}$")]


class AuditSection(Section):
    """``signing_key`` refers to an Ed25519 key in PEM, the same on every machine; without it one is made once in the
    state directory. ``second_signing_key``: an ML-DSA-44 key in PEM that signs too. ``verifier_keys``: public keys
    (name+id+key) whose checkpoints count besides. ``policy_file``: the quorum of witnesses, as a C2SP tlog-policy;
    without it all of ``witnesses``. ``quorum_seconds``: how long a checkpoint may wait for it."""

    origin: str = Field(default="handrail/audit", pattern=r"^[^\s+]{1,100}$")
    signing_key: str | None = None
    second_signing_key: str | None = None
    verifier_keys: tuple[str, ...] = ()
    seal_seconds: float = Field(default=30, ge=1, le=3600)
    policy_file: Path | None = None
    quorum_seconds: float = Field(default=900, ge=1, le=7 * 86_400)
    witnesses: dict[AnchorName, WitnessSection] = Field(default_factory=dict, max_length=60)
    timestamps: dict[AnchorName, TimestampSection] = Field(default_factory=dict, max_length=8)


class ApprovalsSection(Section):
    """How people show that an approval is theirs. ``minutes``: how long a passkey may take to sign one. ``practice``:
    a demo, in which a click does where a profile asks for more, and all that leaves says so. ``definitions``: what
    approving a definition takes."""

    minutes: int = Field(default=5, ge=1, le=60)
    practice: bool = False
    definitions: Literal["click", "second-factor", "passkey"] = "click"


class ReleaseSection(Section):
    """``signing_key`` refers to the release key (Ed25519, PKCS#8 PEM); without it the file that ``handrail keys
    generate`` makes in the state directory. ``key_ring``: the directory of public keys, current, retired and revoked.
    """

    ended = frozenset({"lost_task_seconds"})

    signing_key: str | None = None
    key_ring: Path | None = None
    poll_seconds: float = Field(default=60, ge=0.5, le=3600)
    settle_seconds: float = Field(default=60, ge=0, le=3600)
    assembly_lease_seconds: float = Field(default=30, ge=0.5, le=3600)
    intent_margin_seconds: float = Field(default=5, ge=0.1, le=300)


Share = Annotated[float, Field(ge=0, le=1)]


class ReviewSection(Section):
    """Which share of completed runs is drawn for a second look; by the names of runbooks where another one is."""

    share: Share = 0.02
    runbooks: dict[str, Share] = Field(default_factory=dict)


class CommandLineSection(Section):
    """``act_as``: whether ``--as EMAIL`` alone may decide in that member's name. Unless said, only on the embedded
    database, where anyone who can run a command can write every row anyway."""

    act_as: bool | None = None


class TokensSection(Section):
    """How many days an access token is valid: if nothing is said when it is made, and at most."""

    days: int = Field(default=90, ge=1, le=3660)
    max_days: int = Field(default=366, ge=1, le=3660)


class SingleSignOnSection(Section):
    """One OpenID Connect provider. ``only``: passwords are not taken any more. ``ca_file``: see connectors."""

    name: str = Field(min_length=1, max_length=40)
    issuer: str = Field(pattern=SECURE_URL, max_length=500)
    client_id: str = Field(min_length=1, max_length=191)
    client_secret: str
    also: tuple[Annotated[str, Field(pattern=SECURE_URL, max_length=500)], ...] = ()
    only: bool = False
    ca_file: Path | None = None


class Config(Section):
    state_directory: Path = Path("var")
    database: DatabaseSection = DatabaseSection()
    web: WebSection = WebSection()
    worker: WorkerSection = WorkerSection()
    timing: TimingSection = TimingSection()
    review: ReviewSection = ReviewSection()
    tasks: TaskSystemConfig | None = None
    task_systems: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,39}$")], TaskSystemConfig] = Field(
        default_factory=dict
    )
    audit: AuditSection = AuditSection()
    connectors: dict[str, dict[str, Any]] = Field(default_factory=dict)
    desk: dict[str, Any] | None = None
    release: ReleaseSection = ReleaseSection()
    approvals: ApprovalsSection = ApprovalsSection()
    single_sign_on: SingleSignOnSection | None = None
    cli: CommandLineSection = CommandLineSection()
    tokens: TokensSection = TokensSection()
    lanes: dict[str, dict[str, Any]] = Field(default_factory=dict)
    blobs: dict[str, Any] | None = None
    subject_keys: dict[str, Any] | None = None
    erasures: Path | None = None
    mail: MailSection | None = None
    notifications: NotificationsSection = NotificationsSection()
    responders: dict[str, ResponderSection] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _one_task_system_a_workspace(self) -> Config:
        bound: dict[str, str] = {}
        for name, system in self.known_task_systems.items():
            if (other := bound.setdefault(system.workspace, name)) != name:
                raise ValueError(
                    f"[{other}] and [{name}] are both of the workspace {system.workspace}; give each its own"
                )
        return self

    @property
    def known_task_systems(self) -> dict[str, TaskSystemConfig]:
        """Every task system, by its section."""
        single = {} if self.tasks is None else {"tasks": self.tasks}
        return single | {f"task_systems.{name}": system for name, system in self.task_systems.items()}


def decides_by_name(config: Config) -> bool:
    """Whether a decision at the command line needs no more than its member's name."""
    return config.database.url is None if config.cli.act_as is None else config.cli.act_as


def parse(text: str, *, name: str = DEFAULT_FILE) -> Config:
    """``text`` as configuration. Raises Misconfigured with one fault per wrong key."""
    try:
        return Config.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise Misconfigured(f"{name} is not valid TOML: {error}.", code="config-syntax") from None
    except ValidationError as error:
        faults = [Fault(".".join(map(str, e["loc"])), e["msg"]) for e in error.errors(include_url=False)]
        raise Misconfigured(f"{name} is wrong: {'; '.join(map(str, faults))}.", code="config", faults=faults) from None


@cache
def load() -> Config:
    """The installation's configuration: the file that ``HANDRAIL_CONFIG`` names, else ``./handrail.toml`` if present.

    ``DATABASE_URL``, ``DATABASE_OWNER_URL`` and ``HANDRAIL_STATE_DIR`` override the file.
    """
    path = find()
    config = parse(_read(path), name=str(path)) if path else Config()
    return _overridden(config, os.environ)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise Misconfigured(f"{path} is not UTF-8 (byte {error.start}).", code="config-syntax") from None
    except OSError as error:
        raise Misconfigured(f"{path} can't be read: {error.strerror}.", code="config-unreadable") from None


def find() -> Path | None:
    """The configuration file, or None when defaults hold. Raises Misconfigured when HANDRAIL_CONFIG names no file."""
    named = os.environ.get("HANDRAIL_CONFIG")
    path = Path(named or DEFAULT_FILE)
    try:
        there = path.is_file()
    except OSError as error:  # a name that is too long, a directory that this user may not look into
        raise Misconfigured(f"{path} can't be read: {error.strerror}.", code="config-unreadable") from None
    if named and not there:
        raise Misconfigured(f"HANDRAIL_CONFIG names {named}, which is not a file.", code="config-missing")
    return path if there else None


def _overridden(config: Config, environ: Mapping[str, str]) -> Config:
    changes: dict[str, Any] = {}
    if url := environ.get("DATABASE_URL"):
        found = {"url": url, "password": None, "owner_url": None, "owner_password": None}
        changes["database"] = config.database.model_copy(update=found)
    if owner := environ.get("DATABASE_OWNER_URL"):
        section = changes.get("database", config.database)
        changes["database"] = section.model_copy(update={"owner_url": owner, "owner_password": None})
    if directory := environ.get("HANDRAIL_STATE_DIR"):
        changes["state_directory"] = Path(directory)
    return config.model_copy(update=changes)


def secrets() -> Secrets:
    """Resolves ``env:`` and ``file:`` references against this process's environment."""
    return Secrets(os.environ)
