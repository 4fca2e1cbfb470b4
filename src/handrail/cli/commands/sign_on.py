"""``handrail sign-on``: who members are at the identity provider."""

from __future__ import annotations

from typing import Annotated

import typer

from handrail.access import actions, queries
from handrail.cli import output
from handrail.cli.identity import actor, operator
from handrail.cli.options import As, InWorkspace, Json

group = typer.Typer()

Email = Annotated[str, typer.Argument(metavar="EMAIL", help="The member's e-mail address.")]
OldIssuer = Annotated[str, typer.Argument(metavar="OLD", help="The issuer that identities are kept under.")]
NewIssuer = Annotated[
    str, typer.Argument(metavar="NEW", help="The provider's new issuer, as in [single_sign_on] issuer.")
]


@group.command("list")
def list_(*, as_: As = None, workspace: InWorkspace = None, json: Json = False) -> None:
    """The members who have logged in through the identity provider, with issuer and subject."""
    rows = queries.list_identities(actor(as_, workspace))
    if json:
        output.print_json(rows)
        return
    cells = [(row.email, row.issuer, row.subject, row.joined_at) for row in rows]
    output.print_table("", ("member", "issuer", "subject", "joined"), cells, empty="No identities.")


@group.command("remove")
def remove(email: Email, *, as_: As = None, workspace: InWorkspace = None) -> None:
    """Part a member from their identity and end their sessions. The next one with their verified address joins."""
    actions.remove_identity(email=email, by=actor(as_, workspace))
    output.say(f"{email} has no identity at the provider any more; their next log-in there joins a new one")


@group.command("move")
def move(old: OldIssuer, new: NewIssuer) -> None:
    """Keep all identities of an issuer under its new address. For the installation's operator only.

    Only for the same provider with the same people: a person with a subject there opens the account with it here.
    """
    count = actions.move_identities(old=old, new=new, by=operator())
    output.say(f"{count} identities moved to {new}")
