"""What this worker process calls itself in ledgers and audit."""

from __future__ import annotations

import os
import socket
from functools import cache


@cache
def worker_name() -> str:
    return f"{socket.gethostname()[:60]}:{os.getpid()}"
