"""The log is exported from its page, the API and code: events and ledger rows that the reader may see, in clear."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from django.test import Client

from handrail.access import evidence
from handrail.access.capabilities import Role
from handrail.access.queries import actor_for
from handrail.audit import exportcheck, exported, signing, sources
from handrail.audit.exportcheck import CheckedExport
from handrail.audit.models import AuditEvent, AuditLeaf
from handrail.kernel.errors import Invalid
from handrail.runbooks.models import Checkpoint
from tests.factories import rows
from tests.factories.people import secret_of
from tests.factories.web import Web

pytestmark = pytest.mark.django_db
LEDGERS = {
    "runbooks.checkpoint",
    "runbooks.retry_ledger_entry",
    "runbooks.completion_record",
    "runbooks.exception_packet",
    "runbooks.brake",
}


def check(lines: Iterable[str]) -> CheckedExport:
    by = signing.get()
    return exportcheck.check(lines, origin=by.origin, keys=[by.verifier()])


def rows_of(lines: Iterable[str], source: str) -> list[dict[str, Any]]:
    return [found["row"] for found in map(json.loads, lines) if found.get("source") == source]


def exported_by(house: Web, role: Role, **entitled: Any) -> list[str]:
    return list(evidence.export(by=actor_for(rows.member(house.workspace, role, **entitled))))


@pytest.mark.requirement("R2-21")
def test_rows_of_ledgers_are_in_clear_and_fit_their_leaves(house: Web) -> None:
    lines = exported_by(house, Role.AUDITOR)
    checked = check(lines)
    assert set(checked.rows) >= LEDGERS | {"definitions.definition", "audit.event"}
    assert checked.size == AuditLeaf.objects.count()
    kinds = {row["kind"] for row in rows_of(lines, "runbooks.checkpoint") if row["run_id"] == house.completed.pk}
    assert {"received", "checked", "intent", "result", "verified", "completed"} <= kinds


@pytest.mark.requirement("R2-21")
def test_a_ledger_row_that_was_changed_in_the_export_is_found(house: Web) -> None:
    lines = exported_by(house, Role.AUDITOR)
    at = next(n for n, line in enumerate(lines) if '"source":"runbooks.checkpoint"' in line)
    lines[at] = lines[at].replace("worker-1", "worker-2")
    with pytest.raises(Invalid, match=f"line {at + 1}: the row is not the one that was sealed"):
        check(lines)


def test_rows_of_another_workspace_are_leaves_only(house: Web, neighbour: Web) -> None:
    lines = exported_by(house, Role.AUDITOR)
    assert check(lines).size == AuditLeaf.objects.count()
    assert not any(neighbour.stopped.ref in line or neighbour.completed.ref in line for line in lines)
    assert {row["workspace_id"] for row in rows_of(lines, "runbooks.checkpoint")} == {house.workspace.pk}


def test_rows_of_other_tenants_are_leaves_only(house: Web) -> None:
    other = rows.tenant(house.workspace, name="Other")
    run = rows.completed_run(other, house.definition)
    lines = exported_by(house, Role.AUDITOR, tenants=[other])
    assert {row["run_id"] for row in rows_of(lines, "runbooks.checkpoint")} == {run.pk}
    assert set(check(lines).rows) == {
        "runbooks.checkpoint",
        "runbooks.completion_record",
        "runbooks.retry_ledger_entry",
    }


def test_what_people_typed_for_the_desk_and_their_passkeys_never_leave() -> None:
    passkeys = ["access.passkey", "access.passkey_confirmation", "access.passkey_removal"]
    assert [one.name for one in sources.known() if not one.shown_with] == [*passkeys, "support.request"]


def test_a_token_that_only_exports_shows_events_only(house: Web) -> None:
    user = rows.member(house.workspace, Role.AUDITOR)
    client = Client(headers={"authorization": f"Bearer {secret_of(user.email, house.workspace.pk, 'audit:export')}"})
    response = client.get("/api/v1/audit/export")
    lines = [line + "\n" for line in b"".join(response.streaming_content).decode().splitlines()]  # type: ignore[attr-defined]
    assert response.headers["Content-Type"] == "application/jsonl"
    assert set(check(lines).rows) == {"audit.event"}


def test_the_page_offers_the_export_to_those_who_may(house: Web, as_role: Callable[..., Client]) -> None:
    assert "Export the log" not in as_role(Role.GOVERNANCE_OWNER).get("/admin/audit/record").content.decode()
    assert as_role(Role.GOVERNANCE_OWNER).post("/admin/audit/export").status_code == 403
    client = as_role(Role.AUDITOR)
    assert "Export the log" in client.get("/admin/audit/record").content.decode()
    response = client.post("/admin/audit/export")
    assert response.headers["Content-Disposition"] == 'attachment; filename="audit-log.jsonl"'
    text = b"".join(response.streaming_content).decode()  # type: ignore[attr-defined]
    assert set(check(text.splitlines(keepends=True)).rows) >= LEDGERS
    assert AuditEvent.objects.filter(event="audit.exported").count() == 1


def test_a_row_too_long_for_a_line_is_a_leaf_only(house: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    long = Checkpoint.objects.filter(run=house.completed).order_by("-sequence")[0]
    rows.entry(house.invoking, "result", detail={"answer": {"text": "x" * exported.LINE_LIMIT}})  # type: ignore[arg-type]
    lines = exported_by(house, Role.AUDITOR)
    assert max(map(len, lines)) <= exported.LINE_LIMIT
    assert long.pk in {row["id"] for row in rows_of(lines, "runbooks.checkpoint")}
    assert check(lines).size == AuditLeaf.objects.count()


def test_an_export_goes_chunk_by_chunk_with_a_statement_for_each_source(
    house: Web, monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: Any
) -> None:
    """However long the log is, no more than a chunk is in memory."""
    asked: list[int] = []
    read = exported.rows.read_shown
    monkeypatch.setattr(exported, "CHUNK", 5)
    monkeypatch.setattr(
        exported.rows, "read_shown", lambda source, ids: asked.append(len(list(ids))) or read(source, ids)
    )
    lines = exported_by(house, Role.AUDITOR)
    assert max(asked) <= 5
    assert len(asked) <= (len(lines) / 5 + 1) * len(sources.known())
    check(lines)
