"""``handrail up | web | migrate``: the processes of an installation."""

from __future__ import annotations

from typing import Annotated

import typer
from granian.constants import Interfaces
from granian.log import LogLevels
from granian.server import Server

from handrail.cli import installation, listening, migrations, output, processes, restored

WithSandbox = Annotated[bool, typer.Option("--sandbox", help="Also serve the practice estate, for trying things out.")]
Workers = Annotated[int, typer.Option(min=1, max=64, help="How many worker processes.")]
Host = Annotated[str | None, typer.Option(help="Address to listen on. Default: [web] host in handrail.toml.")]
Port = Annotated[int | None, typer.Option(min=1, max=65535, help="Port. Default: [web] port in handrail.toml.")]


def up(*, sandbox: WithSandbox = False, workers: Workers = 2) -> None:
    """Migrate the database, then run the web server and the workers until Ctrl-C. If one dies, all end."""
    config = installation.start(quiet=True)

    listening.check(config.web.host, config.web.port)
    migrations.apply()
    restored.forget_again()
    with processes.Family() as family:
        if sandbox:
            family.start("sandbox")
        family.start("web")
        for _ in range(workers):
            family.start("worker")
        host = "localhost" if config.web.host == "127.0.0.1" else config.web.host  # an IP address has no passkeys
        output.say(f"Serving http://{host}:{config.web.port}/ with {workers} workers. Ctrl-C ends.")
        raise typer.Exit(family.wait())


def web(*, host: Host = None, port: Port = None) -> None:
    """Serve the pages and the API. Listens on 127.0.0.1 unless configured otherwise: put a TLS proxy before it."""
    config = installation.start(quiet=True).web

    restored.forget_again()
    wanted = port or config.port
    with listening.reserved(host or config.host, wanted) as address:
        Server(
            "handrail.conf.asgi:serve",  # which has its own threads, as many as [web] threads says
            factory=True,
            address=address,
            port=wanted,
            interface=Interfaces.ASGINL,
            workers=1,
            workers_kill_timeout=10,
            log_level=LogLevels.error,
            websockets=False,
        ).serve()


def migrate() -> None:
    """Migrate the database to this version. Safe to run from several machines at once: they wait for each other."""
    installation.start()

    applied = migrations.apply()
    output.say(f"{len(applied)} migrations applied" if applied else "The database is up to date.")
