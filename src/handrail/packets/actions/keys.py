"""Changing which release keys count."""

from __future__ import annotations

from django.db import transaction

from handrail.access.actor import Actor
from handrail.audit.actions import record
from handrail.audit.events import EventName
from handrail.packets.keyring import KeyRingDirectory
from handrail.packets.proof.keys import KeyRing


def change(*, directory: KeyRingDirectory, ring: KeyRing, event: EventName, key_id: str, by: Actor) -> None:
    """Saves ``ring``, in which ``event`` happened to one key. Without its audit event nothing is saved, nor the other
    way round."""
    with transaction.atomic():
        record(event, by=by, subject_kind="release-key", subject=key_id)
        directory.save(ring)
