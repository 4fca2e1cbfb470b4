"""Secrets by reference: configuration names where a secret is (``env:NAME``, ``file:PATH``), never what it is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from handrail.kernel.errors import Misconfigured

# A path may have spaces in it.
_REFERENCE = re.compile(r"env:(?P<env>\S+)|file:(?P<file>\S(?:[^\x00-\x1f]*\S)?)")
MAX_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True, repr=False)
class Secret:
    """A secret's value. Shown by accident it prints as ``***``; only ``reveal()`` gives the text."""

    _value: str

    def __repr__(self) -> str:
        return "***"

    def reveal(self) -> str:
        return self._value


@dataclass(frozen=True, slots=True)
class Secrets:
    """Resolves references against the environment that ``conf`` hands over, so that nothing else reads it."""

    environ: Mapping[str, str]

    def resolve(self, reference: str) -> Secret:
        """The secret behind ``env:NAME`` or ``file:PATH`` (trailing newlines cut).

        Raises Misconfigured when the reference is malformed, names nothing, is empty, or its file is over 64 KiB.
        The message names the reference, never the value.
        """
        match = _REFERENCE.fullmatch(reference)
        if match is None:
            raise Misconfigured("A secret must be given as env:NAME or file:PATH.", code="secret-reference")
        value = self.environ.get(match["env"], "") if match["env"] else _read(match["file"])
        if not value:
            raise Misconfigured(
                f"The secret {reference} is missing or empty. Set it, then run: handrail check.",
                code="secret-missing",
            )
        return Secret(value)


class KeptSecret:
    """A secret that is there from the start, and is read again once its file has changed: who rotates it restarts
    nothing. Safe to share between threads."""

    def __init__(self, reference: str, secrets: Secrets) -> None:
        """Raises Misconfigured as ``resolve`` does."""
        self._reference, self._secrets = reference, secrets
        seen = self._look()
        self._kept = seen, secrets.resolve(reference)

    @property
    def rotates(self) -> bool:
        """Whether another value may be there while this process runs."""
        return self._reference.startswith("file:")

    def current(self) -> Secret:
        """What the file holds now; while it is being replaced and can't be read, what it held before."""
        seen, secret = self._kept
        now = self._look()
        if now == seen or now is None:
            return secret
        try:
            secret = self._secrets.resolve(self._reference)
        except Misconfigured:
            return secret
        self._kept = now, secret
        return secret

    def _look(self) -> tuple[int, ...] | None:
        """What changes with the file, symbolic links followed; None where there is none."""
        if not self.rotates:
            return None
        try:
            found = Path(self._reference.removeprefix("file:")).stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _read(name: str) -> str:
    path = Path(name)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise Misconfigured(f"The secret file {name} is over {MAX_BYTES} bytes.", code="secret-too-large")
        return path.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(
            f"The secret file {name} can't be read: {type(error).__name__}.", code="secret-unreadable"
        ) from None
