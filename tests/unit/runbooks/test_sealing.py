"""What a run keeps of its tenant: in the database its outline alone, for those with the key as it was."""

from __future__ import annotations

import json

import pytest
from django.db import connection

from handrail.access import subjects
from handrail.access.outlines import ERASED
from handrail.access.subjects import ForgetReason
from handrail.kernel.clock import now
from handrail.runbooks.models import OperationRun
from tests.factories.runs import Runs
from tests.factories.switches import SwitchBoard

pytestmark = pytest.mark.django_db


def stored(table: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT coalesce(string_agg(to_jsonb(t)::text, ' '), '') FROM {table} t")
        return str(cursor.fetchone()[0])


def test_values_of_a_run_are_in_no_row_and_are_read_as_they_were(estate: Runs, board: SwitchBoard) -> None:
    run = estate.advance(estate.start(switch="unmistakable-switch"))
    assert run.task["switch_id"] == "unmistakable-switch"
    for table in ("runbooks_checkpoint", "runbooks_completionrecord"):
        assert "unmistakable-switch" not in stored(table)
    row = json.loads(stored("runbooks_operationrun"))
    assert "unmistakable-switch" not in json.dumps(row["task"])


def test_what_figures_ask_for_stays(estate: Runs, board: SwitchBoard) -> None:
    run = estate.advance(estate.start(switch="s1"))
    intents = run.checkpoints.filter(kind="intent", detail__effect="mutating")
    assert intents.count() == 1
    assert list(run.checkpoints.filter(kind="result").values_list("detail__class", flat=True)) == ["succeeded"]


def test_a_run_whose_key_was_destroyed_is_read_as_erased(estate: Runs, board: SwitchBoard) -> None:
    run = estate.advance(estate.start(switch="s1"))
    subjects.destroy(run.tenant_id, record=run.ref, reason=ForgetReason.RETENTION, at=now())
    again = OperationRun.objects.get(pk=run.pk)
    assert again.task == dict.fromkeys(again.task, ERASED)
    assert all("s1" not in json.dumps(row.detail) for row in again.checkpoints.all())
