"""How long to wait before the next attempt, and until when a silent run is left alone."""

from __future__ import annotations

from datetime import timedelta

# Added to a call's own deadline before its outcome counts as unknown: the time to write the result down.
INTENT_MARGIN = timedelta(seconds=2)
# A target that asks for more patience than this is not merely busy.
RETRY_AFTER_CEILING_SECONDS = 900.0
# Waits up to this long are sat out in the worker; longer ones go back to the queue.
INLINE_SECONDS = 1.0
