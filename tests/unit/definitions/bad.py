"""A sound definition made bad in one place, and the check that exactly this place is named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from handrail.kernel.errors import Invalid

FILE = "bad.yaml"


@dataclass(frozen=True)
class Bad:
    """``old`` becomes ``new``; the fault is in ``field``, on the line where ``at`` (else ``new``) first stands."""

    name: str
    old: str
    new: str
    field: str
    message: str
    at: str = ""

    def check(self, good: str, compiled: Callable[[str], object]) -> None:
        """Fails unless ``compiled`` refuses ``good`` made bad, with this fault at its field and line."""
        text = edited(good, self.old, self.new)
        line = text[: text.index(self.at or self.new)].count("\n") + 1
        with pytest.raises(Invalid) as refusal:
            compiled(text)
        found = refusal.value.faults
        faults = [fault for fault in found if fault.where == self.field and self.message in fault.message]
        assert [fault.line for fault in faults] == [line], [str(fault) for fault in found]
        assert FILE in refusal.value.message


def edited(text: str, old: str, new: str) -> str:
    """``text`` with its first ``old`` replaced. The test is wrong if there is none."""
    assert old in text, old
    return text.replace(old, new, 1)
