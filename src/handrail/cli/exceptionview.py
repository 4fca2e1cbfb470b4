"""What an exception packet tells of the outside world, on the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from handrail.access.actor import Actor
from handrail.cli import output
from handrail.notifications.queries import messages_about
from handrail.runbooks.queries.rereadings import ReadAgain, Reread


def changed(account: Mapping[str, Any]) -> str:
    """Whether something was changed outside, and by what that is known; empty without an account."""
    return f"{account['changed']}. {account['why']}" if account else ""


def due(at: datetime | None, is_late: bool) -> str:
    """Until when it should be resolved; empty where nothing says so."""
    return f"{at:%Y-%m-%d %H:%M}Z{' (late)' if is_late else ''}" if at else ""


def show_state(account: Mapping[str, Any]) -> None:
    """Before, after and required side by side; nothing for a stop before anything was sent."""
    if not account.get("state"):
        return
    cells = [
        (row["name"], _shown(row, "before"), _shown(row, "after"), "; ".join(row["required"]))
        for row in account["state"]
    ]
    output.print_table("State", ("value", "before", "after", "required"), cells)


def show_notified(actor: Actor, ref: str) -> None:
    """Who was notified of an object, through which channel, and what failed; nothing where nobody was to be."""
    rows = messages_about(actor, ref)
    cells = [(m.ref, m.recipient, m.channel, m.outcome, m.at, m.failure) for m in rows]
    if cells:
        output.print_table("Notified", ("message", "who", "channel", "outcome", "at", "why not"), cells)


def _shown(row: Mapping[str, Any], when: str) -> Any:
    return "withheld" if row.get("withheld") else row.get(when, "not read")


def show_reread(found: Reread | None) -> None:
    """What the sources said when a person had them read once more; nothing where nobody had."""
    if found is None:
        return
    cells = [
        (one.name, *(_known(one, value) for value in (one.before, one.packet, one.now)), "; ".join(one.required))
        for one in found.rows
    ]
    title = f"Read again by {found.by} at {found.at:%Y-%m-%d %H:%M}Z"
    output.print_table(title, ("value", "before", "packet", "now", "required"), cells, empty="Nothing could be read.")
    if found.unread:
        output.print_table("", ("not read", "why"), list(found.unread.items()))


def _known(one: ReadAgain, value: Any) -> Any:
    if one.withheld:
        return "withheld, differs" if one.differs else "withheld"
    return "not known" if value is None else value
