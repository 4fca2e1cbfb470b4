"""Every command, under the groups that the help shows."""

from __future__ import annotations

from typing import Annotated

import typer

from handrail import __version__
from handrail.cli.commands import (
    audit,
    check,
    definitions,
    demo,
    desk,
    exceptions,
    intake,
    keys,
    members,
    packets,
    runs,
    serve,
    support,
    tasks,
    tenants,
    workspaces,
)

EPILOG = (
    "Exit codes: 0 done, 1 a check failed, 2 wrong input, 3 not there, 4 not allowed, "
    "5 not now, 6 something does not answer, 7 handrail.toml needs mending."
)


def _tell_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"handrail {__version__}")
        raise typer.Exit


Version = Annotated[
    bool, typer.Option("--version", callback=_tell_version, is_eager=True, help="Say which version this is.")
]

app = typer.Typer(
    name="handrail",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    epilog=EPILOG,
)


@app.callback()
def about(*, version: Version = False) -> None:
    """Approved runbooks carried out on real systems, proven by re-reading, stopped honestly."""


app.command("demo")(demo.demo)
app.command("up")(serve.up)
app.command("web")(serve.web)
app.command("worker")(serve.worker)
app.command("sandbox")(serve.sandbox)
app.command("migrate")(serve.migrate)
app.command("check")(check.check)

for name, group in {
    "definitions": definitions.group,
    "tasks": tasks.group,
    "runs": runs.group,
    "exceptions": exceptions.group,
    "support": support.group,
    "desk": desk.group,
    "packets": packets.group,
    "keys": keys.group,
    "intake": intake.group,
    "workspaces": workspaces.group,
    "tenants": tenants.group,
    "members": members.group,
    "audit": audit.group,
}.items():
    app.add_typer(group, name=name, no_args_is_help=True)
