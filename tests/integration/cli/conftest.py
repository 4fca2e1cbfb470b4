"""Commands run as the program would run them, in this process and on the test's database."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from handrail.cli import entry, installation
from tests.factories.installation import Installation
from tests.factories.runs import Runs


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Handrail = Callable[..., Ended]


@pytest.fixture
def handrail(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Handrail:
    """``handrail("runs", "list")``. Configuration and Django are those of the tests."""
    monkeypatch.setattr(installation, "start", installation.configuration)

    def run(*arguments: str) -> Ended:
        code = entry.run(arguments)
        told = capsys.readouterr()
        return Ended(code, told.out, told.err)

    return run


@pytest.fixture
def estate(db: None) -> Runs:
    return Installation().runs
