"""Handrail with the filters of its queries taken away: what is still hidden, the database hides.

A filter is a condition on the workspace or the tenants of the actor, given to ``filter`` by a line of Handrail's own: a
keyword or a ``Q``. Everything else of the query stays as it is.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from django.db.models import Q, QuerySet, manager

import handrail
from handrail.access import guards
from handrail.access.models import Tenant

SOURCE = str(Path(handrail.__file__).parent)
MANAGER = manager.__file__
GUARDS = guards.__file__
SCOPES = frozenset({"workspace_id", "workspace", "tenant_id__in", "membership__workspace_id", "membership__workspace"})
OF_TENANTS = frozenset({"pk__in"})


@contextmanager
def unguarded(site: str | None = None, *, seen: Callable[[str], None] = lambda _: None) -> Iterator[None]:
    """Takes away the filters at ``site`` ("module.py:line"), or all of them; ``seen`` gets each site that has some."""
    original: Any = QuerySet.filter

    def filter_(rows: QuerySet[Any], *args: Any, **conditions: Any) -> QuerySet[Any]:
        caller = sys._getframe(1)
        if caller.f_code.co_filename == MANAGER and caller.f_back is not None:
            caller = caller.f_back
        if caller.f_code.co_filename.startswith(SOURCE):
            scopes = SCOPES | OF_TENANTS if rows.model is Tenant else SCOPES
            kept = tuple(arg for arg in args if not (isinstance(arg, Q) and _names(arg) & scopes))
            if scopes & set(conditions) or kept != args:
                where = _asked_by(caller)
                seen(where)
                if site in {None, where}:
                    args, conditions = kept, {name: value for name, value in conditions.items() if name not in scopes}
        result: QuerySet[Any] = original(rows, *args, **conditions)
        return result

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(QuerySet, "filter", filter_)
        yield


def _names(condition: Q) -> set[str]:
    """What a ``Q`` asks about. One that asks about scopes in a part is taken away whole."""
    return {
        name for child in condition.children for name in (_names(child) if isinstance(child, Q) else {str(child[0])})
    }


def _asked_by(frame: FrameType) -> str:
    """The line that asks: of several filters in the guarded getters, the line that uses the getter."""
    while frame.f_code.co_filename == GUARDS and frame.f_back is not None:
        frame = frame.f_back
    return f"{frame.f_code.co_filename.removeprefix(SOURCE)[1:]}:{frame.f_lineno}"


@contextmanager
def looking(seen: Callable[[str], None]) -> Iterator[None]:
    """Takes nothing away; ``seen`` gets each site that has a filter."""
    with unguarded("nowhere", seen=seen):
        yield
