"""``handrail support``: a request raised from a tenant or a run, and the latest of each."""

from __future__ import annotations

from typing import Annotated

import typer

from handrail.cli import output
from handrail.cli.identity import actor
from handrail.cli.options import As, InWorkspace, Json
from handrail.kernel.errors import Unavailable
from handrail.support import context, queries
from handrail.support.actions import support_requests
from handrail.support.input import SupportRequestInput, new_key
from handrail.support.queries import Handoff
from handrail.support.states import HandoffOutcome

group = typer.Typer()

Tenant = Annotated[str | None, typer.Option("--tenant", metavar="KEY", help="The tenant that it is about.")]
Run = Annotated[str | None, typer.Option("--run", metavar="RUN", help="The run that it is about, instead of a tenant.")]
Summary = Annotated[str, typer.Option("--summary", help="What is wrong, in one line of up to 200 characters.")]
Mode = Annotated[str, typer.Option("--mode", help="internal_only, create_external_ticket or link_existing_ticket.")]
Severity = Annotated[str, typer.Option("--severity", help="low, normal, high or urgent.")]
Notes = Annotated[str, typer.Option("--notes", help="Steps to reproduce, in up to 4000 characters.")]
Ticket = Annotated[
    str,
    typer.Option(
        "--ticket", help="With link_existing_ticket: its reference, or its address if that contains the reference."
    ),
]
TicketUrl = Annotated[str, typer.Option("--ticket-url", help="With link_existing_ticket: its address, if known.")]
Name = Annotated[str, typer.Option("--contact-name", help="The name of the contact. Default: the member who acts.")]
Email = Annotated[
    str, typer.Option("--contact-email", help="The e-mail address of the contact. Default: the member who acts.")
]
Key = Annotated[
    str, typer.Option("--key", help="Repeat a submission with its key to get the same answer, never a second ticket.")
]
Attachment = Annotated[str, typer.Option("--attachment", help="redacted_context or reference_only.")]


@group.command("request")
def request(
    *,
    summary: Summary,
    tenant: Tenant = None,
    run: Run = None,
    mode: Mode = "internal_only",
    severity: Severity = "normal",
    notes: Notes = "",
    ticket: Ticket = "",
    ticket_url: TicketUrl = "",
    contact_name: Name = "",
    contact_email: Email = "",
    attachment: Attachment = "redacted_context",
    key: Key = "",
    as_: As = None,
    workspace: InWorkspace = None,
    json: Json = False,
) -> None:
    """Raise a support request and hand it to the service desk according to --mode.

    Exit code 6 when the desk created no ticket, or when that is unknown. The request itself is stored.
    """
    _one_place(tenant, run)
    who = actor(as_, workspace)
    given = SupportRequestInput.parse(
        {
            "mode": mode,
            "severity": severity,
            "summary": summary,
            "notes": notes,
            "contact_name": contact_name,
            "contact_email": contact_email,
            "external_reference": ticket,
            "external_url": ticket_url,
            "attachment": attachment,
        }
    )
    place = {"tenant": tenant or None, "run": run or None}
    handoff = support_requests.submit(by=who, given=given, submission_key=key or new_key(), **place).handoff
    _show(handoff, json=json)
    if handoff.outcome in {HandoffOutcome.FAILED, HandoffOutcome.UNKNOWN}:
        raise typer.Exit(Unavailable.exit_code)


@group.command("latest")
def latest(
    *, tenant: Tenant = None, run: Run = None, as_: As = None, workspace: InWorkspace = None, json: Json = False
) -> None:
    """The latest request of a tenant or a run, and the outcome of its handoff."""
    _one_place(tenant, run)
    who = actor(as_, workspace)
    found = queries.latest_for_run(who, run) if run else queries.latest_for_tenant(who, tenant or "")
    if found is None and not json:
        output.say("No support request was raised here.")
        return
    _show(found, json=json)


@group.command("diagnostics")
def diagnostics(
    *, tenant: Tenant = None, run: Run = None, as_: As = None, workspace: InWorkspace = None, json: Json = False
) -> None:
    """Exactly what a request raised now would attach. Nothing is stored or sent."""
    _one_place(tenant, run)
    who = actor(as_, workspace)
    seen = context.diagnostics(who, tenant=tenant or None, run=run or None)
    if json:
        output.print_json(seen.envelope)
        return
    for line in seen.text.splitlines():
        output.say(line)


def _one_place(tenant: str | None, run: str | None) -> None:
    if bool(tenant) == bool(run):
        raise typer.BadParameter("give either --tenant or --run")


def _show(handoff: Handoff | None, *, json: bool) -> None:
    if json or handoff is None:
        output.print_json(handoff)
        return
    output.print_facts(
        {
            "support reference": handoff.ref,
            "tenant": handoff.tenant,
            "run": handoff.run,
            "raised": handoff.created_at,
            "handoff": f"{handoff.mode}: {handoff.outcome}",
            "external ticket": handoff.external_reference,
            "address": handoff.external_url,
            "failure": handoff.failure,
        }
    )
