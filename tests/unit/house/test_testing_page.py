"""docs/testing.md: its examples are the tests that run, and what it names exists."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "testing.md").read_text(encoding="utf-8")


def test_examples_are_the_tests_that_run() -> None:
    shown = re.findall(r"`(tests/\S+\.py)`:\n\n```python\n(.*?)```", PAGE, re.DOTALL)
    assert len(shown) == 2
    assert dict(shown) == {name: (ROOT / name).read_text("utf-8") for name, _ in shown}


def test_files_and_commands_that_it_names_exist() -> None:
    files = [name for name in re.findall(r"(?:tests|docs)/[\w/.-]+", PAGE) if "<" not in name]
    assert [name for name in files if not (ROOT / name.rstrip("./")).exists()] == []
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    assert set(re.findall(r"`make ([a-z-]+)", PAGE)) <= set(targets)
