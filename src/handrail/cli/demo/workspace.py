"""Where the demo lives: a directory of its own with configuration, secrets, logs and an embedded PostgreSQL."""

from __future__ import annotations

import fcntl
import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from handrail.cli.demo import desk
from handrail.kernel.errors import Conflict
from handrail.packets.proof.keys import SigningKey
from handrail.sandbox.estate import PRACTICE_TOKENS

WORKSPACE = "practice"
WEB_PORT = 8000

_CONNECTORS = (
    # name, kind, path below the estate's URL, token
    ("tasks", "rest", "", "tasks"),
    ("registry", "rest", "/registry", "registry"),
    ("entitlements", "rest", "", "entitlements"),
    ("credentials", "rest", "", "credentials"),
    ("sync-jobs", "jobs", "", "sync-jobs"),
    ("roles", "scim", "/scim/v2", "roles"),
    ("control", "rest", "", "control"),
    ("cases", "rest", "", "cases"),
    ("federation", "rest", "", "federation"),
    ("federation-metadata", "saml", "", "federation"),
    ("attachments", "rest", "", "attachments"),
    ("vendor-lanes", "rest", "", "lane"),
)


@dataclass(frozen=True, slots=True)
class DemoWorkspace:
    directory: Path
    sandbox_port: int
    web_port: int

    @property
    def configuration(self) -> Path:
        return self.directory / "handrail.toml"

    @property
    def log(self) -> Path:
        """What the demo's processes print."""
        return self.directory / "processes.log"

    @property
    def estate(self) -> str:
        """Where the practice estate listens."""
        return f"http://127.0.0.1:{self.sandbox_port}"

    @property
    def url(self) -> str:
        """Where the pages are. Passkeys need a host name, so it is not an IP address."""
        return f"http://localhost:{self.web_port}/"


@contextmanager
def prepare(directory: Path) -> Iterator[DemoWorkspace]:
    """The demo's directory with its configuration written, held until the end. Raises Conflict while another runs."""
    directory = directory.resolve()
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Conflict(f"A demo is running in {directory} already. End it first.", code="demo-running") from None
        workspace = DemoWorkspace(directory, _free_port(0), _free_port(WEB_PORT))
        _write_secrets(directory / "secrets")
        workspace.configuration.write_text(_toml(workspace), encoding="utf-8")
        yield workspace


def _free_port(wanted: int) -> int:
    """``wanted`` if nobody listens there, else any port that is free now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError:
            return _free_port(0)
        port: int = probe.getsockname()[1]
        return port


def _write_secrets(directory: Path) -> None:
    directory.mkdir(mode=0o700, exist_ok=True)
    for name, token in PRACTICE_TOKENS.items():
        path = directory / name
        path.touch(mode=0o600)
        path.chmod(0o600)  # also where an earlier version left it open; `handrail check` names what others can read
        path.write_text(token + "\n", encoding="utf-8")


def _toml(workspace: DemoWorkspace) -> str:
    secrets = workspace.directory / "secrets"
    parts = [
        f"state_directory = {_quoted(workspace.directory)}",
        f'[web]\nport = {workspace.web_port}\nbase_url = "{workspace.url}"',
        "# A demo: what profiles want signed with a passkey is approved by a click, and everything says so.\n"
        "[approvals]\npractice = true",
        "[worker]\nconcurrency = 6\nlease_seconds = 5\nsweep_seconds = 1\npull_seconds = 5",
        f'[tasks]\npreset = "handrail"\nconnector = "tasks"\n'
        f'workspace = "{WORKSPACE}"\nwebhook_secret = {_secret(secrets / "webhook")}',
    ]
    parts += _packets(workspace)
    for name, kind, path, token in _CONNECTORS:
        seconds = 20 if name == "control" else 4  # the demo itself asks it, and may wait
        parts.append(
            f'[connectors.{name}]\nkind = "{kind}"\nbase_url = "{workspace.estate}{path}"\n'
            f"deadline_seconds = {seconds}\n"
            f'auth = {{ kind = "bearer", secret = {_secret(secrets / token)} }}'
        )
    parts.append(desk.text(workspace.estate, token=f"file:{secrets / 'desk'}"))
    return "\n\n".join(parts) + "\n"


def _quoted(text: object) -> str:
    """A basic string of TOML, which JSON's strings are too: a path may hold quotes and backslashes."""
    return json.dumps(str(text), ensure_ascii=False)


def _secret(path: Path) -> str:
    return _quoted(f"file:{path}")


def _packets(workspace: DemoWorkspace) -> list[str]:
    """Where packets come from and go to: the store of originals, that of cleared annexes, the vendor's lane."""
    lane = "vendor-signing-intake"
    return [
        "[release]\npoll_seconds = 1",
        f'[blobs]\nkind = "blobs"\nfolder = {_quoted(workspace.directory / "annexes")}',
        f'[connectors.evidence]\nkind = "blobs"\nfolder = {_quoted(workspace.directory / "evidence")}',
        f'[lanes.{lane}]\nkind = "http"\nbase_url = "{workspace.estate}"\npath = "/lane/{lane}"\n'
        "deadline_seconds = 10\n"
        f"reply_keys = {_quoted(vendor_keys(workspace.directory)[0])}\n"
        f'auth = {{ kind = "bearer", secret = {_secret(workspace.directory / "secrets" / "lane")} }}',
    ]


def vendor_keys(directory: Path) -> tuple[Path, Path]:
    """The vendor's public and private key for replies, made once: the lane's section names the public one."""
    public, private = directory / "vendor-replies.pem", directory / "secrets" / "vendor-replies"
    if not public.exists():
        key = SigningKey.generate()
        private.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        private.write_text(key.to_pem(), encoding="ascii")
        private.chmod(0o600)
        public.write_text(key.public.to_pem(), encoding="ascii")
    return public, private
