"""The settings of this slice, set by ``conf``: where cleared annexes are kept, and the key that signs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from handrail.connectors.blobs import NamedBlobs
from handrail.kernel.configured import Configured
from handrail.kernel.errors import Misconfigured
from handrail.packets.proof.keys import SigningKey


def _no_key() -> SigningKey:
    raise Misconfigured("There is no release key yet. Run: handrail keys generate", code="release-key")


@dataclass(frozen=True, slots=True)
class PacketSettings:
    """``blobs`` keeps cleared annexes by digest. ``signing_key`` gives the release key, or raises Misconfigured.

    ``poll_every``: how often the lane is asked whether it was consumed. ``retry_first`` and ``retry_ceiling``: how long
    to wait before a source or the lane is asked again. ``settle``: how long after a lost answer the lane's report
    that it has nothing is not believed, because what was sent may still be on its way. ``assembly_lease``: after this
    long without a renewal another process builds a revision; should one reading take longer, two build for
    a while, and the first to commit wins. ``intent_margin``: beyond a delivery's own deadline, to record its result;
    after it, the worker that made the call is gone. ``give_up_after``: how long assembling is tried after it was asked
    for; and how long a lane that gives no usable answer is asked after an expiry or a recall.
    """

    blobs: NamedBlobs | None = None
    signing_key: Callable[[], SigningKey] = _no_key
    poll_every: timedelta = timedelta(seconds=60)
    settle: timedelta = timedelta(seconds=60)
    retry_first: timedelta = timedelta(seconds=2)
    retry_ceiling: timedelta = timedelta(minutes=5)
    assembly_lease: timedelta = timedelta(seconds=30)
    intent_margin: timedelta = timedelta(seconds=5)
    give_up_after: timedelta = timedelta(days=7)


_configured = Configured[PacketSettings](PacketSettings())
configure, current, use = _configured.set, _configured.get, _configured.use


def blobs() -> NamedBlobs:
    """Where cleared annexes are kept. Raises Misconfigured."""
    store = _configured.get().blobs
    if store is None:
        raise Misconfigured("No store is configured: add [blobs] to handrail.toml.", code="blobs-unconfigured")
    return store
