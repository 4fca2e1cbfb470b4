"""What the database must do for the log to be append-only is compared with what the migrations made it do."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from handrail.audit import guards

pytestmark = pytest.mark.django_db


def test_file_of_guards_is_that_of_a_migrated_database() -> None:
    path = Path(guards.__file__).with_name(guards.FILE)
    made = json.dumps(guards.current(), indent=1, sort_keys=True) + "\n"
    if os.environ.get("WRITE_GUARDS"):
        path.write_text(made, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == made, "run: make guards"


def test_migrated_database_has_every_guard() -> None:
    assert guards.differences() == []
