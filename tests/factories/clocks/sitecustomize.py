"""Python imports this by itself as it starts: the machine's clock is ``SECONDS_AHEAD`` ahead, for all that ask it."""

from __future__ import annotations

import os
import time
from datetime import datetime, timedelta, tzinfo
from typing import Any

from django.utils import timezone

from handrail.kernel import clock

_time, _now = time.time, timezone.now


def shift(seconds: float) -> None:
    ahead: Any = timedelta(seconds=seconds)

    class Shifted(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Any:
            return datetime.now(tz) + ahead

    clock.datetime = Shifted  # type: ignore[misc]
    time.time = lambda: _time() + seconds
    timezone.now = lambda: _now() + ahead


if "SECONDS_AHEAD" in os.environ:
    shift(float(os.environ["SECONDS_AHEAD"]))
