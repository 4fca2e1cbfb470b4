"""How every process of Handrail begins: configuration, database, Django."""

from __future__ import annotations

import os

from handrail.conf import config, database


def start() -> None:
    """Makes Django ready in this process. Starts the embedded PostgreSQL when no other is configured.

    Raises Misconfigured when handrail.toml or a secret needs mending.
    """
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "handrail.conf.settings")
    os.environ["DATABASE_URL"] = database.url(config.load())
    import django  # noqa: PLC0415 - settings read the URL just set

    django.setup()


def has_database() -> bool:
    """Whether there is a server to start with, or to ask. Raises Misconfigured."""
    return database.exists(config.load())
