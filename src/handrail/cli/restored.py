"""Before anything is served: what a restore has brought back of erased tenants is forgotten again."""

from __future__ import annotations

from handrail.access import erasures, queries
from handrail.cli import output


def forget_again() -> None:
    """Applies the kept list of erasures. Raises Misconfigured for a list that was changed, and Unavailable where keys
    can't be reached: then nothing is served."""
    applied = erasures.apply_kept(by=queries.operator())
    if applied.keys or applied.tenants:
        refs = ", ".join(applied.tenants) or "no rows"
        output.say(f"A restore had brought back erased tenants: {applied.keys} keys destroyed again, rows of {refs}.")
