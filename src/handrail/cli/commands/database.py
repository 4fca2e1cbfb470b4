"""``handrail database``: the rights of the role that serves."""

from __future__ import annotations

from typing import Annotated

import typer

from handrail.cli import installation, migrations, output
from handrail.kernel.errors import Misconfigured

group = typer.Typer()

Apply = Annotated[bool, typer.Option("--apply", help="Apply them as the owner's role, as handrail migrate does.")]


@group.callback()
def about() -> None:
    """What the database lets the serving role do and see."""


@group.command("grants")
def grants(*, apply: Apply = False) -> None:
    """Print the grants and row security of this version as SQL, or apply them. Applying them again changes nothing."""
    installation.start()

    with installation.as_owner():
        if pending := migrations.pending():
            message = f"{len(pending)} migrations are pending, and grants follow them. Run: handrail migrate"
            raise Misconfigured(message, code="migrations-pending")
        if apply:
            output.say("applied" if installation.apply_rights() else "They are applied already.")
            return
        for statement in installation.rights():
            print(f"{statement};")
