"""The settings of this slice beyond the responders, set by ``conf``."""

from __future__ import annotations

from dataclasses import dataclass

from handrail.kernel.configured import Configured


@dataclass(frozen=True, slots=True)
class NotificationSettings:
    """``root``: the address of the pages, without a slash at its end; empty where it is not configured.

    ``first_wait_seconds`` and ``longest_wait_seconds``: how long a message waits before it is tried again.
    ``margin_seconds``: beyond a call's own deadline, to record its outcome.
    """

    root: str = ""
    first_wait_seconds: float = 5.0
    longest_wait_seconds: float = 300.0
    margin_seconds: float = 5.0
    lease_seconds: float = 20.0


_configured = Configured[NotificationSettings](NotificationSettings())
configure, current, use = _configured.set, _configured.get, _configured.use
