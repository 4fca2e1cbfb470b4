"""The lanes of tests: what runs at night is everything that a process, a browser or a thread can upset.

Tests of real external servers are a lane of their own.
"""

from __future__ import annotations

import re
from pathlib import Path

from tests import lanes, nightly

ROOT = Path(__file__).resolve().parents[3]
UPSETTING = re.compile(r"\bcommitted_db\b|mark\.slow|mark\.browser")


def test_every_browser_and_process_test_is_repeated_at_night() -> None:
    found = [path for path in (ROOT / "tests").rglob("test_*.py") if UPSETTING.search(path.read_text(encoding="utf-8"))]
    assert len(found) > 20
    left_out = [
        path for path in found if not path.relative_to(ROOT).as_posix().startswith((*nightly.PATHS, "tests/peers"))
    ]
    assert left_out == []


def test_by_day_a_sweep_runs_a_slice_with_its_ends() -> None:
    items = range(100)
    if lanes.NIGHTLY:
        assert lanes.swept(items) == items
        assert (lanes.examples(5), lanes.rounds(8, 200)) == (20, 200)
    else:
        assert {0, 7, 14, 99} <= set(lanes.swept(items))
        assert len(lanes.swept(items)) == 16
        assert (lanes.examples(5), lanes.rounds(8, 200)) == (5, 8)
