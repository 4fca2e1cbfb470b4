"""What commands print: tables for people, JSON for programs. Outside text is shown as text, never as markup."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, is_dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from handrail.kernel.errors import Fault, Invalid
from handrail.kernel.hostile import clean_text

CELL_LIMIT = 300
INPUT_LIMIT = 1024 * 1024
LINE_LIMIT = 64 * 1024

COLOURS = {
    "completed": "green",
    "active": "green",
    "ok": "green",
    "agrees": "green",
    "exception": "yellow",
    "open": "yellow",
    "proposed": "yellow",
    "rejected": "red",
    "wrong": "red",
    "DIFFERS": "red",
    "cancelled": "dim",
    "resolved": "dim",
}


@cache
def console() -> Console:
    """Standard output as a terminal, or as plain text of a fixed width when it is a file or a pipe."""
    return Console(highlight=False, soft_wrap=False, width=None if sys.stdout.isatty() else 160)


def print_json(value: Any) -> None:
    """``value`` (dataclasses, lists, dicts, times) as indented JSON on standard output."""
    print(json.dumps(plain(value), indent=2, ensure_ascii=False))


def plain(value: Any) -> Any:
    """``value`` as what JSON knows. Times become ISO 8601 in UTC, sets become sorted lists."""
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, set | frozenset):
        return sorted(plain(item) for item in value)
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value.isoformat() if isinstance(value, datetime) else value


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]], *, empty: str = "") -> None:
    """A table of ``rows``; ``empty`` is shown instead when there are none."""
    # What identifies the row is not broken where the terminal is narrow; the other columns give way.
    headers = [Column(name, no_wrap=at == 0 and len(columns) > 1) for at, name in enumerate(columns)]
    table = Table(*headers, title=title or None, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for row in rows:
        table.add_row(*map(cell, row))
    console().print(table if table.row_count or not empty else empty)


def print_facts(facts: Mapping[str, Any]) -> None:
    """Names and values, one a line. Empty values are left out."""
    grid = Table.grid(padding=(0, 2))
    for name, value in facts.items():
        if value not in (None, "", (), [], {}):
            grid.add_row(name, cell(value))
    console().print(grid)


def cell(value: Any) -> Text:
    """``value`` as the text of one cell: bounded, without control characters, coloured if it is a known word."""
    if value is None:
        return Text("")
    if isinstance(value, datetime):
        return Text(f"{value:%Y-%m-%d %H:%M:%S}Z")
    if isinstance(value, bool):
        return Text("yes" if value else "no")
    if isinstance(value, Mapping | list | tuple):
        value = json.dumps(plain(value), ensure_ascii=False)
    shown = clean_text(str(value), limit=CELL_LIMIT)
    return Text(shown, style=COLOURS.get(shown, ""), overflow="fold")


def say(text: str) -> None:
    """One line for people."""
    console().print(cell(text))


def read_file(path: Path) -> bytes:
    """What ``path`` (- is standard input) holds, at most 1 MiB: no more is read of a device or pipe that never ends.
    Raises Invalid."""
    try:
        with nullcontext(sys.stdin.buffer) if str(path) == "-" else path.open("rb") as file:
            data = file.read(INPUT_LIMIT + 1)
    except OSError as error:
        raise Invalid(f"{path} can't be read: {error.strerror}.", code="file") from None
    if len(data) > INPUT_LIMIT:
        raise Invalid(f"{path} is over {INPUT_LIMIT} bytes.", code="too-large")
    return data


def read_line(where: str) -> str:
    """The first line of standard input, at most 64 KiB of it, without its end. ``where``: what it is. Raises Invalid
    for what is not text in UTF-8; NUL and half surrogate pairs are refused like any others by what takes the line."""
    try:
        return sys.stdin.readline(LINE_LIMIT).rstrip("\n")
    except UnicodeDecodeError:
        raise unreadable(where) from None


def unreadable(where: str) -> Invalid:
    """For text that is typed or piped in, as the gate refuses an argument."""
    fault = Fault(where, "expected text in UTF-8, without NUL")
    return Invalid("Standard input can't be read.", code="unreadable", faults=[fault])


def read_text(path: Path, *, encoding: str = "utf-8") -> str:
    """``read_file`` as text with ``\\n`` at the ends of its lines. Raises Invalid, UnicodeDecodeError."""
    return io.TextIOWrapper(io.BytesIO(read_file(path)), encoding=encoding).read()


def read_json_object(path: Path) -> dict[str, Any]:
    """The JSON object in ``path`` (- is standard input), at most 1 MiB. Raises Invalid naming line and column."""
    try:
        value = json.loads(read_file(path))
    except json.JSONDecodeError as error:
        fault = Fault("", error.msg, error.lineno, error.colno)
        raise Invalid(f"{path} is not JSON.", code="not-json", faults=[fault]) from None
    except (ValueError, RecursionError):  # not UTF-8, too deep, an integer of more than 4300 digits
        raise Invalid(f"{path} is not JSON in UTF-8, or holds what is too deep or too long.", code="not-json") from None
    if not isinstance(value, dict):
        raise Invalid(f"{path} must hold one JSON object.", code="not-an-object")
    return value
