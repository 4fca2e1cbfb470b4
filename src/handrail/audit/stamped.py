"""The time stamps that are kept of checkpoints. ``CF-…`` are clauses of docs/reference/checkpoint-format.md."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from handrail.audit import anchors, stamps
from handrail.audit.differences import Difference, DifferenceKind
from handrail.audit.models import AuditCheckpoint, CheckpointTimestamp
from handrail.audit.stamps import Stamp, WrongStamp
from handrail.kernel.clock import now

CHUNK = 500


def keep(signed: AuditCheckpoint, service: str, response: bytes, stamp: Stamp) -> None:
    """Adds a time stamp that was verified; one that is there already stays."""
    row = CheckpointTimestamp(size=signed.size, service=service, response=response, stamped_at=stamp.at, at=now())
    CheckpointTimestamp.objects.bulk_create([row], ignore_conflicts=True)


def latest(service: str) -> tuple[int, datetime] | None:
    """Size and time of the newest stamp by ``service``: when it was asked for, by our clock."""
    row = CheckpointTimestamp.objects.filter(service=service).order_by("-size").first()
    return (row.size, row.at) if row else None


def newest(size: int | None = None) -> tuple[AuditCheckpoint, bytes, str] | None:
    """The newest stamp, or that over ``size`` leaves: its checkpoint, the response in DER, and the service."""
    rows = CheckpointTimestamp.objects.order_by("-size", "pk")
    row = (rows if size is None else rows.filter(size=size)).first()
    signed = AuditCheckpoint.objects.filter(size=row.size).first() if row else None
    return (signed, bytes(row.response), row.service) if row and signed else None


def differences() -> Iterator[Difference]:
    """CF-86: every time stamp that is kept is of a checkpoint that is kept, and holds where its service is known."""
    services = anchors.trust.get().services
    for row in CheckpointTimestamp.objects.order_by("size", "pk").iterator(chunk_size=CHUNK):
        signed = AuditCheckpoint.objects.filter(size=row.size).first()
        message = None if signed else "there is no such checkpoint."
        if signed is not None and row.service in services:
            try:
                stamp = stamps.verify(bytes(row.response), signed.text, services[row.service])
                stamps.check_time(stamp, not_before=signed.at, at=row.at)
            except WrongStamp as error:
                message = error.message
        if message is not None:
            text = f"The time stamp by {row.service} over {row.size} leaves doesn't hold: {message}"
            yield Difference(DifferenceKind.TIMESTAMP, text, row.size)
