"""Statements that are one transaction, prepared and sent in one message, whose answers come in one.

The driver's own pipeline sends each statement by itself, so that both sides wake up for each. This speaks to libpq as
the driver does, by its documented wrapper: https://www.psycopg.org/psycopg3/docs/api/pq.html
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

import psycopg
from psycopg import abc, errors, pq, waiting
from psycopg.adapt import PyFormat, Transformer

Raw = psycopg.Connection[tuple[Any, ...]]
Key = tuple[bytes, tuple[int, ...]]
"""A statement's text and the types of its parameters."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept of a connection: how values travel on it, and the names of what it has prepared."""

    values: abc.Transformer
    names: dict[Key, bytes] = field(default_factory=dict)


_kept: WeakKeyDictionary[Raw, Kept] = WeakKeyDictionary()


def fetch(raw: Raw, statements: Sequence[tuple[bytes, Sequence[Any]]]) -> list[tuple[Any, ...]]:
    """The rows of the last of ``statements``, each with its parameters. ``raw`` is in no transaction. Raises the error
    of the first that failed; then none of them has done anything."""
    kept = _kept.get(raw) or _kept.setdefault(raw, Kept(Transformer(raw)))
    try:
        result = _last(raw, kept, statements)
    except errors.InvalidSqlStatementName:  # somebody has told the server to forget all
        kept.names.clear()
        result = _last(raw, kept, statements)
    kept.values.set_pgresult(result)
    return kept.values.load_rows(0, result.ntuples, tuple)


def _last(raw: Raw, kept: Kept, statements: Sequence[tuple[bytes, Sequence[Any]]]) -> pq.abc.PGresult:
    wire, new = raw.pgconn, dict[int, Key]()
    wire.enter_pipeline_mode()
    try:
        messages = 0
        for text, parameters in statements:
            dumped = kept.values.dump_sequence(parameters, [PyFormat.AUTO] * len(parameters))
            key = text, kept.values.types or ()
            name = kept.names.get(key) or b"handrail_%d" % (len(kept.names) + len(new))
            if key not in kept.names:
                wire.send_prepare(name, *key)
                new[messages], messages = key, messages + 1
            wire.send_query_prepared(name, dumped, kept.values.formats)
            messages += 1
        wire.pipeline_sync()
        results = raw.wait(_answers(wire))
    finally:
        if wire.status == pq.ConnStatus.OK:
            wire.exit_pipeline_mode()
    for number, result in enumerate(results):
        if result.status == pq.ExecStatus.FATAL_ERROR:
            raise errors.error_from_result(result, encoding=raw.info.encoding)
        if number in new:  # prepared for good, whatever becomes of the transaction
            kept.names[new[number]] = b"handrail_%d" % len(kept.names)
    return results[-1]


def _answers(wire: pq.abc.PGconn) -> abc.PQGen[list[pq.abc.PGresult]]:
    """What each message was answered, once all are; waits as ``Connection.wait`` has it."""
    while wire.flush():
        if (yield waiting.Wait.RW) & waiting.Ready.R:
            wire.consume_input()
    results: list[pq.abc.PGresult] = []
    while True:
        while wire.is_busy():
            yield waiting.Wait.R
            wire.consume_input()
        result = wire.get_result()
        if result is not None and result.status == pq.ExecStatus.PIPELINE_SYNC:
            break
        if result is not None:
            results.append(result)
    while wire.notify_handler is not None and (notify := wire.notifies()):
        wire.notify_handler(notify)
    return results
