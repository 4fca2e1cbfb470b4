"""The shared cache, in the database, with JSON in it.

Django's keeps pickles, and reading one runs what it says: anyone who may write a row as the serving role could run
code in every process that reads the cache, also in ``handrail check``, which an operator may run with more rights.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from types import FunctionType
from typing import Any

from django.core.cache.backends.db import DatabaseCache


class _Json:
    """Takes pickle's place in Django's functions."""

    @staticmethod
    def dumps(value: object, _: int) -> bytes:
        return json.dumps(value, allow_nan=False).encode()

    @staticmethod
    def loads(text: bytes) -> object:
        return json.loads(text)


def _with_json(method: Callable[..., Any]) -> Callable[..., Any]:
    """The same function, for which ``pickle`` means JSON."""
    assert isinstance(method, FunctionType)
    known = {**method.__globals__, "pickle": _Json}
    return FunctionType(method.__code__, known, method.__name__, method.__defaults__, method.__closure__)


class JsonDatabaseCache(DatabaseCache):
    """Takes what JSON can say; a tuple comes back as a list. Raises TypeError for anything else."""

    _read = _with_json(DatabaseCache.get_many)
    _base_set = _with_json(DatabaseCache._base_set)  # type: ignore[attr-defined]

    def get_many(self, keys: Iterable[Any], version: int | None = None) -> dict[Any, Any]:
        """What is there of ``keys``. Where a row holds something else than JSON, nothing is."""
        try:
            found: dict[Any, Any] = self._read(list(keys), version)
        except (ValueError, RecursionError):
            return {}
        return found
