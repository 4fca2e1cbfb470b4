"""What witnesses have cosigned of the log, and whether its newest checkpoint has the quorum.

``CF-…`` are clauses of docs/reference/checkpoint-format.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography.exceptions import InvalidSignature

from handrail.audit import anchors, checkpoint, merkle, store
from handrail.audit.anchors import AnchorState
from handrail.audit.checkpoint import KEY_ID_BYTES, LogCheckpoint
from handrail.audit.cosignature import CosignerKey
from handrail.audit.differences import Difference, DifferenceKind
from handrail.audit.models import AuditCheckpoint, Cosignature
from handrail.kernel.clock import now
from handrail.kernel.errors import Invalid

# How many cosigned checkpoints, the newest first, are looked at for one with the quorum.
LOOKED_AT = 100
# How far a witness's clock may be from ours.
TOLERANCE = timedelta(minutes=5)
CHUNK = 500


@dataclass(frozen=True, slots=True)
class QuorumStatus:
    """``configured``: a checkpoint needs cosignatures at all. ``reached``: the newest has them. ``size`` and ``at``: of
    the newest checkpoint that has; None without one. ``waiting_since``: when the first checkpoint was signed that is
    newer than that; None when there is none. ``late``: it waits for longer than it may. ``by``: who has cosigned the
    newest checkpoint, ``missing``: who has not."""

    configured: bool
    reached: bool
    size: int | None
    at: datetime | None
    waiting_since: datetime | None
    late: bool
    by: tuple[str, ...]
    missing: tuple[str, ...]
    anchors: tuple[AnchorState, ...] = ()

    @property
    def message(self) -> str:
        """One sentence."""
        if not self.configured:
            return "No witnesses are asked for."
        if self.reached:
            return "The newest checkpoint has the quorum of its witnesses."
        before = f"the last one that had covers {self.size} leaves" if self.size is not None else "none ever had"
        since = f" since {self.waiting_since:%Y-%m-%d %H:%M} UTC" if self.waiting_since else ""
        return f"The newest checkpoint has lacked the quorum of its witnesses{since}; {before}."


class WrongCosignature(Invalid):
    """``time``: the signature is right, and its time can't be."""

    code = "cosignature"

    def __init__(self, message: str, *, time: bool = False) -> None:
        super().__init__(message)
        self.time = time


def accepted(lines: str, signed: AuditCheckpoint, key: CosignerKey) -> tuple[str, int] | None:
    """Of what a witness has answered, its signature line and the time in it; None when none is by ``key``: others are
    passed over (tlog-witness, "add-checkpoint").

    Raises WrongCosignature, and Invalid for what is not a signature line.
    """
    of = LogCheckpoint(checkpoint.parse(signed.text).checkpoint.origin, signed.size, bytes(signed.root))
    for text, (name, blob) in zip(lines.split("\n"), checkpoint.signature_lines(lines), strict=False):
        if (name, blob[:KEY_ID_BYTES]) != (key.name, key.key_id()):
            continue
        try:
            seconds = key.time_of(blob[KEY_ID_BYTES:], of)  # CF-54
        except InvalidSignature:
            raise WrongCosignature("The witness's signature is not over this checkpoint, or not by its key.") from None
        earliest, latest = (signed.at - TOLERANCE).timestamp(), (now() + TOLERANCE).timestamp()
        if not earliest <= seconds <= latest:  # CF-55
            message = "The witness names a time before the checkpoint was signed, or one that is still to come."
            raise WrongCosignature(message, time=True)
        return text, seconds
    return None


def keep(signed: AuditCheckpoint, key: CosignerKey, line: str, seconds: int) -> None:
    """Adds a cosignature that was ``accepted``; one that is there already stays."""
    row = Cosignature(
        size=signed.size, name=key.name, key_id=key.key_id().hex(), line=line, timestamp=seconds, at=now()
    )
    Cosignature.objects.bulk_create([row], ignore_conflicts=True)


def newest_size(key: CosignerKey) -> int:
    """The largest size that this witness has cosigned, as far as is known here; 0 for none."""
    rows = Cosignature.objects.filter(name=key.name, key_id=key.key_id().hex()).order_by("-size")
    return rows.values_list("size", flat=True).first() or 0


