"""JSON that a reader can't take is a sentence at the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from handrail.cli.output import read_json_object
from handrail.kernel.errors import Invalid


@pytest.mark.parametrize(
    "data", [b"[" * 100_000, b'{"a": ' + b"9" * 5000 + b"}", b'{"a": "\xff"}', b'{"a":' * 50_000], ids=len
)
def test_json_that_is_too_deep_or_too_long_is_refused(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "task.json"
    file.write_bytes(data)
    with pytest.raises(Invalid) as caught:
        read_json_object(file)
    assert caught.value.code == "not-json"
