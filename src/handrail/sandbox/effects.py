"""The estate's own ledger: every effect that a service really had, and every call that it got."""

from __future__ import annotations

import json
import threading
from collections import Counter
from pathlib import Path
from typing import Any

from handrail.kernel.clock import now


class Effects:
    """Append-only, in memory and, where a path is given, in a file of JSON lines. Safe to share between threads."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._entries: list[dict[str, Any]] = []
        self._by_key: Counter[tuple[str, str]] = Counter()
        self._calls: Counter[str] = Counter()

    def record(self, *, service: str, key: str, tenant: str, what: str) -> None:
        """One effect. ``count`` says how many ``service`` has now had under ``key``: more than 1 is a fault of the
        caller or of the service, and is what the demo looks for."""
        with self._lock:
            self._by_key[service, key] += 1
            entry = {
                "seq": len(self._entries) + 1,
                "at": now().isoformat(),
                "service": service,
                "key": key,
                "tenant": tenant,
                "what": what,
                "count": self._by_key[service, key],
            }
            self._entries.append(entry)
            if self._path is not None:
                with self._path.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(entry) + "\n")

    def called(self, service: str) -> None:
        with self._lock:
            self._calls[service] += 1

    def entries(self, *, tenant: str | None = None, service: str | None = None) -> list[dict[str, Any]]:
        """Effects in order, of one tenant or service where named."""
        with self._lock:
            return [dict(e) for e in self._entries if tenant in (None, e["tenant"]) and service in (None, e["service"])]

    def calls(self) -> dict[str, int]:
        """How many calls each service got."""
        with self._lock:
            return dict(self._calls)
