"""The body of ``add-checkpoint``, which logs send to witnesses: https://c2sp.org/tlog-witness, "add-checkpoint".

old 20852014
<base64 of a hash of the consistency proof, up to 63 such lines>

<the checkpoint with its signature lines>
"""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass

from handrail.audit import checkpoint
from handrail.audit.checkpoint import MAX_SIZE, SignedCheckpoint, decode
from handrail.audit.merkle import HASH_BYTES
from handrail.kernel.errors import Invalid

MAX_PROOF = 63
MAX_BYTES = checkpoint.MAX_BYTES + 8 * 1024
SIZE_TYPE = "text/x.tlog.size"
PATH = "/add-checkpoint"

_OLD = re.compile(r"old (0|[1-9][0-9]{0,18})")
_SIZE = re.compile(rb"(0|[1-9][0-9]{0,18})\n")


@dataclass(frozen=True, slots=True)
class AddCheckpoint:
    """``old``: the size that the log believes the witness to have cosigned last; ``proof``: from there."""

    old: int
    proof: tuple[bytes, ...]
    signed: SignedCheckpoint


def write(old: int, proof: Sequence[bytes], text: str) -> bytes:
    lines = [f"old {old}", *(base64.b64encode(part).decode() for part in proof), "", text]
    return "\n".join(lines).encode()


def read(body: bytes) -> AddCheckpoint:
    """Raises Invalid for anything but the exact form."""
    try:
        head, blank, note = body.decode().partition("\n\n")
    except UnicodeDecodeError:
        raise _refused("the body is UTF-8") from None
    first, *rest = head.split("\n")
    old = _OLD.fullmatch(first)
    if old is None or not blank or int(old[1]) > MAX_SIZE:
        raise _refused("the first line is old and a size, and an empty line stands before the checkpoint")
    if len(rest) > MAX_PROOF:
        raise _refused(f"at most {MAX_PROOF} lines of proof")
    proof = [decode(line) for line in rest]
    if any(part is None or len(part) != HASH_BYTES for part in proof):
        raise _refused(f"a line of the proof is base64 of {HASH_BYTES} bytes")
    return AddCheckpoint(int(old[1]), tuple(part for part in proof if part), checkpoint.parse(note))


def read_size(body: bytes) -> int | None:
    """The size in the body of a 409 answer; None when it is none."""
    found = _SIZE.fullmatch(body)
    return int(found[1]) if found and int(found[1]) <= MAX_SIZE else None


def _refused(message: str) -> Invalid:
    return Invalid(f"The request can't be read: {message}.", code="add-checkpoint")
