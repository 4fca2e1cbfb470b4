"""Who is where in all workspaces: ids, slugs and digests of tokens, by the views that show nothing else of a row.

It is asked before there is a scope. What it leads to is read in the scope of the workspace that it names.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.db import connection

from handrail.kernel.scope import RowScope, entered


def workspaces() -> list[tuple[int, str]]:
    """Id and slug of every workspace, by slug."""
    rows = _all("SELECT id, slug FROM handrail_workspace_directory ORDER BY slug")
    return [(int(pk), str(slug)) for pk, slug in rows]


def workspace_id(slug: str) -> int | None:
    """Which workspace has ``slug``; None when there is none."""
    rows = _all("SELECT id FROM handrail_workspace_directory WHERE slug = %s", slug)
    return int(rows[0][0]) if rows else None


def membership(user_id: int, workspace_slug: str | None = None) -> tuple[int, int] | None:
    """Id and workspace of a person's active membership: in the workspace named, else of the first that they joined."""
    rows = _all(
        "SELECT m.id, m.workspace_id FROM handrail_membership_directory m"
        " JOIN handrail_workspace_directory w ON w.id = m.workspace_id"
        " WHERE m.user_id = %s AND m.is_active AND (%s::text IS NULL OR w.slug = %s) ORDER BY m.id LIMIT 1",
        *(user_id, workspace_slug, workspace_slug),
    )
    return (int(rows[0][0]), int(rows[0][1])) if rows else None


def workspaces_of(user_id: int, *, active: bool) -> list[int]:
    """The workspaces that a person is a member of; with ``active`` False also those that they were."""
    rows = _all(
        "SELECT workspace_id FROM handrail_membership_directory WHERE user_id = %s AND (is_active OR NOT %s)",
        *(user_id, active),
    )
    return [int(pk) for (pk,) in rows]


def token_workspace(digest: str) -> int | None:
    """The workspace of the token with ``digest``; None when there is no such token."""
    rows = _all("SELECT workspace_id FROM handrail_token_directory WHERE digest = %s", digest)
    return int(rows[0][0]) if rows else None


def names(workspace_ids: Iterable[int]) -> list[tuple[str, str]]:
    """Slug and name of each of these workspaces, which is read in its own scope."""
    found = []
    for pk in workspace_ids:
        with entered(RowScope(pk)):
            found += [(str(slug), str(name)) for slug, name in _all(_NAMES, pk)]
    return found


def new_workspace_id() -> int:
    """An id that no workspace has: a new one is written in a scope of its own."""
    return int(_all("SELECT nextval(pg_get_serial_sequence('access_workspace', 'id'))")[0][0])


_NAMES = "SELECT slug, name FROM access_workspace WHERE id = %s"


def _all(statement: str, *parameters: Any) -> Sequence[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return list(cursor.fetchall())
