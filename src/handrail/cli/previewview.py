"""What a run would do now, on the terminal."""

from __future__ import annotations

from handrail.cli import output
from handrail.runbooks.actions.previews import Preview


def show(seen: Preview, *, json: bool) -> None:
    if json:
        output.print_json(seen)
        return
    invoke = seen.would_invoke
    output.print_facts(
        {
            "runbook": f"{seen.runbook} v{seen.version} ({seen.definition_digest})",
            "tenant": seen.tenant,
            "subject": seen.subject,
            "version": "matches" if seen.version_matches else "does not match: a run would stop",
            "unreadable": seen.unreadable,
            "would invoke": f"{invoke.step} through {invoke.connector}" if invoke else _nothing(seen),
            "operation": invoke.operation if invoke else None,
        }
    )
    results = [(r.condition, r.result or "holds", r.reason, r.kind) for r in seen.prerequisites]
    output.print_table("Prerequisites", ("condition", "result", "reason", "kind"), results)


def _nothing(seen: Preview) -> str:
    if seen.already_as_required:
        return "nothing: it is already as required, and a run would complete without a call"
    return "nothing: a run would stop"
