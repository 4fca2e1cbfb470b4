"""What came of the handoffs to the service desk, over all workspaces."""

from __future__ import annotations

from django.db import connection

from handrail.kernel.clock import now
from handrail.kernel.metric import Metric
from handrail.support.states import HandoffMode, HandoffOutcome

# As ``states.outcome`` has it, counted by the database over what its view shows of a request.
_OUTCOME = """
    SELECT CASE
        WHEN mode = %(internal)s THEN %(not_asked)s
        WHEN mode = %(link)s THEN %(linked)s
        WHEN has_ticket THEN %(created)s
        WHEN has_failed AND NOT is_doubtful THEN %(failed)s
        WHEN NOT has_failed AND deadline_at > %(now)s THEN %(under_way)s
        ELSE %(unknown)s
    END AS outcome, count(*) FROM handrail_handoff_lease GROUP BY outcome"""


def read() -> list[Metric]:
    words = {outcome.name.lower(): outcome.value for outcome in HandoffOutcome}
    modes = {"internal": HandoffMode.INTERNAL_ONLY.value, "link": HandoffMode.LINK.value}
    with connection.cursor() as cursor:
        cursor.execute(_OUTCOME, {**words, **modes, "now": now()})
        counts = dict(cursor.fetchall())
    values = {outcome.value: counts.get(outcome.value, 0) for outcome in HandoffOutcome}
    return [Metric("handrail_support_requests", "Support requests by the outcome of their handoff.", values, "outcome")]
