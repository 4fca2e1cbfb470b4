"""How long runs are leased, and how long the engine, reports and workers wait: one value, set once per process."""

from __future__ import annotations

from dataclasses import dataclass

from handrail.kernel.configured import Configured
from handrail.work.backoff import doubled

# After this many unexpected errors without progress in between, a run stops as an exception packet.
UNEXPECTED_ERROR_LIMIT = 5
# Likewise after so many workers that ended in the middle of a move: more, for a database that goes away ends them too.
LOST_WORKER_LIMIT = 20
# After so many intents in a row of which nothing was sent: the database commits too slowly for a call to be made.
NOT_SENT_LIMIT = 5


@dataclass(frozen=True)
class Timing:
    """Durations in seconds. The defaults are those of production; ``[timing]`` in handrail.toml bounds other values.

    Leases. ``lease``: how long a silent worker is believed to be alive. ``lease_margin``: how much longer than its next
    outside call a worker leases its run.

    Calls. ``result_margin``: reserved at the end of an intent's time to record the result; a call that cannot end
    before it is not made. ``intent_margin``: added to a call's own deadline before its outcome counts as unknown.
    ``retry_after_ceiling``: a target that asks for a longer wait is not merely busy. ``read_pause``: between two
    attempts of a read, multiplied by the attempt's number. ``read_budget``: how long reads before a call that fail in
    passing are repeated, where the runbook doesn't say, and ``read_interval`` how often. ``survey``: how long after a
    stop its sources are read once more.

    Waits. ``short_wait``: for a longer one the run is given back. ``in_process_wait``: once a worker has waited so long
    in all for a run, for the short ones too. ``subject_busy``: the run that occupies a subject wakes the next; this is
    the fallback. ``reconcile_interval`` and ``reconcile_window``: how often, and for how long, an unknown outcome that
    cannot be read is asked for again. ``unexpected_error_wait``: after the first unexpected error of a run, doubled
    after each further one up to ``unexpected_error_ceiling``. ``report_wait`` and ``report_ceiling``: likewise for
    outcomes that the task system did not accept; ``report_window``: how long an outcome is tried; ``report_grace``:
    after the database was away, how long somebody who tried one has to write what came of it. ``reconnect``: before a
    worker tries again to reach the database. ``limit_wait``: how long a worker waits for the first call through a
    connector that is at a limit, and ``limit_further_wait`` for each further one, before it gives the run back.
    """

    lease_seconds: float = 20.0
    lease_margin_seconds: float = 2.0
    result_margin_seconds: float = 1.0
    intent_margin_seconds: float = 2.0
    retry_after_ceiling_seconds: float = 900.0
    read_pause_seconds: float = 0.2
    read_budget_seconds: float = 300.0
    read_interval_seconds: float = 5.0
    survey_seconds: float = 15.0
    short_wait_seconds: float = 1.0
    in_process_wait_seconds: float = 2.0
    subject_busy_seconds: float = 30.0
    reconcile_interval_seconds: float = 2.0
    reconcile_window_seconds: float = 60.0
    unexpected_error_wait_seconds: float = 5.0
    unexpected_error_ceiling_seconds: float = 300.0
    report_wait_seconds: float = 2.0
    report_ceiling_seconds: float = 300.0
    report_window_seconds: float = 7 * 86_400.0
    report_grace_seconds: float = 1.0
    reconnect_seconds: float = 1.0
    limit_wait_seconds: float = 1.0
    limit_further_wait_seconds: float = 15.0

    @property
    def lost_worker_seconds(self) -> float:
        """For how long a worker's connection must have been gone before others may have its runs: one that lives has
        connected again by then."""
        return 3 * self.reconnect_seconds

    @property
    def refused_interval_seconds(self) -> float:
        """How often credentials from a file are tried again that a target refused: rarely, so that nobody locks the
        account, and often enough for a file that its platform replaces within a minute or two."""
        return 6 * self.read_interval_seconds

    def after_unexpected_error(self, failures: int) -> float:
        """Seconds to wait after the ``failures``-th unexpected error in a row (1 or more)."""
        return doubled(self.unexpected_error_wait_seconds, failures - 1, self.unexpected_error_ceiling_seconds)

    def after_refused_report(self, attempts: int) -> float:
        """Seconds to wait after a report that was not accepted, ``attempts`` of them before it (0 or more)."""
        return doubled(self.report_wait_seconds, attempts, self.report_ceiling_seconds)


_configured = Configured(Timing())
configure, get, use = _configured.set, _configured.get, _configured.use
