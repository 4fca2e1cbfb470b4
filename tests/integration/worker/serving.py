"""A real worker: ``serving.py CONCURRENCY SWEEP_SECONDS``."""

from __future__ import annotations

import sys

from handrail.conf.start import start


def main(concurrency: int, sweep_seconds: float) -> None:
    start()
    from handrail.worker.service import WorkerSettings, serve

    serve(WorkerSettings(concurrency=concurrency, sweep_seconds=sweep_seconds, pull_seconds=3600))


main(int(sys.argv[1]), float(sys.argv[2]))
