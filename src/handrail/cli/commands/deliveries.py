"""``handrail deliveries``: what people do for lanes that can't be asked."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from handrail.cli import output
from handrail.cli.identity import actor
from handrail.cli.options import As, InWorkspace
from handrail.kernel.errors import Invalid
from handrail.kernel.secrets import Secret
from handrail.packets.actions import uploading

group = typer.Typer()

PacketRef = Annotated[str, typer.Argument(metavar="PACKET", help="The packet's reference, PKT-….")]
Exact = Annotated[int, typer.Option("--revision", min=1, help="The revision that is delivered.")]
From = Annotated[
    typer.FileText, typer.Option("--from", metavar="FILE", help="The file that holds the address; - reads input.")
]


@group.command("address")
def address(
    packet: PacketRef,
    *,
    revision: Exact,
    source: Annotated[
        typer.FileText,
        typer.Option("--from", metavar="FILE", help="The file that holds the address; - reads it from input."),
    ],
    expires: Annotated[
        str, typer.Option("--expires", metavar="TIME", help="When it expires, such as 2026-12-01T18:00Z.")
    ],
    as_: As = None,
    workspace: InWorkspace = None,
) -> None:
    """Give the upload address of a packet's case. It is stored encrypted, used once, and never shown."""
    who = actor(as_, workspace)
    given = Secret(source.read(10_000).strip())
    uploading.give_address(ref=packet, revision=revision, address=given, expires_at=_time(expires), by=who)
    output.say(f"{packet} revision {revision}: the address is kept until it is used or expires")


@group.command("confirm")
def confirm(
    packet: PacketRef,
    *,
    revision: Exact,
    arrived: Annotated[bool, typer.Option("--arrived/--not-arrived", help="What the vendor said.")],
    reason: Annotated[str, typer.Option("--reason", help="Who said so, and how, in up to 500 characters.")],
    as_: As = None,
    workspace: InWorkspace = None,
) -> None:
    """Say whether a package arrived whose answer was lost. If not, it is sent again."""
    who = actor(as_, workspace)
    uploading.confirm(ref=packet, revision=revision, arrived=arrived, reason=reason, by=who)
    output.say(f"{packet} revision {revision}: " + ("arrived" if arrived else "did not arrive; it is sent again"))


def _time(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise Invalid("--expires must be a time such as 2026-12-01T18:00Z.", code="time") from None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
