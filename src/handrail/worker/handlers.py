"""What is done with a claimed row, by its kind: each handler calls one action of a slice and nothing else.

A handler begins in the scope of nothing and goes on in that of the row's workspace.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from handrail.access import queries as access
from handrail.access.actor import Actor
from handrail.kernel.scope import entered
from handrail.notifications.actions import ageing, publishing
from handrail.notifications.actions import claims as notifications
from handrail.notifications.actions import delivering as messages
from handrail.packets.actions import assembling, delivering
from handrail.packets.states import RevisionState
from handrail.runbooks.actions import advancing, claims, reports, updates
from handrail.work.lease import Claim
from handrail.worker.identity import worker_name


@contextmanager
def acting_in(workspace: int) -> Iterator[Actor]:
    """This worker, in ``workspace`` and in its scope, for the length of a ``with`` block."""
    worker = access.worker(worker_name(), workspace)
    with entered(worker.scope):
        yield worker


def run(claim: Claim) -> advancing.Advanced:
    with acting_in(claim.workspace_id) as worker:
        return advancing.advance(claim=claim, by=worker)


def report(claim: Claim) -> datetime | None:
    with acting_in(claim.workspace_id) as worker:
        if claim.kind == claims.UPDATES.name:
            return updates.deliver(claim=claim, by=worker)
        return reports.deliver(claim=claim, by=worker)


def revision(claim: Claim) -> datetime | None:
    with acting_in(claim.workspace_id) as worker:
        if claim.word == RevisionState.ASSEMBLING:
            return assembling.advance(revision_id=claim.id, by=worker, lease=claim.lease)
        return delivering.deliver(revision_id=claim.id, by=worker, lease=claim.lease)


def notification(claim: Claim) -> datetime | None:
    """An event to tell of, a message to send, or something to look at again."""
    with acting_in(claim.workspace_id) as worker:
        if claim.kind == notifications.OUTBOX.name:
            publishing.publish(claim=claim, by=worker)
        elif claim.kind == notifications.REMINDERS.name:
            ageing.look_again(claim=claim, by=worker)
        else:
            return messages.deliver(claim=claim, by=worker)
    return None
