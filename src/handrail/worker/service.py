"""The worker process: works on what is due until a signal stops it, whatever becomes of the database meanwhile."""

from __future__ import annotations

import signal
import threading
from dataclasses import dataclass

import structlog

from handrail.worker import recurring
from handrail.worker.identity import worker_name
from handrail.worker.loop import Loop, threads_of

log = structlog.get_logger("handrail.worker")

# A web process has a connection for hints, while there are any.
HINTS = 1


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """``concurrency``: how many runs one process advances at a time. ``graceful_seconds``: how long work under way may
    take to end after SIGTERM. The others: how often expired revisions are withdrawn, tasks pulled, and the audit log
    sealed; workers look for due rows at least once a second, and as often as ``sweep_seconds``."""

    concurrency: int
    sweep_seconds: float
    pull_seconds: float
    graceful_seconds: float = 30.0
    seal_seconds: float = 30.0


def serve(settings: WorkerSettings) -> None:
    """Works until SIGTERM or SIGINT, then lets what is under way end. Goes on when the database was away."""
    loop = make_loop(settings)
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: loop.stop())
    log.info("worker started", worker=worker_name(), concurrency=settings.concurrency)
    loop.serve(settings.graceful_seconds)
    log.info("worker stopped", worker=worker_name())


def connections(concurrency: int) -> int:
    """How many connections to the database a worker has at most: one for each thread, and that of its loop,
    which also holds the lock of its session."""
    return sum(threads_of(concurrency).values()) + 1


def make_loop(settings: WorkerSettings) -> Loop:
    """What ``serve`` serves, not started yet."""
    return Loop(
        threads=settings.concurrency,
        poll_seconds=settings.sweep_seconds,
        duties=recurring.duties(
            sweep=settings.sweep_seconds, pull_every=settings.pull_seconds, seal_every=settings.seal_seconds
        ),
    )
