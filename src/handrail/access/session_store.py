"""Django's sessions in the database, with whose they are beside them, so that they can be listed and ended.

As https://docs.djangoproject.com/en/5.2/topics/http/sessions/#extending-database-backed-session-engines describes it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, cast

from django.apps import apps
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends import db
from django.contrib.sessions.base_session import AbstractBaseSession

# What a session holds of its log-in, and when its person last did something (seconds since the epoch).
LOGIN, SEEN = "login", "seen"


class SessionStore(db.SessionStore):
    """A session whose row was deleted is over for requests that are still running as well: Django saves none that is
    not there any more."""

    @classmethod
    def get_model_class(cls) -> type[AbstractBaseSession]:
        return apps.get_model("access", "LoginSession")

    def create_model_instance(self, data: dict[str, Any]) -> AbstractBaseSession:
        row: Any = super().create_model_instance(data)
        row.user_id = int(data[SESSION_KEY]) if SESSION_KEY in data else None
        login = data.get(LOGIN, {})
        row.ref, row.method = login.get("ref", ""), login.get("method", "")
        row.address, row.agent = login.get("address", ""), login.get("agent", "")
        row.begun_at = _instant(login.get("at"))
        row.seen_at = _instant(data.get(SEEN))
        return cast("AbstractBaseSession", row)


def _instant(seconds: int | None) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if seconds is not None else None
