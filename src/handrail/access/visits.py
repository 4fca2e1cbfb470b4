"""What a person has opened last in a workspace: a reminder of their own, kept short, and no record of anything."""

from __future__ import annotations

from django.db import connection, transaction

from handrail.access.actor import Actor
from handrail.access.models import Visit

KEPT = 10

# One statement: what is opened comes first, and what is no longer among the newest goes.
_REMEMBERED = f"""
WITH opened AS (
    INSERT INTO access_visit (workspace_id, user_id, kind, ref, at)
    VALUES (%(workspace)s, %(user)s, %(kind)s, %(ref)s, clock_timestamp())
    ON CONFLICT (workspace_id, user_id, kind, ref) DO UPDATE SET at = excluded.at)
DELETE FROM access_visit
WHERE workspace_id = %(workspace)s AND user_id = %(user)s AND NOT (kind = %(kind)s AND ref = %(ref)s)
  AND id NOT IN (
      SELECT id FROM access_visit
      WHERE workspace_id = %(workspace)s AND user_id = %(user)s AND NOT (kind = %(kind)s AND ref = %(ref)s)
      ORDER BY at DESC, id DESC LIMIT {KEPT - 1})"""  # noqa: S608 - nothing but a constant


def remember(actor: Actor, kind: str, ref: str) -> None:
    """Notes that the actor has opened ``ref``. A process has no visits."""
    if actor.user_id is None:
        return
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_REMEMBERED, {"workspace": actor.workspace_id, "user": actor.user_id, "kind": kind, "ref": ref})


def list_visits(actor: Actor) -> list[tuple[str, str]]:
    """Kind and reference of what the actor has opened, the latest first: also what is out of their scope by now."""
    rows = Visit.objects.filter(workspace_id=actor.workspace_id, user_id=actor.user_id or 0)
    return list(rows.order_by("-at", "-pk").values_list("kind", "ref")[:KEPT])
