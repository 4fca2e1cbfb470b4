"""What goes wrong with packets in a way of its own.

Conflict
└── Drifted   409  a source moved since the revision was assembled; a new revision is under way
"""

from __future__ import annotations

from handrail.kernel.errors import Conflict


class Drifted(Conflict):
    """Each fault names a field of a source, and says what it moved from and to. The votes so far are void."""

    code = "drifted"
