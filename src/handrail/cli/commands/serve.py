"""``handrail up | web | worker | sandbox | migrate``: the processes of an installation."""

from __future__ import annotations

from typing import Annotated

import typer

from handrail.cli import installation, output

WithSandbox = Annotated[bool, typer.Option("--sandbox", help="Also serve the practice estate, for trying things out.")]
Workers = Annotated[int, typer.Option(min=1, max=64, help="How many worker processes.")]
Host = Annotated[str | None, typer.Option(help="Address to listen on. Default: [web] host in handrail.toml.")]
Port = Annotated[int | None, typer.Option(min=1, max=65535, help="Port. Default: [web] port in handrail.toml.")]
SandboxPort = Annotated[int, typer.Option("--port", min=1, max=65535, help="Port to listen on, on 127.0.0.1.")]


def up(*, sandbox: WithSandbox = False, workers: Workers = 2) -> None:
    """Migrate the database, then run the web server and the workers until Ctrl-C. One of them dying ends all."""
    config = installation.start(quiet=True)
    from handrail.cli import migrations, processes

    migrations.apply()
    with processes.Family() as family:
        if sandbox:
            family.start("sandbox")
        family.start("web")
        for _ in range(workers):
            family.start("worker")
        output.say(f"Serving http://{config.web.host}:{config.web.port}/ with {workers} workers. Ctrl-C ends.")
        raise typer.Exit(family.wait())


def web(*, host: Host = None, port: Port = None) -> None:
    """Serve the pages and the API. Listens on 127.0.0.1 unless configured otherwise: put a TLS proxy before it."""
    config = installation.start(quiet=True).web
    from granian.constants import Interfaces
    from granian.log import LogLevels
    from granian.server import Server

    Server(
        "handrail.conf.wsgi:application",
        address=host or config.host,
        port=port or config.port,
        interface=Interfaces.WSGI,
        workers=1,
        blocking_threads=config.threads,
        workers_kill_timeout=10,
        log_level=LogLevels.error,
        websockets=False,
    ).serve()


def worker() -> None:
    """Carry runs until SIGTERM, then let what is under way end. Start as many as you like, on any machine."""
    config = installation.start(quiet=True)
    from handrail.worker import service

    settings = config.worker
    service.serve(
        service.WorkerSettings(
            concurrency=settings.concurrency,
            sweep_seconds=settings.sweep_seconds,
            pull_seconds=settings.pull_seconds,
            seal_seconds=config.audit.seal_seconds,
        )
    )


def sandbox(*, port: SandboxPort = 8900) -> None:
    """Serve the practice estate: the outside systems of the demo, with faults by script. Never for production."""
    from handrail.sandbox.server import serve

    serve(port=port)


def migrate() -> None:
    """Bring the database to this version. Safe to run from several machines at once: they wait for each other."""
    installation.start()
    from handrail.cli import migrations

    applied = migrations.apply()
    output.say(f"{len(applied)} migrations applied" if applied else "The database is up to date.")
