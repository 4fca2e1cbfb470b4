"""What every page's shell needs: who is looking, and in which workspace."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from handrail.access import queries as access
from handrail.access.actor import NOBODY


def shell(request: HttpRequest) -> dict[str, Any]:
    actor = getattr(request, "actor", NOBODY)
    return {"actor": actor, "workspace": access.workspace_summary(actor) if actor.workspace_id else None}
