"""``handrail tenants``: the customers of a workspace."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from handrail.access import actions, erasures, holds, queries
from handrail.cli import output
from handrail.cli.identity import actor
from handrail.cli.options import As, InWorkspace, Json
from handrail.kernel.errors import Conflict

group = typer.Typer()

Key = Annotated[str, typer.Argument(metavar="KEY", help="The customer's identifier in the authoritative registry.")]
Name = Annotated[str, typer.Option("--name", help="What people call the customer.")]
NewName = Annotated[str | None, typer.Option("--name", help="What people call the customer from now on.")]
NewKey = Annotated[
    str | None, typer.Option("--key", metavar="KEY", help="Another key. Only while no run or packet is under way.")
]
Ref = Annotated[str, typer.Argument(metavar="REF", help="Its reference, such as HLD-7K3M9QX2ZA or ERA-7K3M9QX2ZA.")]
Reason = Annotated[str, typer.Option("--reason", help="Why. It is kept and shown with the tenant.")]
WhyLift = Annotated[str | None, typer.Option("--reason", help="Why it is to be lifted. It is kept.")]
Confirm = Annotated[bool, typer.Option("--confirm", help="Confirm what another person asked.")]


@group.command("list")
def list_(*, as_: As = None, workspace: InWorkspace = None, json: Json = False) -> None:
    """Tenants in your scope."""
    who = actor(as_, workspace)
    rows = queries.list_tenants(who)
    if json:
        output.print_json(rows)
        return
    cells = [(r.key, r.name, r.closed_at) for r in rows]
    output.print_table("", ("tenant", "name", "closed"), cells, empty="No tenants.")


@group.command("add")
def add(key: Key, *, name: Name, as_: As = None, workspace: InWorkspace = None) -> None:
    """Add a tenant."""
    who = actor(as_, workspace)
    actions.create_tenant(key=key, name=name, by=who)
    output.say(f"tenant {key} added")


@group.command("rename")
def rename(
    key: Key, *, name: NewName = None, new_key: NewKey = None, as_: As = None, workspace: InWorkspace = None
) -> None:
    """Give a tenant another name, another key, or both."""
    if name is None and new_key is None:
        raise typer.BadParameter("give one of them, or both", param_hint="--name, --key")
    who = actor(as_, workspace)
    tenant = actions.rename_tenant(key=key, name=name, new_key=new_key, by=who)
    output.say(f"tenant {tenant.key} is now called {tenant.name}")


@group.command("close")
def close(key: Key, *, reason: Reason, as_: As = None, workspace: InWorkspace = None) -> None:
    """Close a tenant: no new runs, support requests or packets. What was done stays readable."""
    who = actor(as_, workspace)
    actions.close_tenant(key=key, reason=reason, by=who)
    output.say(f"tenant {key} closed")


@group.command("reopen")
def reopen(key: Key, *, as_: As = None, workspace: InWorkspace = None) -> None:
    """Reopen a closed tenant."""
    who = actor(as_, workspace)
    actions.reopen_tenant(key=key, by=who)
    output.say(f"tenant {key} reopened")


@group.command("holds")
def list_holds(key: Key, *, as_: As = None, workspace: InWorkspace = None, json: Json = False) -> None:
    """Legal holds of a tenant: while one stands, nothing of it is forgotten."""
    rows = holds.list_holds(actor(as_, workspace), key)
    if json:
        output.print_json(rows)
        return
    cells = [(r.ref, r.at, r.by, r.reason, r.lift_asked_by, r.lifted_at) for r in rows]
    columns = ("hold", "set", "by", "reason", "asked to lift by", "lifted")
    output.print_table("", columns, cells, empty="No hold was ever set.")


@group.command("hold")
def hold(key: Key, *, reason: Reason, as_: As = None, workspace: InWorkspace = None) -> None:
    """Set a legal hold: nothing of the tenant is forgotten while it stands."""
    ref = holds.set_hold(key=key, reason=reason, by=actor(as_, workspace))
    output.say(f"{ref} holds tenant {key}")


@group.command("lift-hold")
def lift_hold(
    ref: Ref, *, reason: WhyLift = None, confirm: Confirm = False, as_: As = None, workspace: InWorkspace = None
) -> None:
    """Ask to lift a legal hold, with --reason; or confirm, with --confirm, what another person asked."""
    if confirm == (reason is not None):
        raise typer.BadParameter("give one of them", param_hint="--reason, --confirm")
    who = actor(as_, workspace)
    if reason is not None:
        holds.ask_to_lift(ref=ref, reason=reason, by=who)
        output.say(f"another person can confirm now: handrail tenants lift-hold {ref} --confirm")
        return
    holds.lift(ref=ref, by=who)
    output.say(f"{ref} is lifted")


@group.command("preview-erasure")
def preview_erasure(key: Key, *, as_: As = None, workspace: InWorkspace = None, json: Json = False) -> None:
    """What an erasure would forget, and what would stay and why. It forgets nothing."""
    seen = erasures.preview(actor(as_, workspace), key)
    if json:
        output.print_json(seen)
        return
    for sentence in seen.in_the_way:
        output.say(sentence)
    cells = [(f"{one.table}.{one.column}", one.sealed) for one in seen.forgotten]
    output.print_table("Forgotten", ("where", "rows"), cells, empty="Nothing is sealed for this tenant yet.")
    output.say(f"Overwritten or deleted: {', '.join(seen.overwritten)}")
    output.print_table("Stays", ("what", "rows", "why"), [(one.what, one.rows, one.why) for one in seen.stays])


@group.command("erase")
def erase(key: Key, *, reason: Reason, as_: As = None, workspace: InWorkspace = None) -> None:
    """Ask to erase a tenant. Nothing is forgotten until another person confirms."""
    ref = erasures.ask(key=key, reason=reason, by=actor(as_, workspace))
    output.say(f"{ref} is asked for. Another person confirms: handrail tenants confirm-erasure {ref}")


@group.command("confirm-erasure")
def confirm_erasure(ref: Ref, *, as_: As = None, workspace: InWorkspace = None, json: Json = False) -> None:
    """Erase a tenant, as another person than the one who asked. Nothing brings back what is forgotten."""
    done = erasures.confirm(ref=ref, by=actor(as_, workspace))
    if json:
        output.print_json(done)
        return
    if done.certificate:
        sys.stdout.write(f"{done.certificate}\n")
    output.say(f"{done.ref} is {done.state}")


@group.command("withdraw-erasure")
def withdraw_erasure(ref: Ref, *, as_: As = None, workspace: InWorkspace = None) -> None:
    """Withdraw an erasure that was asked for and not confirmed."""
    erasures.withdraw(ref=ref, by=actor(as_, workspace))
    output.say(f"{ref} is withdrawn")


@group.command("erasures")
def list_erasures(key: Key, *, as_: As = None, workspace: InWorkspace = None, json: Json = False) -> None:
    """Erasures of a tenant: asked for, confirmed, finished or withdrawn."""
    rows = erasures.list_erasures(actor(as_, workspace), key)
    if json:
        output.print_json(rows)
        return
    cells = [(r.ref, r.state, r.at, r.by, r.confirmed_by, r.finished_at) for r in rows]
    output.print_table("", ("erasure", "state", "asked", "by", "confirmed by", "finished"), cells, empty="None.")


@group.command("certificate")
def certificate(ref: Ref, *, as_: As = None, workspace: InWorkspace = None) -> None:
    """The certificate of a finished erasure, as a note that was signed with the audit key."""
    found = erasures.get_erasure(actor(as_, workspace), ref)
    if not found.envelope:
        raise Conflict(f"{ref} is not finished: {found.state}.", code="erasure-unfinished")
    sys.stdout.write(f"{found.envelope}\n")
