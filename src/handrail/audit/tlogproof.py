"""``.tlog-proof`` files: one leaf, its way to a checkpoint, and the cosignatures: https://c2sp.org/tlog-proof.

    c2sp.org/tlog-proof@v1
    extra <base64 of the leaf itself>
    index 41
    <base64 of a sibling, from the leaf upwards>

    <the checkpoint with its signature lines>

``extra`` is not authenticated. Handrail puts the leaf there, which a reader needs to compute its hash: the hash is what
authenticates it. ``CF-…`` are clauses of docs/reference/checkpoint-format.md.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass

from handrail.audit import checkpoint, merkle
from handrail.audit.checkpoint import LogCheckpoint, NoteKey, decode
from handrail.audit.cosignature import CosignerKey
from handrail.audit.policy import TrustPolicy
from handrail.kernel.errors import Fault, Invalid

FIRST_LINE = "c2sp.org/tlog-proof@v1"
MAX_PATH = 63
MAX_BYTES = 8 * 1024 * 1024

_INDEX = re.compile(r"index (0|[1-9][0-9]{0,18})")


@dataclass(frozen=True, slots=True)
class TlogProof:
    """``extra``: opaque; a leaf, when Handrail has written it. ``checkpoint``: the signed note."""

    index: int
    path: tuple[bytes, ...]
    checkpoint: str
    extra: bytes = b""


@dataclass(frozen=True, slots=True)
class ProvenLeaf:
    """What a proof proves: ``leaf`` is at ``index`` of the log of ``checkpoint``, which ``witnesses`` have cosigned."""

    leaf: bytes
    index: int
    checkpoint: LogCheckpoint
    witnesses: tuple[str, ...]


def write(proof: TlogProof) -> str:
    """CF-60 to CF-63."""
    extra = [f"extra {base64.b64encode(proof.extra).decode()}"] if proof.extra else []
    path = [base64.b64encode(part).decode() for part in proof.path]
    return "\n".join([FIRST_LINE, *extra, f"index {proof.index}", *path, "", proof.checkpoint])


def parse(text: str) -> TlogProof:
    """Not yet verified. Raises Invalid naming the line."""
    if len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        raise _refused(1, f"a proof has at most {MAX_BYTES} bytes")
    head, blank, note = text.partition("\n\n")
    lines = head.split("\n")
    if not blank or lines[0] != FIRST_LINE:  # CF-60
        raise _refused(1, f"a proof begins with {FIRST_LINE}, and an empty line stands before its checkpoint")
    at, extra = 1, b""
    if at < len(lines) and lines[at].startswith("extra "):  # CF-61
        found = decode(lines[at].removeprefix("extra "))
        if not found:
            raise _refused(at + 1, "extra is followed by base64")
        at, extra = at + 1, found
    index = _INDEX.fullmatch(lines[at]) if at < len(lines) else None
    if index is None or int(index[1]) > checkpoint.MAX_SIZE:  # CF-62
        raise _refused(at + 1, "index is followed by a decimal number without leading zeros")
    path: list[bytes] = []
    for number, line in enumerate(lines[at + 1 :], start=at + 2):  # CF-63
        part = decode(line)
        if part is None or len(part) != merkle.HASH_BYTES or len(path) == MAX_PATH:
            raise _refused(number, f"at most {MAX_PATH} hashes follow, each base64 of {merkle.HASH_BYTES} bytes")
        path.append(part)
    return TlogProof(int(index[1]), tuple(path), note, extra)


def verify(
    text: str, *, origin: str, keys: Sequence[NoteKey], policy: TrustPolicy | None = None, leaf: bytes | None = None
) -> ProvenLeaf:
    """What the proof proves of ``leaf``; without one, of the leaf that it brings itself.

    Raises Invalid: malformed, of another log, not signed by one of ``keys``, without the quorum of ``policy``, or a
    path that does not lead from the leaf to the root.
    """
    proof = parse(text)
    signed = checkpoint.verify(proof.checkpoint, origin=origin, keys=keys)
    data = proof.extra if leaf is None else leaf
    good = merkle.verify_inclusion(
        leaf=merkle.leaf_hash(data), index=proof.index, size=signed.size, proof=proof.path, root=signed.root
    )
    if not good:  # CF-64
        raise Invalid("The proof does not lead from this leaf to the checkpoint's root.", code="tlog-proof")
    known = tuple(policy.witnesses.values()) if policy else ()
    by = cosigners(proof.checkpoint, known)
    if policy is not None and not policy.is_reached(by):  # CF-65
        raise Invalid("The proof's checkpoint lacks cosignatures that the policy asks for.", code="quorum")
    return ProvenLeaf(data, proof.index, signed, tuple(key.name for key in by))


def cosigners(text: str, known: Sequence[CosignerKey]) -> tuple[CosignerKey, ...]:
    """Those of ``known`` that have cosigned this checkpoint. Raises Invalid for a signature by one that is wrong."""
    signed = checkpoint.parse(text)
    found = []
    for name, blob in signed.signatures:
        key = next((k for k in known if (k.name, k.key_id()) == (name, blob[: checkpoint.KEY_ID_BYTES])), None)
        if key is not None:
            checkpoint.verify(text, origin=signed.checkpoint.origin, keys=[key])
            found.append(key)
    return tuple(dict.fromkeys(found))


def _refused(line: int, message: str) -> Invalid:
    return Invalid(
        f"The proof can't be read, line {line}: {message}.",
        code="tlog-proof",
        faults=[Fault("proof", message, line=line, column=1)],
    )
