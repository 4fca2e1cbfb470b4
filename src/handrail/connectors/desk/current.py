"""The desk of this process. ``conf`` sets it once; ``None`` means that no external desk is configured."""

from __future__ import annotations

from handrail.connectors.desk.adapter import Desk
from handrail.kernel.configured import Configured

_configured = Configured[Desk]()
configure, configured, use = _configured.set, _configured.find, _configured.use
