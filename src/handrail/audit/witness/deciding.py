"""What a witness answers to ``add-checkpoint``, in the order of https://c2sp.org/tlog-witness.

Compared and kept under one lock, and kept before anything is signed: a process that is killed between any two lines has
given away no cosignature over what it does not remember.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus

from handrail.audit import checkpoint, cosignature, merkle
from handrail.audit.checkpoint import KEY_ID_BYTES, NoteKey, SignedCheckpoint
from handrail.audit.cosignature import CosignerPrivateKey
from handrail.audit.merkle import EMPTY_ROOT
from handrail.audit.witness import protocol
from handrail.audit.witness.protocol import AddCheckpoint
from handrail.audit.witness.state import WitnessedLog, WitnessFiles
from handrail.kernel.errors import Invalid, Misconfigured, NotFound

PLAIN = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class WitnessReply:
    status: HTTPStatus
    body: str = ""
    content_type: str = PLAIN


@dataclass(frozen=True, slots=True)
class Witness:
    """``clock`` gives POSIX seconds."""

    files: WitnessFiles
    name: str
    key: CosignerPrivateKey
    clock: Callable[[], float] = time.time

    @classmethod
    def open(cls, files: WitnessFiles) -> Witness:
        """Raises Misconfigured when something of it is missing or damaged, the state of a log included."""
        opened = cls(files, files.name(), files.key())
        files.logs()
        return opened

    def add_checkpoint(self, body: bytes) -> WitnessReply:
        try:
            asked = protocol.read(body)
        except Invalid as error:
            return WitnessReply(HTTPStatus.BAD_REQUEST, f"{error.message}\n")
        try:
            with self.files.alone():
                return self._decide(asked, self.files.log(asked.signed.checkpoint.origin))
        except NotFound:
            return WitnessReply(HTTPStatus.NOT_FOUND, "This log is not known here.\n")
        except Misconfigured:
            return WitnessReply(HTTPStatus.SERVICE_UNAVAILABLE, "The state can't be read or written.\n")

    def _decide(self, asked: AddCheckpoint, log: WitnessedLog) -> WitnessReply:
        new = asked.signed.checkpoint
        if not _is_signed(asked.signed, log.keys):
            return WitnessReply(HTTPStatus.FORBIDDEN, "No signature by a known key of this log verifies.\n")
        if asked.old > new.size:
            return WitnessReply(HTTPStatus.BAD_REQUEST, "The old size is larger than that of the checkpoint.\n")
        if asked.old != log.size or (new.size == log.size and new.root != log.root):
            return WitnessReply(HTTPStatus.CONFLICT, f"{log.size}\n", protocol.SIZE_TYPE)
        if not _extends(asked, log):
            return WitnessReply(HTTPStatus.UNPROCESSABLE_ENTITY, "The consistency proof does not verify.\n")
        now = int(self.clock())
        if now < log.timestamp:
            return WitnessReply(HTTPStatus.SERVICE_UNAVAILABLE, "This clock is behind the last cosignature.\n")
        self.files.keep(replace(log, size=new.size, root=new.root, timestamp=now))
        line = cosignature.line(new, self.key, name=self.name, timestamp=now)
        return WitnessReply(HTTPStatus.OK, f"{line}\n")


def _is_signed(signed: SignedCheckpoint, keys: Sequence[NoteKey]) -> bool:
    """By a known key, and by none of them wrongly (signed-note, "Signatures")."""
    known = {(key.name, key.key_id()) for key in keys}
    if not any((name, blob[:KEY_ID_BYTES]) in known for name, blob in signed.signatures):
        return False
    try:
        checkpoint.verify(signed.text, origin=signed.checkpoint.origin, keys=keys)
    except Invalid:
        return False
    return True


def _extends(asked: AddCheckpoint, log: WitnessedLog) -> bool:
    new = asked.signed.checkpoint
    if asked.old == 0:  # "The proof MUST be empty if the old size is zero"
        return not asked.proof and (new.size > 0 or new.root == EMPTY_ROOT)
    return merkle.verify_consistency(
        first=log.size, second=new.size, first_root=log.root, second_root=new.root, proof=asked.proof
    )
