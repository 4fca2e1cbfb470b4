"""In which order several test processes take the tests.

pytest-xdist gives each process an equal share of the list, from the front, and one that is done takes from the end of
another's share. So what takes long stands at the front of each share, and what is short is left for the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

import pytest

ROOT = Path(__file__).parent
# Tests that wait for browsers, processes and servers. One process alone starts browsers.
BROWSERS = "functional"
SLOW = ("integration/worker", "integration/conf", "integration/packets", "integration/support", "upgrade")


def dealt(items: Sequence[pytest.Item], processes: int) -> list[pytest.Item]:
    """``items`` in the order in which so many processes, at least two, are to take them; a file's stay together."""
    shares: list[list[pytest.Item]] = [[] for _ in range(processes)]
    rest: list[pytest.Item] = []
    turn = 0
    for file, found in groupby(sorted(items, key=lambda item: item.path), key=lambda item: item.path):
        folder = file.relative_to(ROOT).as_posix() if file.is_relative_to(ROOT) else ""
        if folder.startswith(BROWSERS):
            shares[0].extend(found)
        elif folder.startswith(SLOW):
            shares[1 + turn % (processes - 1)].extend(found)
            turn += 1
        else:
            rest.extend(found)
    left = len(items)
    for number, share in enumerate(shares):
        room = max(left // (processes - number) - len(share), 0)
        share.extend(rest[:room])
        del rest[:room]
        left -= len(share)
    return [item for share in [*shares, rest] for item in share]
