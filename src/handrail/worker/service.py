"""The worker process: runs queued tasks, queues what is overdue, and reconnects after the database was away."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import cast

import psycopg
import structlog
from asgiref.sync import sync_to_async
from django.db import Error as DatabaseError
from django.db import close_old_connections, connection
from procrastinate import App
from procrastinate.contrib.django import app as django_app
from procrastinate.contrib.django.django_connector import DjangoConnector
from procrastinate.exceptions import ConnectorException
from procrastinate.jobs import Job, Status

from handrail.dispatch import TaskName, enqueue
from handrail.kernel.clock import now
from handrail.kernel.scope import NOTHING, entered
from handrail.packets.actions import releasing
from handrail.runbooks import task_system, timing
from handrail.runbooks.actions import reports, runs
from handrail.worker import clocks, pruning
from handrail.worker.identity import worker_name

log = structlog.get_logger("handrail.worker")

_AWAY = (ConnectorException, DatabaseError, psycopg.Error, OSError)


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """``concurrency``: how many tasks one process runs at a time. ``graceful_seconds``: how long running tasks may take
    to end after SIGTERM. The others: how often a worker sweeps, pulls tasks and seals the audit log."""

    concurrency: int
    sweep_seconds: float
    pull_seconds: float
    graceful_seconds: float = 30.0
    seal_seconds: float = 30.0


def serve(settings: WorkerSettings) -> None:
    """Works until SIGTERM or SIGINT, then lets running tasks end. Reconnects when the database was away."""
    asyncio.run(_serve(settings))


async def _serve(settings: WorkerSettings) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stopping.set)
    log.info("worker started", worker=worker_name(), concurrency=settings.concurrency)
    while not stopping.is_set():
        try:
            await _until_stopped(settings, stopping)
        except _AWAY as error:
            log.warning("the database is away; trying again", error=type(error).__name__)
            await _pause(stopping, timing.get().reconnect_seconds)
    log.info("worker stopped", worker=worker_name())


async def _until_stopped(settings: WorkerSettings, stopping: asyncio.Event) -> None:
    async with _queue().open_async() as queue:
        working = asyncio.create_task(
            queue.run_worker_async(
                name=worker_name(),
                concurrency=settings.concurrency,
                install_signal_handlers=False,
                fetch_job_polling_interval=min(settings.sweep_seconds, 1.0),
                update_heartbeat_interval=max(timing.get().lease_seconds / 4, 0.5),
                stalled_worker_timeout=timing.get().lease_seconds,
                shutdown_graceful_timeout=settings.graceful_seconds,
                delete_jobs="successful",
            )
        )
        sweeping = asyncio.create_task(_every(settings.sweep_seconds, lambda: _sweep(queue, settings)))
        stopped = asyncio.create_task(stopping.wait())
        try:
            done, _ = await asyncio.wait({working, sweeping, stopped}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (sweeping, stopped, working):
                task.cancel()
            ended = await asyncio.gather(working, sweeping, stopped, return_exceptions=True)
        for error in ended:
            if isinstance(error, _AWAY):
                raise error
            if isinstance(error, Exception):
                log.error("a part of the worker ended", exc_info=error)
        if stopped not in done:
            log.warning("the worker's loop ended early; starting it again")
            await _pause(stopping, timing.get().reconnect_seconds)


def _queue() -> App:
    connector = cast(DjangoConnector, django_app.connector)
    return django_app.with_connector(connector.get_worker_connector())


async def _every(seconds: float, act: Callable[[], Awaitable[None]]) -> None:
    while True:
        await act()
        await asyncio.sleep(seconds)


async def _sweep(queue: App, settings: WorkerSettings) -> None:
    """Queues what is overdue, keeps the next pull, seal and pruning scheduled, fails the jobs of dead workers.

    A job of a dead worker is not run again: the sweep reads from the rows what is due.
    Raises only errors that mean that the database is away.
    """
    await sync_to_async(_sweep_rows, thread_sensitive=False)(settings)
    for job in await queue.job_manager.get_stalled_jobs(seconds_since_heartbeat=timing.get().lease_seconds):
        await _fail_stalled(queue, job)


async def _fail_stalled(queue: App, job: Job) -> None:
    try:
        await queue.job_manager.finish_job(job, status=Status.FAILED, delete_job=True)
    except ConnectorException as error:
        if isinstance(error.__cause__, psycopg.OperationalError | psycopg.InterfaceError):
            raise
        log.info("another worker failed the stalled job first", task=job.task_name)
    else:
        log.warning("failed the stalled job of a dead worker", task=job.task_name)


@entered(NOTHING)
def _sweep_rows(settings: WorkerSettings) -> None:
    """Runs each part on its own: one that fails does not stop the others. None sees a row of any workspace."""
    close_old_connections()
    try:
        for name, part in _parts(settings):
            try:
                part()
            except Exception as error:
                if isinstance(error, DatabaseError) and not connection.is_usable():
                    raise
                log.exception("a part of the sweep failed", part=name)
    finally:
        close_old_connections()


def _parts(settings: WorkerSettings) -> Iterator[tuple[str, Callable[[], object]]]:
    yield "runs", runs.sweep
    yield "reports", reports.sweep
    yield "packets", releasing.sweep
    yield "expiry", lambda: releasing.expire_all(name=worker_name())
    yield "seal", lambda: _keep_waiting(TaskName.SEAL_AUDIT, timedelta(seconds=settings.seal_seconds), once="seal")
    yield "clock", lambda: clocks.report_now_and_then("worker")
    yield "prune", lambda: _keep_waiting(TaskName.PRUNE, pruning.EVERY, once="prune")
    if task_system.find() is not None:
        yield "pull", lambda: _keep_waiting(TaskName.PULL_TASKS, timedelta(seconds=settings.pull_seconds), once="pull")


def _keep_waiting(task: TaskName, after: timedelta, *, once: str) -> None:
    enqueue(task, at=now() + after, once=once)


async def _pause(stopping: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stopping.wait(), timeout=seconds)
    except TimeoutError:
        return
