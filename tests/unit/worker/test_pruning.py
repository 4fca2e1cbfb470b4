"""What the daily pruning removes, and what it leaves."""

from __future__ import annotations

from datetime import timedelta

import pytest

from handrail.access.models import LoginSession
from handrail.access.session_store import SessionStore
from handrail.kernel.clock import now
from handrail.worker.pruning import prune


def session(*, expires_in: timedelta) -> str:
    store = SessionStore()
    store.set_expiry(now() + expires_in)
    store.save()
    assert store.session_key is not None
    return str(store.session_key)


@pytest.mark.django_db
def test_expired_sessions_go_and_others_stay() -> None:
    session(expires_in=timedelta(hours=-1))
    living = session(expires_in=timedelta(hours=1))
    prune()
    assert list(LoginSession.objects.values_list("pk", flat=True)) == [living]
