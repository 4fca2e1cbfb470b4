"""Files that are there whole, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from handrail.packets.proof.durable import replacing


def test_replacing_puts_the_whole_file_there(tmp_path: Path) -> None:
    target = tmp_path / "file"
    target.write_bytes(b"before")
    with replacing(target) as out:
        out.write(b"after")
        assert target.read_bytes() == b"before"
    assert target.read_bytes() == b"after"
    assert list(tmp_path.iterdir()) == [target]


def test_replacing_leaves_what_was_there_on_failure(tmp_path: Path) -> None:
    target = tmp_path / "file"
    target.write_bytes(b"before")

    def interrupted() -> None:
        with replacing(target) as out:
            out.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert target.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [target]
