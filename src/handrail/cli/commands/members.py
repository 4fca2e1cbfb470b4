"""``handrail members``: people, their roles, and their tokens for the API."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from handrail.cli import output
from handrail.cli.installation import actor
from handrail.cli.options import As, InWorkspace, Json

group = typer.Typer(help="Members of a workspace: list, add, change, remove, restore, token, tokens, revoke-token.")

Email = Annotated[str, typer.Argument(metavar="EMAIL", help="The member's e-mail address.")]
Roles = Annotated[list[str], typer.Option("--role", metavar="ROLE", help="A role. Repeat it for several.")]
Tenants = Annotated[
    list[str] | None, typer.Option("--tenant", metavar="KEY", help="Entitle to this tenant only. Repeat for several.")
]
Groups = Annotated[
    list[str] | None,
    typer.Option(
        "--group", metavar="GROUP", help="A group of your own that profiles name signers by. Repeat for several."
    ),
]
Name = Annotated[str, typer.Option("--name", help="What people call the member.")]
PasswordIn = Annotated[
    bool, typer.Option("--password-stdin", help="Read the first password from standard input, instead of asking.")
]
TokenName = Annotated[str, typer.Option("--name", help="What the token is for.")]
Days = Annotated[int, typer.Option(min=1, max=366, help="The token expires after so many days.")]
TokenRef = Annotated[str, typer.Argument(metavar="TOKEN", help="The token's reference, TOK-….")]


@group.command("list")
def list_(*, as_: As = None, workspace: InWorkspace = None, json: Json = False) -> None:
    """The members of the workspace, with roles and tenants."""
    who = actor(as_, workspace)
    from handrail.access import queries

    rows = queries.list_members(who)
    if json:
        output.print_json(rows)
        return
    cells = [
        (m.email, m.name, ", ".join(m.roles), "all" if m.all_tenants else ", ".join(m.tenants), m.is_active)
        for m in rows
    ]
    output.print_table("", ("member", "name", "roles", "tenants", "active"), cells, empty="No members.")


@group.command("add")
def add(
    email: Email,
    *,
    role: Roles,
    tenant: Tenants = None,
    name: Name = "",
    group_: Groups = None,
    password_stdin: PasswordIn = False,
    as_: As = None,
    workspace: InWorkspace = None,
) -> None:
    """Make a person a member. Without --tenant they are entitled to every tenant of the workspace."""
    who = actor(as_, workspace)
    from handrail.access import actions

    password = sys.stdin.readline().rstrip("\n") if password_stdin else _ask()
    actions.check_password(password)
    actions.add_member(
        email=email, roles=role, tenants=tenant or None, by=who, password=password, name=name, groups=group_ or ()
    )
    output.say(f"{email} added")


@group.command("change")
def change(email: Email, *, role: Roles, group_: Groups = None, as_: As = None, workspace: InWorkspace = None) -> None:
    """Set a member's roles: these, and no others. Groups stay as they are unless some are given."""
    who = actor(as_, workspace)
    from handrail.access import actions

    actions.change_member(email=email, by=who, roles=role, groups=group_)
    output.say(f"{email} now has: {', '.join(sorted(set(role)))}")


@group.command("remove")
def remove(email: Email, *, as_: As = None, workspace: InWorkspace = None) -> None:
    """Take a member's access away. Their name stays in the audit log."""
    _switch(email, as_, workspace, on=False)


@group.command("restore")
def restore(email: Email, *, as_: As = None, workspace: InWorkspace = None) -> None:
    """Give a removed member the access back."""
    _switch(email, as_, workspace, on=True)


@group.command("token")
def token(
    email: Email, *, name: TokenName, days: Days = 90, as_: As = None, workspace: InWorkspace = None, json: Json = False
) -> None:
    """Make a token for the API. It can do what the member can do; it is shown once and kept as a digest only."""
    who = actor(as_, workspace)
    from handrail.access import tokens

    issued = tokens.issue(email=email, name=name, days=days, by=who)
    if json:
        output.print_json(issued)
        return
    output.print_facts({"token": issued.ref, "secret": issued.secret, "expires": issued.expires_at})


@group.command("tokens")
def tokens_(*, as_: As = None, workspace: InWorkspace = None, json: Json = False) -> None:
    """The tokens of the workspace's members, without their secrets."""
    who = actor(as_, workspace)
    from handrail.access import tokens

    rows = tokens.list_tokens(who)
    if json:
        output.print_json(rows)
        return
    cells = [(t.ref, t.email, t.name, t.created_at, t.expires_at, t.revoked_at) for t in rows]
    output.print_table("", ("token", "member", "for", "created", "expires", "revoked"), cells, empty="No tokens.")


@group.command("revoke-token")
def revoke_token(ref: TokenRef, *, as_: As = None, workspace: InWorkspace = None) -> None:
    """End a token now."""
    who = actor(as_, workspace)
    from handrail.access import tokens

    tokens.revoke(ref=ref, by=who)
    output.say(f"{ref} revoked")


def _switch(email: str, as_: str | None, workspace: str | None, *, on: bool) -> None:
    who = actor(as_, workspace)
    from handrail.access import actions

    actions.change_member(email=email, by=who, is_active=on)
    output.say(f"{email} {'restored' if on else 'removed'}")


def _ask() -> str:
    answer: str = typer.prompt("First password (at least 12 characters)", hide_input=True, confirmation_prompt=True)
    return answer
