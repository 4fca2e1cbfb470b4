"""What breaks is logged with class, codes and place, whoever logs it, and without its text."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
import structlog

from handrail.conf import logs

CANARY = "canary-5d1e of a customer"


class Lines(logging.Handler):
    """Keeps what the installation's own formatter makes of each record."""

    def __init__(self) -> None:
        super().__init__()
        form = logs.django_logging()["formatters"]["json"]
        self.setFormatter(
            structlog.stdlib.ProcessorFormatter(
                processor=form["processor"], foreign_pre_chain=form["foreign_pre_chain"]
            )
        )
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(self.format(record))

    @property
    def last(self) -> dict[str, Any]:
        said: dict[str, Any] = json.loads(self.texts[-1])
        return said


@pytest.fixture
def lines() -> Iterator[Lines]:
    handler = Lines()
    loggers = [logging.getLogger(name) for name in ("handrail.probe", "library.probe")]
    for logger in loggers:
        logger.addHandler(handler)
    yield handler
    for logger in loggers:
        logger.removeHandler(handler)


def break_with(text: str) -> None:
    try:
        int(text)
    except ValueError as error:
        raise psycopg.errors.UniqueViolation(text) from error


@pytest.mark.parametrize(
    "tell",
    [
        lambda: logging.getLogger("library.probe").exception("it broke"),
        lambda: structlog.get_logger("handrail.probe").exception("it broke"),
    ],
    ids=["a-library", "ours"],
)
def test_breakage_is_logged_with_its_place_and_without_its_text(lines: Lines, tell: Any) -> None:
    try:
        break_with(CANARY)
    except psycopg.Error:
        tell()
    first, cause = lines.last["exception"]
    assert (first["class"], first["sqlstate"]) == ("psycopg.errors.UniqueViolation", "23505")
    assert cause["class"] == "builtins.ValueError"
    assert any(frame.endswith("break_with") and __file__ in frame for frame in first["frames"])
    assert "exc_info" not in lines.last
    assert CANARY not in lines.texts[-1]


def test_message_of_a_library_is_bounded(lines: Lines) -> None:
    logging.getLogger("library.probe").warning("%s", "x" * 10_000)
    assert len(lines.last["event"]) == logs.EVENT_LIMIT


def test_errors_in_a_circle_end(lines: Lines) -> None:
    first, second = ValueError(), KeyError()
    first.__cause__, second.__cause__ = second, first
    logging.getLogger("library.probe").error("it broke", exc_info=first)
    assert len(lines.last["exception"]) == logs.CAUSES_LIMIT
