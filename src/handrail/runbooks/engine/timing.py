"""How long to wait before the next attempt, and until when a silent run is left alone."""

from __future__ import annotations

from datetime import timedelta

# Kept at the end of an intent's time to write the result down: a call ends before that, or is not made.
WRITE_DOWN = timedelta(seconds=1)
# Added to a call's own deadline before its outcome counts as unknown: the time to begin it, and to write it down.
INTENT_MARGIN = 2 * WRITE_DOWN
# Beyond what a hand is about to do, it holds the run this much longer.
HOLD_MARGIN = timedelta(seconds=2)
# A target that asks for more patience than this is not merely busy.
RETRY_AFTER_CEILING_SECONDS = 900.0
# Waits up to this long are sat out in the worker; longer ones go back to the queue.
INLINE_SECONDS = 1.0
# So do all further waits once a hand has sat out this much: others want the thread too.
PATIENCE_SECONDS = 2.0
# A run that failed for a reason that nobody foresaw is tried again after this long, then twice as long, and so on.
STUMBLE_SECONDS = 5.0
STUMBLE_CEILING_SECONDS = 300.0
# After so many such failures without any progress between them it stops as an exception packet.
STUMBLES = 5


def stumble_wait(failures: int) -> timedelta:
    """The wait after the ``failures``-th failure in a row (1 or more)."""
    return timedelta(seconds=min(STUMBLE_SECONDS * 2 ** min(failures - 1, 16), STUMBLE_CEILING_SECONDS))
