"""What a person may say became of an exception packet: one of the outcomes of the runbook version that its run had."""

from __future__ import annotations

from collections.abc import Mapping

from handrail.definitions.active import compiled_runbook
from handrail.definitions.runbook.format import DEFAULT_OUTCOMES
from handrail.kernel.errors import Conflict, Fault, Invalid
from handrail.runbooks.models import OperationRun


def known(run: OperationRun) -> Mapping[str, str]:
    """Title by code. Where that version can't be read any more, the usual ones: a packet can always be resolved."""
    try:
        return compiled_runbook(run.definition, pinned=run.definition_digest).outcomes
    except (Invalid, Conflict):
        return DEFAULT_OUTCOMES


def chosen(run: OperationRun, code: str) -> str:
    """``code``, which is one of them. Raises Invalid."""
    codes = known(run)
    if code not in codes:
        raise Invalid(
            "Say what became of it.", faults=[Fault("outcome", f"one of: {', '.join(codes)}")], code="outcome"
        )
    return code


def title(run: OperationRun, code: str) -> str:
    """What ``code`` is called; itself where no outcome has that code."""
    return known(run).get(code, code)
