"""A real worker whose machine's clock is wrong: ``shifted.py SECONDS_AHEAD SWEEP_SECONDS``."""

from __future__ import annotations

import sys

from handrail.conf.start import start
from tests.factories.clocks.sitecustomize import shift


def main(seconds: float, sweep_seconds: float) -> None:
    shift(seconds)
    start()
    from handrail.worker.service import WorkerSettings, serve

    serve(WorkerSettings(concurrency=2, sweep_seconds=sweep_seconds, pull_seconds=60, seal_seconds=1))


main(float(sys.argv[1]), float(sys.argv[2]))