def has(size: int, key: CosignerKey) -> bool:
    return Cosignature.objects.filter(size=size, name=key.name, key_id=key.key_id().hex()).exists()


def proof_from(size: int, to: int) -> tuple[bytes, ...]:
    """The consistency proof that a witness asks for (CF-17)."""
    return merkle.consistency_proof(size, to, store.node_at)


def text_of(signed: AuditCheckpoint) -> str:
    """The checkpoint with all cosignatures that are kept of it and hold."""
    lines = [
        row.line for row in Cosignature.objects.filter(size=signed.size).order_by("pk") if _wrong(row, signed) is None
    ]
    return checkpoint.with_lines(signed.text, lines)


def by_whom(signed: AuditCheckpoint) -> tuple[CosignerKey, ...]:
    """The witnesses known here that have cosigned this checkpoint, each signature verified again."""
    known = {(key.name, key.key_id().hex()): key for key in anchors.trust.get().known_keys()}
    rows = Cosignature.objects.filter(size=signed.size).order_by("pk")
    found = [known[row.name, row.key_id] for row in rows if (row.name, row.key_id) in known and not _wrong(row, signed)]
    return tuple(dict.fromkeys(found))


def quorum() -> QuorumStatus:
    """Reads no leaf."""
    trust, newest = anchors.trust.get(), store.latest()
    states = tuple(anchors.states())
    if trust.policy.quorum is None or newest is None:
        return QuorumStatus(trust.policy.quorum is not None, False, None, None, None, False, (), (), states)
    by = by_whom(newest)
    cosigned = newest if trust.policy.is_reached(by) else _last_with_quorum(newest.size)
    first = AuditCheckpoint.objects.filter(size__gt=cosigned.size if cosigned else 0).order_by("size").first()
    since = first.at if first else None
    return QuorumStatus(
        configured=True,
        reached=cosigned is newest,
        size=cosigned.size if cosigned else None,
        at=cosigned.at if cosigned else None,
        waiting_since=since,
        late=since is not None and now() - since > trust.late,
        by=tuple(key.name for key in by),
        missing=tuple(key.name for key in trust.policy.witnesses.values() if key not in by),
        anchors=states,
    )


def differences() -> Iterator[Difference]:
    """CF-56: every cosignature that is kept is of a checkpoint that is kept, and right as far as its key is known."""
    for row in Cosignature.objects.order_by("size", "pk").iterator(chunk_size=CHUNK):
        signed = AuditCheckpoint.objects.filter(size=row.size).first()
        message = "there is no such checkpoint" if signed is None else _wrong(row, signed)
        if message is not None:
            text = f"The cosignature by {row.name} over {row.size} leaves doesn't hold: {message}."
            yield Difference(DifferenceKind.COSIGNATURE, text, row.size)


def _last_with_quorum(below: int) -> AuditCheckpoint | None:
    sizes = Cosignature.objects.filter(size__lt=below).order_by("-size").values_list("size", flat=True).distinct()
    policy = anchors.trust.get().policy
    for size in sizes[:LOOKED_AT]:
        signed = AuditCheckpoint.objects.filter(size=size).first()
        if signed is not None and policy.is_reached(by_whom(signed)):
            return signed
    return None


def _wrong(row: Cosignature, signed: AuditCheckpoint) -> str | None:
    """What is wrong with a cosignature that is kept; None when it holds, or its key is not known here any more."""
    known = {(key.name, key.key_id().hex()): key for key in anchors.trust.get().known_keys()}
    try:
        found = checkpoint.signature_lines(f"{row.line}\n")
    except Invalid:
        return "it is not a signature line"
    name, blob = found[0]
    if (name, blob[:KEY_ID_BYTES].hex()) != (row.name, row.key_id):
        return "it is kept under another key"
    key = known.get((row.name, row.key_id))
    if key is None:
        return None
    try:
        seconds = key.time_of(blob[KEY_ID_BYTES:], checkpoint.parse(signed.text).checkpoint)
    except (InvalidSignature, Invalid):
        return "its signature is wrong"
    return None if seconds == row.timestamp else "it is kept with another time"
