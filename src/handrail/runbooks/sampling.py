"""Which completed runs are drawn for a second look.

A run is drawn by the digest of its reference under the installation's key. The reference is made by Handrail and stands
before the run begins, and nobody on the pages knows the key: nobody can choose, or tell beforehand, which runs these
are. Whether a run is drawn takes no statement, and is written with its completion.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field

from handrail.kernel.configured import Configured

_BITS = 64


@dataclass(frozen=True, slots=True)
class Sampling:
    """``share``: of completed runs, from 0 (none) to 1 (all); ``runbooks``: of those runbooks instead."""

    key: bytes = field(default=b"", repr=False)
    share: float = 0.0
    runbooks: Mapping[str, float] = field(default_factory=dict)


_configured = Configured(Sampling())
configure, get, use = _configured.set, _configured.get, _configured.use


def drawn(ref: str, runbook: str) -> dict[str, float] | None:
    """What is kept with the run ``ref`` where it is drawn: the share that is configured. None where it is not."""
    sampling = get()
    share = sampling.runbooks.get(runbook, sampling.share)
    if share <= 0:
        return None
    digest = hmac.digest(sampling.key, ref.encode(), "sha256")
    return {"share": share} if int.from_bytes(digest[: _BITS // 8]) < share * 2**_BITS else None
