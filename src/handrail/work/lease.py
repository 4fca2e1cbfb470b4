"""Claims rows that are due: of several workers one gets each, until its lease runs out by the database's clock.

What may be claimed are views (``access.rights.CLAIMS``) that show of each due row its id, workspace, tenant and lease,
and nothing of a row that is not due: so a worker finds work in all workspaces and sees nobody's rows.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from django.db import connection

from handrail.work.prepared import PLANNED, Statement

# Several workers that ask at once find the same rows first. Each skips those that another has locked, so it looks at
# more than it takes.
LOOKED_AT = 4
# What the views show is due anyway; said again, it is looked for in the index of (tenant, due_at).
_DUE = "due_at <= statement_timestamp()"
# A plan that was made while little was due would sort all that is: what is asked for comes in the order of an index.
_PLANNED = {**PLANNED, "enable_sort": "off"}


@dataclass(frozen=True, slots=True)
class Kind:
    """Rows of one kind. ``table`` and ``key``: where they are; ``view``: where those that are due are claimed.

    ``counter``: the column that counts claims, if there is one; with ``recovered``, rows where it is not 0 were claimed
    before and go before what waits. ``holder``: the column for who has it, a parameter ``held_by``, which is never
    NULL. ``lease``: an SQL expression for its length in seconds; ``sets``: further assignments. Both may name columns
    of the view, and parameters. ``word``: an expression that the claim carries.
    """

    name: str
    table: str
    view: str
    key: str = "id"
    counter: str | None = None
    recovered: bool = False
    holder: str | None = None
    lease: str = "%(lease)s"
    sets: str = ""
    word: str = "''"


@dataclass(slots=True)
class Claim:
    """A row that this process has until ``lease``, which its holder may extend. ``id`` is the row's; ``was_due``: since
    when it waited to be claimed, None where nobody had to wait for it."""

    kind: str
    id: int
    workspace_id: int
    tenant_id: int
    lease: datetime
    word: str = ""
    was_due: datetime | None = None


def claim(
    kind: Kind, count: int, *, after: int = 0, workspaces: Collection[int] | None = None, **parameters: Any
) -> list[Claim]:
    """Claims up to ``count`` due rows of ``kind`` in one statement, in the order in which they are to be worked on.

    First what was recovered, then one row of each tenant by turns, beginning behind the tenant ``after``; within a
    tenant the longest due first. So the rows of one tenant never keep another's waiting. With ``workspaces``, only rows
    of those. Call it outside a transaction.
    """
    values = {
        "n": count,
        "looked_at": count * LOOKED_AT,
        "after": after,
        "workspaces": sorted(workspaces or ()),
        **parameters,
    }
    rows = _statement(kind, workspaces is not None).fetch(values)
    return [Claim(kind.name, *row) for _, *row in sorted(rows)]


def claim_one(kind: Kind, pk: int, **parameters: Any) -> Claim | None:
    """Claims the row ``pk``; None when it is not due, or another process was first."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {kind.view} v SET {_assignments(kind)}"
            f" FROM (SELECT id AS pk, due_at AS was FROM {kind.view} WHERE id = %(id)s FOR UPDATE) mine"
            f" WHERE id = mine.pk RETURNING id, workspace_id, tenant_id, due_at, {kind.word}, mine.was",
            {"id": pk, **parameters},
        )
        row = cursor.fetchone()
    return None if row is None else Claim(kind.name, *row)


def give_back(kind: Kind, claim: Claim, *, seconds: float = 0) -> bool:
    """Lets any worker have the row in ``seconds``, as if it had not been claimed; False where another has it by now.

    In the scope of the row's workspace.
    """
    counted = f", {kind.counter} = greatest({kind.counter} - 1, 0)" if kind.counter else ""
    held = f", {kind.holder} = NULL" if kind.holder else ""
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {kind.table} SET due_at = clock_timestamp() + make_interval(secs => %s){counted}{held}"
            f" WHERE {kind.key} = %s AND due_at = %s",
            [seconds, claim.id, claim.lease],
        )
        return bool(cursor.rowcount)


