"""What a lane is given: the package itself, or the package encrypted to the receiver's keys.

Encrypting twice gives other bytes each time, and a lane would rightly refuse the second. So it is done once a release:
the result is kept by its digest, under the key of its packet, and the delivery's intents name it.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from handrail.access.subjects import KeyDestroyed
from handrail.connectors import lane as lanes
from handrail.connectors.lane.encryption import SUFFIX, Encryption
from handrail.kernel.errors import NotFound, Unavailable
from handrail.packets import annexes, packing
from handrail.packets.ledger import DeliveryRow
from handrail.packets.models import Packet, Revision
from handrail.packets.states import DeliveryEventKind


@dataclass(frozen=True, slots=True)
class Parcel:
    """``detail``: what the intent says of it. ``package_digest`` is always that of the package itself, which the
    receiver verifies; ``sent_digest`` that of the bytes that leave, where they are encrypted to ``encrypted_to``."""

    file: Path
    detail: dict[str, Any]


@contextmanager
def packed(revision: Revision, rows: list[DeliveryRow], *, sent: bool) -> Iterator[Parcel]:
    """For as long as the block runs. ``sent``: an earlier attempt may have arrived, so that it has to be the same.

    Raises what ``packing.packed`` does, and Unavailable where the bytes of that attempt are lost.
    """
    encryption = lanes.encryption(revision.packet.lane)
    kept = _kept(rows)
    with packing.packed(revision) as package, tempfile.TemporaryDirectory(prefix="handrail-parcel-") as name:
        detail: dict[str, Any] = {"package_digest": packing.digest_of(package)}
        target = Path(name) / (package.name + SUFFIX)
        if kept is not None and (sent or (encryption and kept["encrypted_to"] == encryption.names)):
            if _fetched(revision.packet, kept["sent_digest"], target):
                yield Parcel(target, detail | kept)
                return
            if sent:
                raise Unavailable(
                    "The encrypted package that was sent is not in the store any more.", code="parcel-lost"
                )
        if encryption is None:
            yield Parcel(package, detail)
            return
        yield Parcel(target, detail | _encrypted(revision.packet, encryption, package, target))


def _kept(rows: list[DeliveryRow]) -> dict[str, Any] | None:
    """What the last intent says of the encrypted bytes."""
    intents = [row for row in rows if row.kind is DeliveryEventKind.INTENT and "sent_digest" in row.detail]
    return {key: intents[-1].detail[key] for key in ("sent_digest", "encrypted_to")} if intents else None


def _fetched(packet: Packet, digest: str, target: Path) -> bool:
    try:
        with annexes.open_annex(packet, digest) as source, target.open("wb") as out:
            shutil.copyfileobj(source, out)
    except (NotFound, KeyDestroyed):
        return False
    return True


def _encrypted(packet: Packet, encryption: Encryption, package: Path, target: Path) -> dict[str, Any]:
    encryption.encrypt(package, target)
    return {"sent_digest": annexes.put(packet, target.read_bytes()), "encrypted_to": encryption.names}
