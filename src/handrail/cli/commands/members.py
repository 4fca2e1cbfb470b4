"""``handrail members``: people, their roles, and their tokens for the API."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from handrail.access import actions, enrolment, factors, queries, sessions, tokens
from handrail.access.capabilities import Role
from handrail.cli import output
from handrail.cli.identity import actor, operator
from handrail.cli.options import As, InWorkspace, Json

group = typer.Typer()

Email = Annotated[str, typer.Argument(metavar="EMAIL", help="The member's e-mail address.")]
_ROLES = f"One of {', '.join(Role)}. Repeat it for several."
Roles = Annotated[list[str], typer.Option("--role", metavar="ROLE", help=_ROLES)]
NewRoles = Annotated[list[str] | None, typer.Option("--role", metavar="ROLE", help=_ROLES)]
Tenants = Annotated[
    list[str] | None,
    typer.Option("--tenant", metavar="KEY", help="Entitle to this tenant only. Repeat it for several."),
]
AllTenants = Annotated[bool, typer.Option("--all-tenants", help="Entitle to every tenant, including future ones.")]
NoTenant = Annotated[bool, typer.Option("--no-tenant", help="Entitle to no tenant.")]
Groups = Annotated[
    list[str] | None,
    typer.Option("--group", metavar="GROUP", help="A group that profiles can name signers by. Repeat it for several."),
]
Name = Annotated[str, typer.Option("--name", help="What people call the member.")]
PasswordIn = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from standard input, instead of asking.")
]
NoPassword = Annotated[
    bool, typer.Option("--no-password", help="Set none: they log in by single sign-on, or get one later.")
]
ALL = "all"
End = Annotated[
    str | None, typer.Option("--end", metavar="SESSION", help="End this session, SES-…, or all of them: all.")
]
TokenName = Annotated[str, typer.Option("--name", help="What the token is for.")]
Days = Annotated[
    int | None,
    typer.Option("--days", min=1, help="The token expires after this many days. Default: [tokens] days, which is 90."),
]
Scopes = Annotated[
    list[str] | None,
    typer.Option(
        "--scope",
        metavar="SCOPE",
        help="What the token may do: read (the default), or an act such as run:start. Repeat it for several.",
    ),
]
Mine = Annotated[bool, typer.Option("--mine", help="Only your own.")]
Reason = Annotated[str, typer.Option("--reason", help="Why. It is in the audit log as a digest.")]
KeyRef = Annotated[str, typer.Argument(metavar="KEY", help="The passkey's reference, KEY-….")]


class Switch(StrEnum):
    ON = "on"
    OFF = "off"


Needed = Annotated[Switch, typer.Argument(metavar="on|off", help="Whether every member needs a second factor.")]
TokenRef = Annotated[str, typer.Argument(metavar="TOKEN", help="The token's reference, TOK-….")]


@group.command("list")
def list_(*, as_: As = None, workspace: InWorkspace = None, json: Json = False) -> None:
    """The members of the workspace, with roles and tenants."""
    who = actor(as_, workspace)
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
    no_password: NoPassword = False,
    as_: As = None,
    workspace: InWorkspace = None,
) -> None:
    """Make a person a member. Without --tenant they are entitled to every tenant of the workspace.

    You give at most what you have yourself; members entitled to every tenant may give every role. A password you can
    choose only for a member who can do no more than you.
    """
    if no_password and password_stdin:
        raise typer.BadParameter("give one of them", param_hint="--password-stdin, --no-password")
    who = actor(as_, workspace)
    password = None if no_password else output.read_line("password") if password_stdin else _ask("First password")
    actions.add_member(
        email=email, roles=role, tenants=tenant or None, by=who, password=password, name=name, groups=group_ or ()
    )
    output.say(f"{email} added")


@group.command("change")
def change(
    email: Email,
    *,
    role: NewRoles = None,
    group_: Groups = None,
    tenant: Tenants = None,
    all_tenants: AllTenants = False,
    no_tenant: NoTenant = False,
    as_: As = None,
    workspace: InWorkspace = None,
) -> None:
    """Set a member's roles, groups or tenants: exactly those given. What you don't give stays as it is."""
    if sum((bool(tenant), all_tenants, no_tenant)) > 1:
        raise typer.BadParameter("give one of them", param_hint="--tenant, --all-tenants, --no-tenant")
    if not (role or group_ or tenant or all_tenants or no_tenant):
        raise typer.BadParameter("say what is to change", param_hint="--role, --group, --tenant")
    who = actor(as_, workspace)
    named = [] if no_tenant else tenant or None
    actions.change_member(
        email=email, by=who, roles=role or None, groups=group_ or None, all_tenants=all_tenants, tenants=named
    )
    now = queries.get_member(who, email)
    entitled = "every tenant" if now.all_tenants else ", ".join(now.tenants) or "no tenant"
    output.say(f"{email} now has: {', '.join(now.roles)}; for: {entitled}")


@group.command("password")
def password_(
    email: Email, *, password_stdin: PasswordIn = False, as_: As = None, workspace: InWorkspace = None
) -> None:
    """Set a member's password and end all their sessions. API tokens stay valid.

    With --as or a token: only of a member who can do no more than you.
    """
    who = actor(as_, workspace)
    password = output.read_line("password") if password_stdin else _ask("New password")
    actions.set_password(email=email, password=password, by=who)
    output.say(f"{email} has a new password; all their sessions have ended")


@group.command("remove")
def remove(email: Email, *, as_: As = None, workspace: InWorkspace = None) -> None:
    """Remove a member's access. Their name stays in the audit log."""
    _switch(email, as_, workspace, on=False)


@group.command("restore")
def restore(email: Email, *, as_: As = None, workspace: InWorkspace = None) -> None:
    """Restore a removed member's access."""
    _switch(email, as_, workspace, on=True)


