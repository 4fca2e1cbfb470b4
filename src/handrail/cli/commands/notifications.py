"""``handrail notifications``: who was notified of what, sending again, and what one chooses."""

from __future__ import annotations

from typing import Annotated

import typer

from handrail.cli import output
from handrail.cli.identity import actor
from handrail.cli.options import As, InWorkspace, Json, Limit
from handrail.notifications import queries
from handrail.notifications.actions import redelivering
from handrail.notifications.queries import MessageFilter

group = typer.Typer()

MessageRef = Annotated[str, typer.Argument(metavar="MESSAGE", help="The message's reference, NTF-….")]
About = Annotated[str, typer.Option("--about", metavar="REF", help="Only about this object: EXC-…, PKT-….")]
Outcome = Annotated[
    str,
    typer.Option(
        "--outcome", metavar="OUTCOME", help="Only undelivered, waiting, delivered, failed, unknown or dropped ones."
    ),
]
After = Annotated[str, typer.Option("--after", metavar="MESSAGE", help="Go on behind this message of a list.")]
MayRepeat = Annotated[bool, typer.Option("--may-repeat", help="Although its outcome is unknown: it may come twice.")]
On = Annotated[list[str] | None, typer.Option("--on", metavar="KIND", help="Be notified of this kind by e-mail.")]
Off = Annotated[list[str] | None, typer.Option("--off", metavar="KIND", help="Don't be notified of this kind.")]
Usual = Annotated[list[str] | None, typer.Option("--usual", metavar="KIND", help="As your roles say.")]
COLUMNS = ("message", "about", "tells", "to", "channel", "outcome", "at", "attempts", "why not")


@group.command("list")
def list_(
    *,
    about: About = "",
    outcome: Outcome = "",
    after: After = "",
    limit: Limit = 50,
    as_: As = None,
    workspace: InWorkspace = None,
    json: Json = False,
) -> None:
    """Messages in your scope, newest first: who was notified of what, through which channel, and what failed."""
    wanted = MessageFilter(about=about, outcome=outcome, after=after, limit=limit)
    rows = queries.list_messages(actor(as_, workspace), wanted)
    if json:
        output.print_json(rows)
        return
    cells = [
        (m.ref, ", ".join(m.about), m.tells, m.recipient, m.channel, m.outcome, m.at, m.attempts, m.failure)
        for m in rows
    ]
    output.print_table("", COLUMNS, cells, empty="There are no such messages.")


@group.command("redeliver")
def redeliver(
    message: MessageRef, *, may_repeat: MayRepeat = False, as_: As = None, workspace: InWorkspace = None
) -> None:
    """Send a message again that its channel does not have."""
    who = actor(as_, workspace)
    redelivering.redeliver(ref=message, by=who, may_repeat=may_repeat)
    output.say(f"{message} is sent again")


@group.command("choices")
def choices(*, as_: As = None, workspace: InWorkspace = None, json: Json = False) -> None:
    """What you can be notified of by e-mail, and whether you are."""
    rows = queries.list_choices(actor(as_, workspace))
    if json:
        output.print_json(rows)
        return
    cells = [(c.kind, c.label, "on" if c.email else "off", "your choice" if c.chosen else "as usual") for c in rows]
    output.print_table("", ("kind", "what", "e-mail", "why"), cells, empty="Nothing is sent to a process. Name --as.")


@group.command("choose")
def choose(
    *, on: On = None, off: Off = None, usual: Usual = None, as_: As = None, workspace: InWorkspace = None
) -> None:
    """Choose what you are notified of by e-mail."""
    who = actor(as_, workspace)
    wanted: dict[str, bool | None] = {
        **dict.fromkeys(usual or (), None),
        **dict.fromkeys(off or (), False),
        **dict.fromkeys(on or (), True),
    }
    redelivering.choose(choices=wanted, by=who)
    output.say("Chosen" if wanted else "Nothing was chosen")
