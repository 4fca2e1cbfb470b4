"""The product's own settings, on the tests' database and configuration."""

from __future__ import annotations

import logging
import os
import shutil
import sys
import time
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import TextIO

import psycopg

from handrail.conf import database, roles

STATE = Path(__file__).resolve().parent.parent / "var" / "test"
MEMORY = Path("/dev/shm")
NEEDED = 2 * 2**30  # bytes: what a run has been seen to take is a tenth


def in_memory() -> Path:
    """The directory of the tests' own server: in memory where there is room, since a database of some 670 files is
    cloned there twenty times as fast. It outlives the run, as on a disk; ``make clean`` removes it."""
    if not MEMORY.is_mount() or not os.access(MEMORY, os.W_OK) or shutil.disk_usage(MEMORY).free < NEEDED:
        return STATE / "postgres"
    return MEMORY / f"handrail-tests-{os.getuid()}-{sha256(bytes(STATE)).hexdigest()[:12]}"


def hurry(url: str) -> None:
    """Spares the tests' own server the flushes that only matter when a machine loses power."""
    with psycopg.connect(url, autocommit=True) as connection:
        for setting in ("fsync", "synchronous_commit", "full_page_writes", "jit"):
            connection.execute(f"ALTER SYSTEM SET {setting} = off")
        connection.execute("SELECT pg_reload_conf()")


def keep_keys_in_memory() -> None:
    """Spares the tests' store of subject keys the disk: each packet that a test makes has several."""
    store = in_memory().with_name(f"{in_memory().name}-subject-keys")
    store.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not (STATE / "subject-keys").is_symlink():
        STATE.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            (STATE / "subject-keys").symlink_to(store)
    yesterday = time.time() - 24 * 3600
    for shelf in store.iterdir():
        with suppress(FileNotFoundError):
            if shelf.stat().st_mtime < yesterday:
                shutil.rmtree(shelf, ignore_errors=True)


os.environ["HANDRAIL_CONFIG"] = str(Path(__file__).with_name("handrail.toml"))
os.environ["HANDRAIL_STATE_DIR"] = str(STATE)
keep_keys_in_memory()
if "DATABASE_URL" not in os.environ:
    os.environ["DATABASE_URL"] = database.embedded(in_memory())
    hurry(os.environ["DATABASE_URL"])

from handrail.conf.settings import *  # noqa: E402, F403 - the environment above comes first


class StandardError(logging.StreamHandler):  # type: ignore[type-arg]
    """Writes to what standard error is at the moment: pytest has one for each test, and closes it behind the test."""

    @property
    def stream(self) -> TextIO:
        return sys.stderr

    @stream.setter
    def stream(self, _: object) -> None:
        pass


LOGGING["handlers"]["stderr"]["class"] = "tests.settings.StandardError"  # noqa: F405
WHITENOISE_AUTOREFRESH = True  # each test client makes its own middleware, and would read all static files for it
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # log-ins in tests need no slow hash

DATABASES["default"]["ENGINE"] = "tests.scoped_postgresql"  # noqa: F405
HANDRAIL_SERVING_ROLE = roles.SERVING