@group.command("sessions")
def sessions_(
    email: Email, *, end: End = None, as_: As = None, workspace: InWorkspace = None, json: Json = False
) -> None:
    """Where a member is logged in. With --end, end one of these sessions, or all."""
    who = actor(as_, workspace)
    if end is not None:
        ended = sessions.end_of_member(email, by=who, ref="" if end == ALL else end)
        output.say(f"{ended} session{'' if ended == 1 else 's'} of {email} ended")
        return
    rows = sessions.list_of_member(who, email)
    if json:
        output.print_json(rows)
        return
    cells = [
        (s.ref, s.device, s.address if s.address is not None else "not shown", s.method, s.begun_at, s.seen_at)
        for s in rows
    ]
    columns = ("session", "device", "address", "by", "logged in", "last active")
    output.print_table("", columns, cells, empty="Not logged in anywhere.")


@group.command("token")
def token(
    email: Email,
    *,
    name: TokenName,
    scope: Scopes = None,
    days: Days = None,
    as_: As = None,
    workspace: InWorkspace = None,
    json: Json = False,
) -> None:
    """Create a token of your own, for the API and the command line. EMAIL is your address: nobody creates a token for
    someone else, and no token creates one. It is shown once; only its digest is stored.

    The page Tokens does the same. Here, it needs an installation that lets --as decide ([cli] act_as).
    """
    if as_ is not None and as_.lower() != email.lower():
        raise typer.BadParameter("a token is always one's own: give the same address twice, or once", param_hint="--as")
    who = actor(email, workspace)
    issued = tokens.issue(name=name, days=days, scopes=scope or tokens.DEFAULT_SCOPES, by=who)
    if json:
        output.print_json(issued)
        return
    facts = {"token": issued.ref, "secret": issued.secret, "scope": ", ".join(issued.scopes)}
    output.print_facts({**facts, "expires": issued.expires_at})


@group.command("tokens")
def tokens_(*, mine: Mine = False, as_: As = None, workspace: InWorkspace = None, json: Json = False) -> None:
    """The tokens of the workspace's members, without their secrets, and when each was last used."""
    who = actor(as_, workspace)
    rows = tokens.list_own(who) if mine else tokens.list_tokens(who)
    if json:
        output.print_json(rows)
        return
    cells = [
        (t.ref, t.email, t.name, ", ".join(t.scopes), t.last_used_at, t.last_used_from, t.expires_at, t.revoked_at)
        for t in rows
    ]
    columns = ("token", "member", "for", "scope", "last used", "from", "expires", "revoked")
    output.print_table("", columns, cells, empty="No tokens.")


@group.command("revoke-token")
def revoke_token(ref: TokenRef, *, as_: As = None, workspace: InWorkspace = None) -> None:
    """Revoke a token immediately: your own, or another member's if you manage members."""
    who = actor(as_, workspace)
    tokens.revoke(ref=ref, by=who)
    output.say(f"{ref} revoked")


@group.command("keys")
def keys(email: Email, *, as_: As = None, workspace: InWorkspace = None, json: Json = False) -> None:
    """A member's passkeys, and who has confirmed them."""
    rows = enrolment.list_of_member(actor(as_, workspace), email)
    if json:
        output.print_json(rows)
        return
    cells = [(k.ref, k.name, k.state, k.enrolled_at, k.confirmed_by or "", k.fingerprint) for k in rows]
    columns = ("passkey", "name", "state", "enrolled", "confirmed by", "fingerprint")
    output.print_table("", columns, cells, empty="No passkeys. Members enrol them on the page Passkeys and codes.")


@group.command("confirm-key")
def confirm_key(ref: KeyRef, *, as_: As = None, workspace: InWorkspace = None) -> None:
    """Confirm, as a second person, whose passkey it is: it counts for signing from then on.

    Have the member read its fingerprint to you first.
    """
    enrolment.confirm(ref=ref, by=actor(as_, workspace))
    output.say(f"{ref} confirmed: it counts for signing")


@group.command("remove-key")
def remove_key(ref: KeyRef, *, reason: Reason, as_: As = None, workspace: InWorkspace = None) -> None:
    """End a member's passkey, now and for ever, in every workspace."""
    enrolment.remove(ref=ref, reason=reason, by=actor(as_, workspace))
    output.say(f"{ref} removed: it opens nothing any more, and the member's sessions have ended")


@group.command("second-factor")
def second_factor(needed: Needed, *, as_: As = None, workspace: InWorkspace = None) -> None:
    """Have the workspace need a second factor of every member (on), or not any more (off)."""
    factors.require_second_factor(required=needed is Switch.ON, by=actor(as_, workspace))
    output.say("every member needs a second factor" if needed is Switch.ON else "no second factor is needed")


@group.command("reset-factors")
def reset_factors(email: Email) -> None:
    """For somebody who has lost everything: end all their passkeys, codes and sessions, in every workspace.

    For the operator of the installation. Of a signer, a member who manages members removes the passkeys first.
    """
    ended = factors.reset(email=email, by=operator())
    output.say(f"second factors of {email} are reset: {ended} passkey{'' if ended == 1 else 's'} ended")


def _switch(email: str, as_: str | None, workspace: str | None, *, on: bool) -> None:
    who = actor(as_, workspace)
    actions.change_member(email=email, by=who, is_active=on)
    output.say(f"{email} {'restored' if on else 'removed'}")


def _ask(what: str) -> str:
    try:
        answer: str = typer.prompt(f"{what} (12 to 256 characters)", hide_input=True, confirmation_prompt=True)
    except UnicodeDecodeError:
        raise output.unreadable("password") from None
    return answer
