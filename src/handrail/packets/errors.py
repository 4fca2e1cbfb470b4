"""Errors that only packets have.

Conflict
├── Drifted   409  a source changed after the revision was assembled; a new revision is being assembled
└── Exists    409  the case already has a packet; request its next revision by reference, with a reason
"""

from __future__ import annotations

from handrail.kernel.errors import Conflict, Fault


class Drifted(Conflict):
    """Each fault names a value of a source, what it changed from and to, and which fields of the packet it feeds.

    The votes so far are void.
    """

    code = "drifted"


class Exists(Conflict):
    """The one fault names the packet that the case has: ``where`` is ``packet``, ``message`` its reference."""

    code = "packet-exists"

    def __init__(self, ref: str) -> None:
        super().__init__(
            f"This case already has the escalation packet {ref}. Reassemble it, with a reason, for the next revision.",
            faults=[Fault("packet", ref)],
        )
        self.ref = ref
