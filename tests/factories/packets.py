"""A workspace with one tenant, one approved packet profile, the people who sign it, and the outside world in memory."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any, BinaryIO

from handrail.access import queries as access
from handrail.access.actor import Actor
from handrail.access.models import Tenant, User, Workspace
from handrail.connectors import lane as lanes
from handrail.connectors import registry
from handrail.connectors.blobs import FolderBlobs
from handrail.connectors.finding import Finding
from handrail.connectors.lane import ALL, Ability, ErrorKind, LaneFailed, LaneState, Receipt, bounded_replies
from handrail.connectors.operation import Operation
from handrail.connectors.outcome import Answer, Reading
from handrail.definitions.models import Definition
from handrail.definitions.states import DefinitionKind, DefinitionState
from handrail.kernel.canonical import digest_bytes
from handrail.kernel.clock import now
from handrail.packets import seen, settings
from handrail.packets.actions import assembling, delivering, releasing, seeing, votes
from handrail.packets.actions.assembling import Built, Requested
from handrail.packets.models import Packet, Revision
from handrail.packets.settings import PacketSettings
from tests.unit.packets.assembly.estate import GIVEN
from tests.unit.packets.assembly.estate import Estate as Sources
from tests.unit.packets.proof.making import KEY

LANE = "vendor-intake"
SIGNERS = {"ada": ["escalation-owner"], "ben": ["packet-signer", "privacy"], "cy": ["escalation-owner", "privacy"]}


@dataclass
class Records:
    """The connector behind every source: records by path, as ``Sources`` keeps them, read at the present time."""

    name: str
    sources: Sources
    kind: str = "rest"
    deadline_seconds: float = 1.0

    def read(self, operation: Operation, *, deadline_seconds: float | None = None) -> Reading:
        self.sources.at = now()
        return self.sources.read(self.name, operation)

    def call(self, operation: Operation, *, deadline_seconds: float | None = None) -> Answer:
        raise AssertionError("assembling a packet calls nothing")

    def check(self) -> list[Finding]:
        return []


@dataclass
class Attachments:
    """The attachment store."""

    name: str
    sources: Sources
    kind: str = "blobs"

    def put(self, content: bytes | BinaryIO) -> str:
        raise AssertionError("nothing is put where originals are")

    def open(self, digest: str) -> BinaryIO:
        return self.sources.open(digest)

    def exists(self, digest: str) -> bool:
        return digest in self.sources.blobs

    def size(self, digest: str) -> int:
        return len(self.sources.blobs[digest])

    def check(self) -> list[Finding]:
        return []


@dataclass
class Vendor:
    """The lane: takes each manifest once. ``script``: what the next deliveries meet instead of an answer.

    ``repeats``: what was sent again although it was there.
    ``forgets``: it keeps no memory of a withdrawal before the delivery.
    ``loses``: what becomes of a package as soon as it is there.
    ``lost``: it takes the package, and the answer gets lost. ``unheard``: nothing arrives, and nobody knows.
    """

    name: str = LANE
    kind: str = "memory"
    abilities: frozenset[Ability] = ALL
    deadline_seconds: float = 0.2
    packages: dict[str, bytes] = field(default_factory=dict)
    states: dict[str, LaneState] = field(default_factory=dict)
    notices: dict[str, list[str]] = field(default_factory=dict)
    calls: list[tuple[str, str]] = field(default_factory=list)
    script: list[str] = field(default_factory=list)
    repeats: list[str] = field(default_factory=list)
    forgets: bool = False
    loses: LaneState | None = None
    answers: dict[str, list[bytes]] = field(default_factory=dict)
    recalls: dict[str, list[bytes]] = field(default_factory=dict)

    def deliver(self, package: Path, manifest_digest: str) -> Receipt:
        self.calls.append(("deliver", manifest_digest))
        if manifest_digest in self.packages:
            self.repeats.append(manifest_digest)
        turn = self.script.pop(0) if self.script else "take"
        if turn in ErrorKind.__members__.values():
            raise LaneFailed("The lane failed as the test says.", ErrorKind(turn))
        if turn != "unheard" and self.states.setdefault(manifest_digest, LaneState.DELIVERED) is LaneState.DELIVERED:
            self.packages.setdefault(manifest_digest, package.read_bytes())
            self.states[manifest_digest] = self.loses or LaneState.DELIVERED
        if turn in ("lost", "unheard"):
            raise LaneFailed("No answer came.", ErrorKind.UNKNOWN)
        return self._receipt(manifest_digest)

    def status(self, manifest_digest: str) -> Receipt:
        self.calls.append(("status", manifest_digest))
        return self._receipt(manifest_digest)

    def withdraw(self, manifest_digest: str, reason: str) -> Receipt:
        self.calls.append(("withdraw", manifest_digest))
        if (
            self.states.get(manifest_digest, LaneState.ABSENT if self.forgets else LaneState.DELIVERED)
            is LaneState.DELIVERED
        ):
            self.states[manifest_digest] = LaneState.WITHDRAWN
        if manifest_digest in self.packages:
            self.notices.setdefault(manifest_digest, []).append(reason)
        return self._receipt(manifest_digest)

    def land(self, manifest_digest: str, package: bytes) -> None:
        """What was sent long ago arrives."""
        self.packages[manifest_digest] = package
        self.states[manifest_digest] = LaneState.DELIVERED

    def consume(self, manifest_digest: str) -> None:
        """The vendor opens it, unless it was taken back."""
        if self.states.get(manifest_digest) is LaneState.DELIVERED:
            self.states[manifest_digest] = LaneState.CONSUMED

    def replies(self, manifest_digest: str) -> tuple[bytes, ...]:
        self.calls.append(("replies", manifest_digest))
        return bounded_replies(self.answers.get(manifest_digest, []))

    def recall(self, manifest_digest: str, statement: bytes) -> None:
        self.calls.append(("recall", manifest_digest))
        kept = self.recalls.setdefault(manifest_digest, [])
        if statement not in kept:
            kept.append(statement)

    def check(self) -> list[Finding]:
        return []

    def _receipt(self, manifest_digest: str) -> Receipt:
        if manifest_digest not in self.states:
            return Receipt(LaneState.ABSENT)
        state = self.states[manifest_digest]
        if manifest_digest not in self.packages:
            return Receipt(state)
        number = list(self.states).index(manifest_digest) + 1
        return Receipt(state, f"RCPT-{number}", digest_bytes(self.packages[manifest_digest]))


@dataclass
class Packets:
    """Everything that a test of packets needs, in one place."""

    workspace: Workspace
    tenant: Tenant
    sources: Sources
    vendor: Vendor
    worker: Actor
    people: dict[str, User]

    def person(self, name: str) -> Actor:
        return access.person(f"{name}@example.com", self.workspace.slug)

    def inputs(self, **changes: Any) -> dict[str, Any]:
        return {**GIVEN, **changes}

    def assemble(self, by: str = "dee") -> Revision:
        """The next revision of the case, built."""
        return self.build(self.ask(by).id)

    def ask(self, by: str = "dee") -> Requested:
        """Asks for the packet of the case, or for its next revision."""
        packet = Packet.objects.first()
        if packet is None:
            return assembling.request(profile="outage-escalation", inputs=self.inputs(), by=self.person(by))
        return assembling.again(ref=packet.ref, reason="New evidence came in.", by=self.person(by))

    def build(self, revision_id: int) -> Revision:
        built = assembling.build(revision_id=revision_id, by=self.worker)
        assert isinstance(built, Built)
        return Revision.objects.select_related("packet", "assembly").get(pk=revision_id)

    def approve(self, revision: Revision, *names: str) -> None:
        """Each has seen everything, and approves."""
        for name in names:
            votes.approve(
                ref=revision.packet.ref,
                revision=revision.number,
                digest=revision.assembly.manifest_digest or "",
                by=self.person(name),
                seen=everything(revision),
            )
        revision.refresh_from_db()

    def see(self, revision: Revision, *names: str) -> None:
        """Each has seen everything, and approves nothing yet."""
        for name in names:
            seeing.mark(
                ref=revision.packet.ref,
                revision=revision.number,
                digests=everything(revision),
                by=self.person(name),
            )

    def release(self, revision: Revision, by: str = "ada") -> None:
        releasing.release(ref=revision.packet.ref, revision=revision.number, by=self.person(by))
        revision.refresh_from_db()

    def deliver(self, revision: Revision) -> None:
        delivering.deliver(revision_id=revision.pk, by=self.worker)
        revision.refresh_from_db()

    def released(self) -> Revision:
        revision = self.assemble()
        self.approve(revision, "ada", "ben")
        self.release(revision)
        return revision

    @property
    def packet(self) -> Packet:
        return Packet.objects.get()

    @property
    def newest(self) -> Revision:
        return Revision.objects.select_related("packet").order_by("-number")[0]


def everything(revision: Revision) -> list[str]:
    """The digests of all that has to be seen of a revision."""
    return list(seen.things(revision.assembly).values()) if hasattr(revision, "assembly") else []


def retire(kind: DefinitionKind) -> None:
    """Takes every definition of this kind out of force, so that another version can be."""
    active = Definition.objects.filter(kind=kind, state=DefinitionState.ACTIVE)
    active.update(state=DefinitionState.DEPRECATED, deprecated_at=now(), deprecated_by="owner@example.com")


@contextmanager
def connected(desk: Packets, **told: Any) -> Iterator[Packets]:
    """Handrail with this desk's outside world."""
    named = {name: Records(name, desk.sources) for name in ("cases", "registry", "federation", "attachments")}
    folder = Path(tempfile.mkdtemp(prefix="handrail-blobs-"))
    blobs = FolderBlobs("blobs", folder, max_bytes=10**8)
    connectors: dict[str, Any] = {**named, "evidence": Attachments("evidence", desk.sources)}
    quick = {"retry_first": timedelta(milliseconds=10), "poll_every": timedelta(milliseconds=10), "settle": timedelta()}
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        stack.enter_context(registry.use(registry.Registry(MappingProxyType(connectors))))
        stack.enter_context(lanes.use(lanes.Lanes({LANE: desk.vendor})))
        stack.enter_context(
            settings.use(PacketSettings(**{"blobs": blobs, "signing_key": lambda: KEY, **quick, **told}))
        )
        yield desk
