"""What goes wrong with packets in a way of its own.

Conflict
├── Drifted   409  a source moved since the revision was assembled; a new revision is under way
└── Exists    409  the case has its packet; the next revision is asked for by its reference, with a reason
"""

from __future__ import annotations

from handrail.kernel.errors import Conflict, Fault


class Drifted(Conflict):
    """Each fault names a value of a source, what it moved from and to, and which fields of the packet it feeds.

    The votes so far are void.
    """

    code = "drifted"


class Exists(Conflict):
    """The one fault names the packet that the case has: ``where`` is ``packet``, ``message`` its reference."""

    code = "packet-exists"

    def __init__(self, ref: str) -> None:
        super().__init__(
            f"This case has its packet: {ref}. Reassemble that one, with a reason, to make its next revision.",
            faults=[Fault("packet", ref)],
        )
        self.ref = ref
