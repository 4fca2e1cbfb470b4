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