def waiting(kind: Kind) -> int:
    """How many rows are due and not claimed."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {kind.view} WHERE {_DUE}")
        return int(cursor.fetchone()[0])


def _assignments(kind: Kind) -> str:
    counted = f", {kind.counter} = {kind.counter} + {_claims(kind)}" if kind.counter else ""
    held = f", {kind.holder} = %(held_by)s::bigint" if kind.holder else ""
    more = f", {kind.sets}" if kind.sets else ""
    return f"due_at = clock_timestamp() + make_interval(secs => {kind.lease}){counted}{held}{more}"


def _claims(kind: Kind) -> str:
    """How many claims are counted with this one: also the one before, where its worker had come further, which resets
    the count, and then ended without giving the row back."""
    return f"CASE WHEN {kind.counter} = 0 AND {kind.holder} IS NOT NULL THEN 2 ELSE 1 END" if kind.holder else "1"


@cache
def _statement(kind: Kind, in_workspaces: bool) -> Statement:
    """Loose scans find the tenants that have due rows, without reading the rows: first those behind ``after``, then the
    others. Of each, and of what was recovered, the first rows are candidates, and as many of these as are asked for are
    locked in their order. A locked row is looked at again, so that one which was claimed meanwhile is left out. All go
    by the index of (tenant, due_at), in whose order they ask: that of all rows of a tenant would be far longer."""
    also = f"AND {_DUE}{' AND workspace_id = ANY(%(workspaces)s::bigint[])' if in_workspaces else ''}"
    view = kind.view
    text = f"""
        WITH RECURSIVE above (tenant_id) AS (
            (SELECT tenant_id FROM {view} WHERE tenant_id > %(after)s::bigint {also}
             ORDER BY tenant_id, due_at LIMIT 1)
            UNION ALL
            SELECT (SELECT v.tenant_id FROM {view} v WHERE v.tenant_id > a.tenant_id {also}
                    ORDER BY v.tenant_id, v.due_at LIMIT 1)
            FROM above a WHERE a.tenant_id IS NOT NULL
        ), below (tenant_id) AS (
            (SELECT tenant_id FROM {view} WHERE tenant_id <= %(after)s::bigint {also}
             ORDER BY tenant_id, due_at LIMIT 1)
            UNION ALL
            SELECT (SELECT v.tenant_id FROM {view} v
                    WHERE v.tenant_id > b.tenant_id AND v.tenant_id <= %(after)s::bigint {also}
                    ORDER BY v.tenant_id, v.due_at LIMIT 1)
            FROM below b WHERE b.tenant_id IS NOT NULL
        ), tenants AS (
            SELECT tenant_id, row_number() OVER () AS tenant_turn FROM (
                SELECT * FROM (SELECT tenant_id FROM above WHERE tenant_id IS NOT NULL LIMIT %(looked_at)s::bigint) one
                UNION ALL
                SELECT * FROM (SELECT tenant_id FROM below WHERE tenant_id IS NOT NULL LIMIT %(looked_at)s::bigint) two
            ) both_ways
        ), candidates AS (
            {_recovered(kind, also)}
            SELECT due.id, due.turn, t.tenant_turn, 0 AS place FROM tenants t CROSS JOIN LATERAL (
                SELECT id, row_number() OVER () AS turn FROM (
                    SELECT v.id FROM {view} v WHERE v.tenant_id = t.tenant_id {also}
                    ORDER BY v.due_at LIMIT %(looked_at)s::bigint
                ) longest
            ) due
        ), {_locked(kind)}
    """
    return Statement(text, scoped=False, planned=_PLANNED)  # views need no scope


def _recovered(kind: Kind, also: str) -> str:
    if not kind.recovered:
        return ""
    return f"""
            SELECT id, 0 AS turn, 0 AS tenant_turn, row_number() OVER () AS place FROM (
                SELECT id FROM {kind.view} WHERE {kind.counter} > 0 {also} ORDER BY due_at LIMIT %(looked_at)s::bigint
            ) again UNION ALL"""


def _locked(kind: Kind) -> str:
    """The end of the statement: a subquery that locks, so that it runs once for each candidate, in their order."""
    return f"""chosen AS (
            SELECT locked.id, locked.due_at, row_number() OVER () AS place FROM (
                SELECT one.id, one.due_at FROM (SELECT id FROM candidates ORDER BY turn, tenant_turn, place) c
                CROSS JOIN LATERAL (
                    SELECT v.id, v.due_at FROM {kind.view} v WHERE v.id = c.id FOR UPDATE SKIP LOCKED
                ) one
                LIMIT %(n)s::bigint
            ) locked
        )
        UPDATE {kind.view} v SET {_assignments(kind)} FROM (
            SELECT id AS pk, min(place) AS place, min(due_at) AS was FROM chosen GROUP BY id
        ) mine
        WHERE id = mine.pk
        RETURNING mine.place, id, workspace_id, tenant_id, due_at, {kind.word}, mine.was
    """
