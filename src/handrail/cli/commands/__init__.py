"""Every command and group, as the help lists them. Each is one module of this folder, imported when it is named."""

from __future__ import annotations

from typing import Annotated

import typer

from handrail import __version__
from handrail.cli.lazy import Lazy, LazyGroup

EPILOG = (
    "Exit codes: 0 done, 1 a check failed, 2 wrong input, 3 not found, 4 not allowed, "
    "5 not possible now, 6 a system did not respond, 7 handrail.toml needs fixing."
)


class Commands(LazyGroup):
    entries = {
        "demo": Lazy("demo", "demo", "Watch the whole product on a practice estate."),
        "up": Lazy("serve", "up", "Migrate, then run the web server and the workers."),
        "web": Lazy("serve", "web", "Serve the pages and the API."),
        "worker": Lazy("worker", "worker", "Advance runs, deliver reports and packets until SIGTERM."),
        "sandbox": Lazy("sandbox", "sandbox", "Serve the practice estate alone.", models=False),
        "migrate": Lazy("serve", "migrate", "Migrate the database to this version."),
        "database": Lazy("database", "group", "The rights of the database role that serves: grants."),
        "check": Lazy("check", "check", "Check whether this installation is ready, and show what to fix."),
        "definitions": Lazy(
            "definitions",
            "group",
            "Definitions: check, propose, list, show, approve, reject, deprecate, request-return, bring-back.",
        ),
        "tasks": Lazy("tasks", "group", "Delegated tasks: pull, receive, refused, system, messages, redeliver."),
        "find": Lazy("find", "find", "Find a run, packet, support request, task or tenant by what you have of it."),
        "runs": Lazy(
            "runs",
            "group",
            "Runs: list, show, watch, preview, start, cancel, stop, found-wrong, reviews, review, redeliver.",
        ),
        "brakes": Lazy(
            "brakes", "group", "Brakes: list what is paused, pause, resume; circuit breakers: breakers, close."
        ),
        "waves": Lazy("waves", "group", "Waves of runs: list, show, watch, start, pause, resume, abandon."),
        "exceptions": Lazy(
            "exceptions",
            "group",
            "Exception packets: list, groups, show, take, take-all, note, hand-back, assign, resolve, resolve-all, "
            "read-again, follow-up.",
        ),
        "notifications": Lazy(
            "notifications", "group", "Messages to people: list, redeliver; what you choose: choices, choose."
        ),
        "responders": Lazy("responders", "group", "The responders that runbooks and profiles name: list, test."),
        "support": Lazy("support", "group", "Support requests from a tenant or a run: request, latest, diagnostics."),
        "desk": Lazy("desk", "group", "The service desk: check, or try with one ticket."),
        "vendor": Lazy("vendor", "group", "After a release: recall it, settle what the vendor minded, write recalls."),
        "pictures": Lazy("pictures", "group", "Pictures of an escalation packet: show, redact, attest."),
        "packets": Lazy(
            "packets",
            "group",
            "Escalation packets: list, assemble, preview, reassemble, discard, show, diff, holds, clear, mask, "
            "approve, seen, reject, withdraw, release, document, export.",
        ),
        "deliveries": Lazy("deliveries", "group", "Lanes that can't be asked: address (of an upload), confirm."),
        "keys": Lazy("keys", "group", "Release keys: generate, list, rotate, retire, revoke, export."),
        "intake": Lazy(
            "intake",
            "group",
            "The receiver's side: verify, reply, recalls, keys, version; app writes it as one file.",
            models=False,
        ),
        "workspaces": Lazy("workspaces", "group", "Workspaces: list, add. For the installation's operator only."),
        "tenants": Lazy(
            "tenants",
            "group",
            "Tenants of a workspace: list, add, rename, close, reopen; legal holds: hold, holds, lift-hold; and what is"
            " forgotten: preview-erasure, erase, confirm-erasure, withdraw-erasure, erasures, certificate.",
        ),
        "members": Lazy(
            "members",
            "group",
            "Members of a workspace: list, add, change, password, remove, restore, sessions, token, tokens, "
            "revoke-token; passkeys and codes: keys, confirm-key, remove-key, second-factor, reset-factors.",
        ),
        "sign-on": Lazy("sign_on", "group", "Identities of members at the identity provider: list, remove, move."),
        "evaluation": Lazy("evaluation", "group", "Figures of what came of runs and packets: runs, packets, handling."),
        "audit": Lazy(
            "audit",
            "group",
            "The audit log: list, verify, seal, accept-restore, checkpoint, key, witnesses, prove, proof, timestamp, "
            "export, check-export, check-proof.",
        ),
        "witness": Lazy(
            "witness",
            "group",
            "A witness of audit logs, elsewhere: init, key, trust, list, serve.",
            models=False,
        ),
    }


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"handrail {__version__}")
        raise typer.Exit


Version = Annotated[
    bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and exit.")
]

app = typer.Typer(
    name="handrail",
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    epilog=EPILOG,
)


@app.callback()
def about(*, version: Version = False) -> None:
    """Run approved runbooks on real systems, prove each result by re-reading, and stop when in doubt."""
