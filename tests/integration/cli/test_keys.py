"""Changes of release keys beside a database: each is in the audit log."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import DatabaseError, connection, transaction

from handrail.audit.models import AuditEvent
from handrail.conf import config, release
from tests.integration.cli.conftest import Handrail
from tests.unit.packets.test_broken_audit import REFUSE

pytestmark = pytest.mark.django_db


@pytest.fixture
def keys(handrail: Handrail, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Handrail:
    monkeypatch.setenv("HANDRAIL_STATE_DIR", str(tmp_path))
    monkeypatch.setenv("DATABASE_URL", "postgresql:///the-tests-own")
    config.load.cache_clear()
    return lambda *arguments: handrail("keys", *arguments)


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    yield
    config.load.cache_clear()


def test_every_change_is_in_the_audit_log(keys: Handrail) -> None:
    assert keys("generate").code == 0
    first = release.signing_key().key_id
    assert keys("rotate").code == 0
    second = release.signing_key().key_id
    assert keys("retire", first).code == 0
    assert keys("revoke", second).code == 0
    told = AuditEvent.objects.filter(subject_kind="release-key").order_by("pk").values_list("event", "subject")
    assert list(told) == [
        ("release_key.made", first),
        ("release_key.made", second),
        ("release_key.retired", first),
        ("release_key.revoked", second),
    ]


def test_a_change_that_can_not_be_audited_is_not_made(keys: Handrail) -> None:
    keys("generate")
    key_id = release.signing_key().key_id
    with connection.cursor() as cursor:
        cursor.execute(REFUSE)
    with pytest.raises(DatabaseError), transaction.atomic():
        keys("revoke", key_id)
    assert release.signing_key().key_id == key_id
