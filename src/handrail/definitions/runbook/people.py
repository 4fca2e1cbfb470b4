"""What a runbook says of the people who take over: checked as far as the definition alone can tell."""

from __future__ import annotations

from collections.abc import Sequence

from handrail.access.capabilities import Capability, having, withholds
from handrail.definitions.requests.checking import Context
from handrail.definitions.runbook.format import FollowUpSpec
from handrail.definitions.source.faults import Path

# What somebody needs who starts a follow-up run: they must have the exception packet.
_NEEDED = Capability.EXCEPTION_TAKE


def check_follow_ups(written: Sequence[FollowUpSpec], context: Context) -> None:
    """Notes runbooks and people that are named twice, and roles whose members can never start one."""
    named: set[str] = set()
    for index, follow_up in enumerate(written):
        path: Path = ("exception", "follow_up", index)
        if follow_up.runbook in named:
            context.add((*path, "runbook"), f"{follow_up.runbook} is listed twice")
        named.add(follow_up.runbook)
        for place, name in enumerate(follow_up.by):
            if withholds(name, _NEEDED):
                message = f"the role {name} can't start a follow-up run; name {having(_NEEDED)}, or a group"
                context.add((*path, "by", place), message)
            elif name in follow_up.by[:place]:
                context.add((*path, "by", place), f"{name} is listed twice")
