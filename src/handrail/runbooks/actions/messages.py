"""Tasks pushed by the task system: each message is taken once, however often it comes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, transaction

from handrail.access.actor import Actor
from handrail.kernel.clock import now
from handrail.runbooks.actions import tasks
from handrail.runbooks.actions.tasks import Received
from handrail.runbooks.models import TaskMessage

# A signature is good for five minutes either way; after more than both a message would be refused for its age.
REMEMBERED = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Delivered:
    """``received`` is None for a message that came before."""

    repeated: bool
    received: Received | None


@transaction.atomic
def deliver(*, message_id: str, item: Any, by: Actor) -> Delivered:
    """Receives the task in a verified message, and remembers the message in the same transaction.

    A delivery that fails is not remembered: the sender tries it again. Raises Denied.
    """
    at = now()
    TaskMessage.objects.filter(at__lt=at - REMEMBERED).delete()
    try:
        with transaction.atomic():
            TaskMessage.objects.create(workspace_id=by.workspace_id, message_id=message_id, at=at)
    except IntegrityError:
        return Delivered(repeated=True, received=None)
    return Delivered(repeated=False, received=tasks.receive(item=item, by=by))
