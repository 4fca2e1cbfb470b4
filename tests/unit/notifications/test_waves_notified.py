"""Of a wave hear the people whose role its runbook escalates to, each as far as their tenants go."""

from __future__ import annotations

import pytest

from handrail.access.capabilities import Role
from handrail.access.models import Tenant
from handrail.access.queries import actor_for
from handrail.audit.actions import record
from handrail.audit.events import EventName
from handrail.kernel.clock import now
from handrail.runbooks.actions import waves, wavestart
from handrail.runbooks.actions.wavestart import NewWave
from handrail.runbooks.models import OperationRun
from tests.factories import rows
from tests.factories.installation import Installation
from tests.factories.notified import due_now, notified, work
from tests.factories.receivers import Mailbox, mail_server, smtp
from tests.factories.switches import SwitchBoard, connected

KEYS = ["ten_a", "ten_b"]


@pytest.fixture
def house(db: None) -> Installation:
    installation = Installation()
    for key in (*KEYS, "ten_c"):
        Tenant.objects.create(workspace=installation.workspace, key=key, name=key, created_at=now())
    return installation


@pytest.fixture
def people(house: Installation) -> None:
    """Of the role that the runbook escalates to: with all tenants, with one of the wave's, with none of them."""
    for name, tenants in (("all", None), ("some", ["ten_a"]), ("none", ["ten_c"])):
        own = None if tenants is None else list(Tenant.objects.filter(key__in=tenants))
        rows.member(house.workspace, Role.SENIOR_SUPPORT, email=f"{name}@example.com", tenants=own)


def stopped_wave(house: Installation) -> str:
    starter = actor_for(rows.member(house.workspace, Role.SENIOR_SUPPORT, email="starter@example.com"))
    wanted = NewWave("flip-switch", "drift", KEYS, {"switch_id": "{tenant}"}, "The drift.")
    ref, board = wavestart.start(wanted=wanted, by=starter), SwitchBoard()
    for key in KEYS:
        board.add(key, owner=key, fuse="sealed")
    with connected(board):
        waves.settle(wave=ref, by=house.worker)
        house.runs.advance(OperationRun.objects.get(wave_id=ref, wave_round=0))
    return ref


def test_a_role_that_a_runbook_names_hears_of_its_waves_within_its_scope(house: Installation, people: None) -> None:
    mailbox = Mailbox()
    with mail_server(mailbox) as port, notified(mail=smtp(port, None, tls="none", username=None, password=None)):
        ref = stopped_wave(house)
        work()
        due_now()
        work()
        mails = {str(mail["To"]): mail.get_body(("plain",)).get_content() for mail in mailbox.messages}  # type: ignore[union-attr]
        assert set(mails) == {"all@example.com", "some@example.com", "starter@example.com"}
        assert all(f"{ref} has stopped itself" in text for text in mails.values())
        assert ["Runs: " in mails[f"{name}@example.com"] for name in ("all", "some")] == [True, False]
        # The exception packets of its runs were not sent, so its end is, if there are any.
        for exceptions, expected in ((0, 0), (1, 3)):
            mailbox.messages.clear()
            named = {"escalate_to": "senior-support", "exceptions": exceptions}
            record(EventName.WAVE_COMPLETED, by=house.worker, subject_kind="wave", subject=ref, **named)
            work()
            due_now()
            work()
            assert len(mailbox.messages) == expected
