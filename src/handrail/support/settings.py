"""What ``conf`` sets for this slice: the addresses of pages, and how many threads may wait for the desk."""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import BoundedSemaphore

from handrail.kernel.configured import Configured

CONCURRENT_CALLS, CONCURRENT_REPEATS = 9, 3


@dataclass(frozen=True, slots=True)
class SupportSettings:
    """``tenant_page`` and ``run_page``: addresses with ``{key}`` where the tenant's key or the run's reference goes, or
    None when the installation has no public address. ``concurrent_calls``: how many desk calls one process makes at a
    time; ``concurrent_repeats``: how many repeated submissions may wait for the answer to the first. Both are bounded,
    so that a desk that hangs cannot occupy every thread of the web server."""

    tenant_page: str | None = None
    run_page: str | None = None
    concurrent_calls: int = CONCURRENT_CALLS
    concurrent_repeats: int = CONCURRENT_REPEATS
    calls: BoundedSemaphore = field(init=False, repr=False, compare=False)
    repeats: BoundedSemaphore = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "calls", BoundedSemaphore(self.concurrent_calls))
        object.__setattr__(self, "repeats", BoundedSemaphore(self.concurrent_repeats))


_configured = Configured[SupportSettings](SupportSettings())
configure, current, use = _configured.set, _configured.get, _configured.use
