"""The data directory may be anywhere: long paths, any characters, closed parents, links."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from handrail.conf import database
from handrail.kernel.errors import HandrailError, Misconfigured
from tests.lanes import NIGHTLY

LONG = {"200 bytes": "d" * 200, "1,200 bytes": "/".join(["f" * 240] * 5)}
ODD = {
    "spaces": "our own data",
    "not ASCII": "Überwachung 監視",
    "quotes": """it's "here" """,
    "marks of URLs": "a%20b#c?d&e=f+g:h@i",
    "of a shell": "a\\b$HOME`id`;",
}
UNSPEAKABLE = {"comma": "one,two", "line break": "first\nsecond", "not UTF-8": os.fsdecode(b"caf\xe9")}
EACH = LONG | ODD | UNSPEAKABLE
BY_DAY = {
    "1,200 bytes": LONG["1,200 bytes"],
    "odd": " ".join(ODD.values()),
    "unspeakable": "".join(UNSPEAKABLE.values()),
}
NAMES = EACH if NIGHTLY else BY_DAY

pytestmark = pytest.mark.peer  # each case makes and starts a server


def answers(directory: Path) -> bool:
    url = database.embedded(directory)
    settings = database.settings(url)  # as Django is given it
    reached = {"host": settings["HOST"], "port": settings["PORT"], "user": settings["USER"], "dbname": settings["NAME"]}
    with psycopg.connect(url) as one, psycopg.connect(**reached) as other:
        query = "SELECT pg_postmaster_start_time(), current_database()"
        assert one.execute(query).fetchone() == other.execute(query).fetchone()
    host = Path(settings["HOST"])
    assert stat.S_IMODE(host.stat().st_mode) == 0o700
    assert host.resolve() == directory.resolve()
    return True


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_start_with_path_of_any_length_and_characters(place: Path, name: str) -> None:
    assert answers(place / name / "postgres")


def test_start_below_closed_parents_leaves_their_modes(place: Path) -> None:
    modes = {"a": 0o700, "a/b": 0o711, "a/b/c": 0o750}
    for name, mode in modes.items():
        (place / name).mkdir()
        (place / name).chmod(mode)
    assert answers(place / "a" / "b" / "c" / "postgres")
    assert {name: stat.S_IMODE((place / name).stat().st_mode) for name in modes} == modes


def test_start_through_a_link_to_the_state_directory(place: Path) -> None:
    (place / "real").mkdir()
    (place / "link").symlink_to(place / "real")
    assert answers(place / "link" / "postgres")
    assert (place / "real" / "postgres" / "PG_VERSION").exists()


def test_start_in_a_directory_that_others_could_read_closes_it(place: Path) -> None:
    (place / "postgres").mkdir()
    (place / "postgres").chmod(0o777)
    assert answers(place / "postgres")


def test_start_where_only_the_data_directory_can_be_written(place: Path, as_other_user: Callable[..., str]) -> None:
    (place / "postgres").mkdir(mode=0o700)
    os.chown(place / "postgres", 65534, 65534)
    place.chmod(0o555)
    answer = as_other_user(lambda: str(answers(place / "postgres")))
    assert answer == "True"


def test_start_where_nothing_can_be_written_says_so(place: Path, as_other_user: Callable[..., str]) -> None:
    answer = as_other_user(lambda: str(answers(place / "closed" / "postgres")))
    assert "Misconfigured" in answer
    assert "can't be used: Permission denied." in answer


def test_start_in_a_directory_of_another_user_says_so(place: Path, as_other_user: Callable[..., str]) -> None:
    (place / "postgres").mkdir()
    (place / "postgres").chmod(0o777)
    answer = as_other_user(lambda: str(answers(place / "postgres")))
    assert "The embedded database belongs to another user. Run Handrail as that user." in answer


@pytest.mark.parametrize("kind", ["file", "link to nothing", "link to itself"])
def test_start_where_something_else_is_says_so(place: Path, kind: str) -> None:
    directory = place / "postgres"
    if kind == "file":
        directory.write_text("not a directory")
    else:
        directory.symlink_to(place / "nothing" / "there" if kind == "link to nothing" else directory)
    if kind == "link to nothing":
        assert answers(directory)  # made where the link points
        return
    with pytest.raises(Misconfigured, match="can't be used"):
        database.embedded(directory)


def test_start_among_other_files_leaves_them_alone(place: Path) -> None:
    directory = place / "postgres"
    directory.mkdir()
    (directory / "thesis.txt").write_text("years of work")
    with pytest.raises(HandrailError, match=r"not empty|other files"):
        database.embedded(directory)
    assert [one.name for one in directory.iterdir() if not one.name.startswith("handrail.")] == ["thesis.txt"]
