"""An installation that an earlier version filled, brought to this version."""

from __future__ import annotations

import lzma
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.core.management import call_command
from django.db import transaction

from handrail.audit import signing
from handrail.audit.checkpoint import VerifierKey
from handrail.audit.signing import Signing
from tests import databases

FILLED = Path(__file__).with_name("at-91eede3")


def read(name: str) -> str:
    """One file of the filled installation."""
    data = (FILLED / name).read_bytes()
    return (lzma.decompress(data) if name.endswith(".xz") else data).decode()


@pytest.fixture(scope="module")
def upgraded(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """Django works on the filled database, migrated, while a module's tests run."""
    with django_db_blocker.unblock(), databases.clone("template0") as name:
        with psycopg.connect(databases.url(name), autocommit=True) as connection:
            connection.execute(read("database.sql.xz"))
        with databases.connected(name):
            call_command("migrate", verbosity=0, interactive=False)
            yield


@pytest.fixture
def installation(upgraded: None) -> Iterator[None]:
    """What a test changes in it is rolled back. The log has a new key, and accepts what the old one signed."""
    old = VerifierKey.from_text(read("key"))
    now = Signing(old.name, Ed25519PrivateKey.generate(), earlier=(old,))
    with signing.use(now), transaction.atomic():
        yield
        transaction.set_rollback(True)
