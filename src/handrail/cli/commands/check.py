"""``handrail check``: is this installation fit to work, and if not, what to fix."""

from __future__ import annotations

import typer

from handrail.cli import checks, output
from handrail.cli.options import Json
from handrail.connectors.finding import Finding


def check(*, json: Json = False) -> None:
    """Check configuration, secrets, database, clock, connectors and task system, and show what to fix."""
    findings = checks.all_findings()
    wrong = [finding for finding in findings if not finding.ok]
    if json:
        output.print_json(findings)
    else:
        cells = [(f.name, _state(f), f.message, f.fix) for f in findings]
        output.print_table("", ("what", "state", "found", "fix"), cells)
        output.say(f"{len(wrong)} of {len(findings)} need fixing." if wrong else "Everything is in order.")
    if wrong:
        raise typer.Exit(1)


def _state(finding: Finding) -> str:
    if not finding.ok:
        return "wrong"
    return "note" if finding.fix else "ok"
