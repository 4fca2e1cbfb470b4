"""A real worker whose machine's clock is wrong: ``shifted.py SECONDS_AHEAD SWEEP_SECONDS``."""

from __future__ import annotations

import sys
import time
from datetime import datetime, timedelta, tzinfo
from typing import Any

from django.utils import timezone

from handrail.conf.start import start
from handrail.kernel import clock

_time, _now = time.time, timezone.now


def shift(seconds: float) -> None:
    """All that asks this process's machine what time it is hears another time."""
    ahead: Any = timedelta(seconds=seconds)

    class Shifted(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Any:
            return datetime.now(tz) + ahead

    clock.datetime = Shifted  # type: ignore[misc]
    time.time = lambda: _time() + seconds
    timezone.now = lambda: _now() + ahead


def main(seconds: float, sweep_seconds: float) -> None:
    shift(seconds)
    start()
    from handrail.worker.service import WorkerSettings, serve

    serve(WorkerSettings(concurrency=2, sweep_seconds=sweep_seconds, pull_seconds=60, seal_seconds=1))


main(float(sys.argv[1]), float(sys.argv[2]))
