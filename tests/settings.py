"""The product's own settings, on the tests' database and configuration."""

from __future__ import annotations

import os
from pathlib import Path

import psycopg

from handrail.conf import database, roles

STATE = Path(__file__).resolve().parent.parent / "var" / "test"


def hurry(url: str) -> None:
    """Spares the tests' own server the flushes that only matter when a machine loses power."""
    with psycopg.connect(url, autocommit=True) as connection:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            connection.execute(f"ALTER SYSTEM SET {setting} = off")
        connection.execute("SELECT pg_reload_conf()")


os.environ["HANDRAIL_CONFIG"] = str(Path(__file__).with_name("handrail.toml"))
os.environ["HANDRAIL_STATE_DIR"] = str(STATE)
if "DATABASE_URL" not in os.environ:
    os.environ["DATABASE_URL"] = database.embedded(STATE / "postgres")
    hurry(os.environ["DATABASE_URL"])

from handrail.conf.settings import *  # noqa: E402, F403 - the environment above comes first

WHITENOISE_AUTOREFRESH = True  # each test client makes its own middleware, and would read all static files for it
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # log-ins in tests need no slow hash

DATABASES["default"]["ENGINE"] = "tests.scoped_postgresql"  # noqa: F405
HANDRAIL_SERVING_ROLE = roles.SERVING
