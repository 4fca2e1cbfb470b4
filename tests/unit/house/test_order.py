"""The order in which several test processes take the tests."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import order


@dataclass(frozen=True, slots=True)
class Found:
    path: Path
    number: int


def found(*files: tuple[str, int]) -> list[Found]:
    return [Found(order.ROOT / name, number) for name, count in files for number in range(count)]


@pytest.mark.parametrize("processes", [2, 3, 5])
def test_every_test_is_taken_once_and_files_keep_their_order(processes: int) -> None:
    items = found(("functional/a.py", 3), ("integration/worker/b.py", 5), ("unit/c.py", 40), ("upgrade/d.py", 2))
    given = order.dealt(items, processes)  # type: ignore[arg-type]
    assert sorted(given, key=lambda item: (item.path, item.number)) == items  # type: ignore[attr-defined]
    for name in {item.path for item in items}:
        assert [item.number for item in given if item.path == name] == sorted(  # type: ignore[attr-defined]
            item.number for item in items if item.path == name
        )


def test_each_share_begins_with_what_takes_long() -> None:
    items = found(("functional/a.py", 2), ("integration/worker/b.py", 2), ("unit/c.py", 20), ("upgrade/d.py", 3))
    given = order.dealt(items, 3)  # type: ignore[arg-type]
    names = [given[start].path.parent.name for start in (0, 9, 18)]
    assert names == ["functional", "worker", "upgrade"]
