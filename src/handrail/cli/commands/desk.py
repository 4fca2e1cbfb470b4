"""``handrail desk``: the one configured service desk, looked at without or with a ticket."""

from __future__ import annotations

from typing import Annotated

import typer

from handrail.cli import installation, output
from handrail.cli.identity import refuse_members
from handrail.cli.options import Json
from handrail.connectors import desk as desks
from handrail.connectors.desk import Created, Desk, Severity, TicketDraft
from handrail.kernel.errors import Misconfigured, Unavailable
from handrail.kernel.ids import Prefix, new_ref

group = typer.Typer()

Contact = Annotated[
    str, typer.Option("--contact-email", metavar="EMAIL", help="The requester's e-mail address on the ticket.")
]
COLUMNS = ("what", "state", "found", "fix")


@group.command("check")
def check(*, json: Json = False) -> None:
    """Check the settings, the credentials and the account's rights. Creates nothing."""
    findings = _desk().check()
    if json:
        output.print_json(findings)
    else:
        output.print_table("", COLUMNS, [(f.name, "ok" if f.ok else "wrong", f.message, f.fix) for f in findings])
    if any(not finding.ok for finding in findings):
        raise typer.Exit(1)


@group.command("try")
def try_(*, contact_email: Contact, json: Json = False) -> None:
    """Create one ticket, marked as a trial, and show where it is. Nothing is stored in Handrail.

    Exit code 6 when no ticket was created, or when that is unknown.
    """
    refuse_members()
    desk = _desk()

    ref = new_ref(Prefix.SUPPORT_REQUEST)
    body = f"This ticket was created by: handrail desk try\nHandrail reference: {ref}\nIt can be closed."
    draft = TicketDraft(
        ref, "Trial ticket from Handrail", body, Severity.LOW, "Handrail", contact_email, "No tenant: a trial"
    )
    came = desk.create(draft)
    created = isinstance(came, Created)
    result = {
        "desk": desk.name,
        "handrail reference": ref,
        "ticket": came.reference if isinstance(came, Created) else None,
        "address": came.url if isinstance(came, Created) else None,
        "failure": None if isinstance(came, Created) else came.summary(desk=desk.name, reference=ref),
    }
    if json:
        output.print_json(result)
    else:
        output.print_facts(result)
    if not created:
        raise typer.Exit(Unavailable.exit_code)


def _desk() -> Desk:
    """The configured desk. Raises Misconfigured when there is none."""
    installation.start()

    found = desks.configured()
    if found is None:
        raise Misconfigured("No external service desk is configured: add [desk] to handrail.toml.", code="no-desk")
    return found
