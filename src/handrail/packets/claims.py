"""Which process builds a revision: one at a time, for as long as it keeps renewing its claim."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q

from handrail.kernel.clock import now
from handrail.kernel.errors import Stale
from handrail.packets import settings
from handrail.packets.models import Revision
from handrail.packets.states import RevisionState


@dataclass(slots=True)
class BuildLease:
    """``until``: the ``due_at`` that this process set."""

    revision_id: int
    until: datetime

    def renew(self) -> None:
        """Holds it for longer. Raises Stale when it isn't being assembled any more: then the work is in vain."""
        at = now()
        lease = settings.current().assembly_lease
        if self.until - at > lease * 0.8:
            return
        rows = Revision.objects.filter(pk=self.revision_id, state=RevisionState.ASSEMBLING)
        if rows.filter(due_at=self.until).update(due_at=at + lease):
            self.until = at + lease
        elif not rows.exists():
            raise Stale

    def give_up(self, *, failure: str, until: datetime | None) -> bool:
        """Leaves it to another attempt from ``until`` on, or to none; False when another process has it by now."""
        rows = Revision.objects.filter(pk=self.revision_id, state=RevisionState.ASSEMBLING, due_at=self.until)
        return bool(rows.update(failure=failure, due_at=until))


def take(revision_id: int) -> BuildLease | None:
    """The claim, as a conditional UPDATE; None when it is assembled, or another process is at it."""
    at = now()
    rows = Revision.objects.filter(pk=revision_id, state=RevisionState.ASSEMBLING)
    free = rows.filter(Q(due_at__lte=at) | Q(due_at=None))
    until = at + settings.current().assembly_lease
    return BuildLease(revision_id, until) if free.update(due_at=until) else None
