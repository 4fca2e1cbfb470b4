"""A real worker: ``worker.py CONCURRENCY [record FILE | die DIRECTORY]``.

``record`` writes into FILE by what each statement that it makes is known. ``die`` ends by SIGKILL before or after the
first statement at which no worker has died yet; DIRECTORY has a file for each such point.
"""

from __future__ import annotations

import os
import re
import signal
import sys
import threading
import zlib
from pathlib import Path
from typing import Any

import psycopg

from handrail.conf.start import start

_SAID = re.compile(r"SELECT (?:set_config\([^)]*\)(?:, )?)+; ")
_WORDS = re.compile(r"\s+")
# Of one statement or many rows, of one value or many: it is one statement.
_VALUES, _LISTS = re.compile(r"\d+|(%s(::\w+)?(, )?)+"), re.compile(r"(\(\?[^()]*\)(, )?)+")


def label(query: Any, params: Any) -> str:
    """Of a statement, whatever its values are; of what is written of a run, by the kinds of the ledger's rows."""
    text = query.decode() if isinstance(query, bytes) else query if isinstance(query, str) else query.as_string(None)
    text = _WORDS.sub(" ", _SAID.sub("", text)).strip()
    rows = params.get("rows") if isinstance(params, dict) else None
    kinds = "+".join(row["kind"] for row in rows.obj) if rows is not None else ""
    plain = _LISTS.sub("(?)", _VALUES.sub("?", text))
    words = "-".join(re.findall(r"[a-z_]+", plain.lower())[:3])
    return f"{words}-{zlib.crc32(plain.encode()):08x}" + (f":{kinds}" if kinds else "")


def watch(act: Any) -> None:
    """Has ``act`` called before and after each statement."""
    execute, commit = psycopg.Cursor.execute, psycopg.Connection.commit

    def watched(self: Any, query: Any, params: Any = None, **more: Any) -> Any:
        name = label(query, params)
        act("before", name)
        try:
            return execute(self, query, params, **more)
        finally:
            act("after", name)

    def committed(self: Any) -> None:
        act("before", "COMMIT")
        commit(self)
        act("after", "COMMIT")

    psycopg.Cursor.execute = watched  # type: ignore[method-assign, assignment]
    psycopg.Connection.commit = committed  # type: ignore[method-assign]


def dying(points: Path) -> Any:
    def act(when: str, name: str) -> None:
        try:
            os.close(os.open(points / f"{when} {name}", os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            return
        os.kill(os.getpid(), signal.SIGKILL)

    return act


def recording(path: Path) -> Any:
    known: set[str] = set()
    lock = threading.Lock()

    def act(_: str, name: str) -> None:
        with lock:
            if name not in known:
                known.add(name)
                with path.open("a") as file:
                    file.write(f"{name}\n")

    return act


def main(concurrency: int, how: str = "", path: str = "") -> None:
    start()
    from handrail.worker.service import WorkerSettings, serve

    if how:
        watch(recording(Path(path)) if how == "record" else dying(Path(path)))
    seal_seconds = 0.2 if how else 2  # statements of seals are many, and one of all workers makes them
    serve(WorkerSettings(concurrency=concurrency, sweep_seconds=1, pull_seconds=3600, seal_seconds=seal_seconds))


main(int(sys.argv[1]), *sys.argv[2:])
