"""Every command, under the groups that the help shows."""

from __future__ import annotations

import typer

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

app = typer.Typer(
    name="handrail",
    help="Approved runbooks carried out on real systems, proven by re-reading, stopped honestly.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    epilog=EPILOG,
)

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
