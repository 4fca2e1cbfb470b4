"""The package of a released revision, written to a directory of this machine."""

from __future__ import annotations

from pathlib import Path

from django.db import transaction

from handrail.access.actor import Actor
from handrail.access.capabilities import Capability
from handrail.audit.events import Event
from handrail.kernel.errors import Invalid
from handrail.packets.delivery import packing
from handrail.packets.queries import get_revision_row
from handrail.packets.revising import moves


def export(*, ref: str, revision: int | None, directory: Path, by: Actor) -> Path:
    """The same bytes as the lane got. Raises NotFound, Denied without ``packet:release``, Conflict before release,
    Invalid for a directory that can't be written to."""
    row = get_revision_row(by, ref, revision, Capability.PACKET_RELEASE)
    packing.sealed_of(row)
    with transaction.atomic():
        moves.audit(Event.PACKET_EXPORTED, row, by)
    try:
        return packing.write(row, directory)
    except OSError as error:
        raise Invalid(f"{directory} can't be written to: {error.strerror}.", code="file") from None
