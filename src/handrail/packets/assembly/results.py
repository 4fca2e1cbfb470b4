"""What assembly gives: one revision as plain data and as bytes, with what must stay inside kept apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, Literal

from pydantic import JsonValue

from handrail.kernel.canonical import canonical_bytes, digest_bytes
from handrail.packets.assembly.snapshots import SourceSnapshot
from handrail.packets.sanitise.facts import AnnexFacts

Scope = Literal["revision", "field", "annex"]
REVISION = "revision"
# Of an artifact's id so much is kept.
ID_LIMIT = 300


@dataclass(frozen=True, slots=True)
class HoldClearance:
    """Somebody's decision on one hold as it stood: ``digest`` is the hold's, so that other facts need another decision.

    ``by`` is the person, ``role`` the one that let them; ``reason`` stays inside. ``masks``: the texts (see
    ``texts.TextGuard``) that it has masked instead of letting them leave; empty where it cleared the hold.
    """

    code: str
    target: str
    digest: str
    role: str
    by: str
    reason: str
    at: datetime
    masks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Hold:
    """Why something may not leave. ``target``: ``revision``, a field's path, ``timeline[3]``, or an annex's name.

    ``digest`` is an HMAC over the facts under the packet's salt: it tells two holds apart and gives nothing away.
    ``internal`` are the facts for those who decide; they and ``cleared.reason`` never leave. ``masks``: the roles that
    may mask what it found.
    """

    code: str
    scope: Scope
    target: str
    owner: str
    clears: tuple[str, ...]
    blocking: bool
    message: str
    released_by: str
    digest: str
    cleared: HoldClearance | None = None
    internal: Mapping[str, JsonValue] = field(default_factory=dict)
    masks: tuple[str, ...] = ()

    @property
    def blocks(self) -> bool:
        """Whether the revision can't be released because of it."""
        return self.blocking and self.cleared is None

    def document(self) -> dict[str, Any]:
        """As it stands in ``holds.json``."""
        cleared = self.cleared and {"role": self.cleared.role, "at": instant(self.cleared.at)}
        return {
            "code": self.code,
            "scope": self.scope,
            "target": self.target,
            "owner": self.owner,
            "clears": list(self.clears),
            "blocking": self.blocking,
            "says": self.message,
            "released_by": self.released_by,
            "digest": self.digest,
            "cleared": cleared,
        }


@dataclass(frozen=True, slots=True)
class Annex:
    """A cleared artifact. ``path`` is its name in the package; ``artifact`` and ``original_digest`` stay inside.

    ``facts``: what the packet says of it, None where its profile does not ask for that.
    """

    name: str
    type: str
    path: str
    media_type: str
    size: int
    cleared_digest: str
    sanitiser: str
    rule_version: str
    report: Mapping[str, Any]
    data: bytes
    artifact: str
    original_digest: str
    facts: AnnexFacts | None = None


@dataclass(frozen=True, slots=True)
class EarlierName:
    """The name that an artifact had in an earlier revision of its packet; ``artifact`` is its id."""

    artifact: str
    type: str
    name: str


@dataclass(frozen=True, slots=True)
class WithheldAnnex:
    """The marker of an artifact that stays inside: ``digest`` is salted. The rest is for those inside."""

    name: str
    type: str
    reason: str
    digest: str
    artifact: str
    original_digest: str | None
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class Assembled:
    """One revision. ``tables``: name to (version, digest). The three documents and the annexes leave, nothing else.

    ``masked``: the decisions that mask something in it.
    """

    profile: str
    profile_version: int
    profile_digest: str
    schema_digest: str
    lane: str
    tlp: str
    recipients: tuple[str, ...]
    packet: Mapping[str, Any]
    trace: Mapping[str, Any]
    holds: tuple[Hold, ...]
    annexes: tuple[Annex, ...]
    held: tuple[WithheldAnnex, ...]
    snapshots: Mapping[str, SourceSnapshot]
    tables: Mapping[str, tuple[int, str]]
    at: datetime
    masked: tuple[HoldClearance, ...] = ()

    @cached_property
    def packet_bytes(self) -> bytes:
        """``packet.json``: canonical JSON."""
        return canonical_bytes(self.packet)

    @cached_property
    def trace_bytes(self) -> bytes:
        """``trace.json``: canonical JSON."""
        return canonical_bytes(self.trace)

    @cached_property
    def holds_bytes(self) -> bytes:
        """``holds.json``: canonical JSON, in the order of code and target."""
        return canonical_bytes({"holds": [hold.document() for hold in self.holds]})

    @property
    def blocking(self) -> tuple[Hold, ...]:
        """The holds for which it can't be released: it is ``held`` while there are any, else ``in_review``."""
        return tuple(hold for hold in self.holds if hold.blocks)

    @property
    def documents(self) -> Mapping[str, bytes]:
        """What leaves, by its path in the package."""
        annexes = {annex.path: annex.data for annex in self.annexes}
        return {
            "packet.json": self.packet_bytes,
            "trace.json": self.trace_bytes,
            "holds.json": self.holds_bytes,
            **annexes,
        }

    @cached_property
    def digests(self) -> Mapping[str, str]:
        """``sha256:…`` of each document, by path."""
        return {path: digest_bytes(data) for path, data in self.documents.items()}


def instant(value: datetime) -> str:
    """RFC 3339, UTC, six digits of the second: the one spelling of the proof as well."""
    return value.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
