"""Audit log integrity, as an auditor sees it: intact, and after somebody has changed the log behind Handrail's back."""

from collections.abc import Callable

import pytest
from django.test import Client

from handrail.access import queries as access
from handrail.access.capabilities import Role
from handrail.audit.actions import keep_sealed
from tests.factories.log import event, keep_mark, run, sealed_events, superuser
from tests.factories.web import Web

pytestmark = pytest.mark.django_db
EVENTS = "audit_auditevent"


def test_page_shows_the_mark_of_this_machine(house: Web, as_role: Callable[..., Client]) -> None:
    sealed_events(3)
    keep_mark()
    page = as_role(Role.AUDITOR).get("/admin/audit/record").content.decode()
    assert "Intact: every sealed row is unchanged" in page
    assert "The log is as this machine signed it" in page
    assert "Sealing has stopped" not in page


def test_page_names_the_changed_row_and_that_sealing_has_stopped(house: Web, as_role: Callable[..., Client]) -> None:
    ids = sealed_events(3)
    keep_mark()
    with superuser(EVENTS):
        run(f"UPDATE {EVENTS} SET actor = 'x' WHERE id = %s", ids[1])
    event()
    keep_sealed(by=access.worker("worker-1", 0), batches=1)
    page = as_role(Role.AUDITOR).get("/admin/audit/record").content.decode()
    assert f"audit.event {ids[1]} has changed since it was sealed." in page
    assert "Sealing has stopped on this machine." in page
