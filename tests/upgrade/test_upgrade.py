"""What an earlier version wrote means the same to this one. ``README.md`` tells how the installation was filled."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from handrail.access import queries as access
from handrail.access.actor import Actor
from handrail.audit import exportcheck, proofs
from handrail.audit.actions import seal_all
from handrail.audit.checkpoint import VerifierKey
from handrail.audit.exported import Scope, lines
from handrail.audit.sources import known
from handrail.audit.verification import verify
from handrail.connectors import registry
from handrail.definitions import active
from handrail.definitions import queries as definitions
from handrail.definitions.models import Definition
from handrail.definitions.states import DefinitionKind
from handrail.kernel.clock import after
from handrail.kernel.secrets import Secrets
from handrail.packets import queries as packets
from handrail.packets.models import Packet
from handrail.runbooks.actions import advancing, claims
from handrail.runbooks.evaluation import RecoveryFigures, evaluate
from handrail.runbooks.models import OperationRun
from handrail.runbooks.queries import exceptions as exception_queries
from handrail.runbooks.queries import runs as runbooks
from handrail.runbooks.queries.runs import RunFilter
from handrail.runbooks.states import RUN, RunState
from handrail.sandbox.estate import PRACTICE_TOKENS
from handrail.sandbox.server import Sandbox
from tests.factories.log import run, superuser
from tests.upgrade.conftest import read

pytestmark = pytest.mark.usefixtures("installation")

TOLD: dict[str, dict[str, Any]] = json.loads(read("told.json"))
KEPT = [read("checkpoint-early"), read("checkpoint-late")]
LATE_SIZE = 551
UNSEALED = 2 + 13 + 4  # of sources that the log knew, definitions, support requests
SYSTEMS = (
    ("tasks", "rest", "", "tasks"),
    ("registry", "rest", "/registry", "registry"),
    ("entitlements", "rest", "", "entitlements"),
    ("sync-jobs", "jobs", "", "sync-jobs"),
    ("roles", "scim", "/scim/v2", "roles"),
)
COMPILED = {
    DefinitionKind.RUNBOOK: active.compiled_runbook,
    DefinitionKind.TABLE: active.compiled_table,
    DefinitionKind.PACKET: active.compiled_profile,
}


def old_key() -> VerifierKey:
    return VerifierKey.from_text(read("key"))


def everybody() -> list[tuple[Actor, dict[str, Any]]]:
    return [(access.command_line(slug), told) for slug, told in TOLD.items()]


@pytest.mark.requirement("R2-21")
def test_log_is_whole_against_checkpoints_that_were_kept_before() -> None:
    found = verify(kept=KEPT)
    assert found.differences == ()
    assert (found.whole, found.unsealed) == (True, UNSEALED)
    assert found.sealed_size > LATE_SIZE


# Brakes, orders to stop and marks of wrong completions came later: an installation of then has none.
OF_THEN = [source for source in known() if source.name != "audit.event" and source.since <= 2]


@pytest.mark.parametrize("source", OF_THEN, ids=lambda s: s.name)
def test_every_sealed_source_is_looked_at_under_its_names_of_today(source: Any) -> None:
    seal_all(by=access.command_line("practice"))
    (time,) = (column for column, name in source.sealed.items() if name == "at")
    with superuser(source.table):
        run(f"UPDATE {source.table} SET {time} = {time} + interval '1 second'")
    found = verify(kept=KEPT)
    assert {(d.kind.value, d.source) for d in found.differences} == {("altered", source.name)}


def test_log_goes_on_from_where_it_was() -> None:
    seal_all(by=access.command_line("practice"))
    found = verify(kept=KEPT)
    assert (found.whole, found.unsealed) == (True, 0)
    proof = proofs.consistency(LATE_SIZE)
    assert (proof.first, proof.second) == (LATE_SIZE, found.sealed_size)
    assert proof.second >= LATE_SIZE + UNSEALED


def test_export_of_before_still_verifies() -> None:
    text = read("export.jsonl.xz")
    checked = exportcheck.check(text.splitlines(), origin=old_key().name, keys=[old_key()])
    assert checked.size > LATE_SIZE
    assert checked.events > 100


def test_export_of_now_repeats_the_one_of_before_line_for_line() -> None:
    before = read("export.jsonl.xz").splitlines()
    by = access.command_line("practice")
    now = [line.rstrip("\n") for line in lines(Scope(by.workspace_id, None))]
    leaves = [line for line in before if '"index":' in line]
    assert now[1 : 1 + len(leaves)] == leaves


def test_definitions_keep_their_digests_and_compile() -> None:
    for actor, told in everybody():
        assert {
            f"{one.kind}/{one.name}/{one.version}": [one.state.value, one.digest]
            for one in definitions.list_definitions(actor)
        } == told["definitions"]
    for row in Definition.objects.all():
        assert COMPILED[DefinitionKind(row.kind)](row).digest == row.digest


def test_runs_read_as_before() -> None:
    for actor, told in everybody():
        listed = {one.ref: one.state.value for one in runbooks.list_runs(actor, runbooks.RunFilter(limit=500))}
        assert listed == told["runs"]
        for ref in listed:
            detail = runbooks.get_run(actor, ref)
            assert detail.ledger


def test_exception_packets_read_as_before() -> None:
    for actor, told in everybody():
        listed = {one.ref: one.handling.value for one in exception_queries.list_exceptions(actor)}
        assert listed == told["exceptions"]
        for ref in listed:
            assert exception_queries.get_exception(actor, ref).summary.cause


def test_escalation_packets_read_as_before() -> None:
    for actor, told in everybody():
        for ref, (number, state) in told["packets"].items():
            detail = packets.get_packet(actor, ref)
            assert (detail.summary.revision.number, detail.summary.revision.state.value) == (number, state)
            for one in detail.revisions:
                assert packets.get_packet(actor, ref, one.number).summary.ref == ref
    assert Packet.objects.count() == 2


@pytest.fixture
def estate() -> Iterator[Sandbox]:
    """The practice estate from the beginning, under the names that the definitions of before give its systems.

    Its tasks still name the first version of their runbooks, as a task system does until somebody qualifies the next.
    """
    with Sandbox() as sandbox:
        for task in sandbox.estate.world.tasks.values():
            task["runbook_version"] = 1
        sections = {
            name: {
                "kind": kind,
                "base_url": sandbox.url + path,
                "auth": {"kind": "bearer", "secret": f"env:{token}"},
            }
            for name, kind, path, token in SYSTEMS
        }
        made = registry.Registry.build(registry.parse(sections), Secrets(PRACTICE_TOKENS))
        with registry.use(made):
            yield sandbox


def advanced(task: str) -> OperationRun:
    """The run of ``task`` in the second workspace, advanced until it ends."""
    row = OperationRun.objects.get(workspace__slug="second", task_key=task)
    by = access.worker("worker-1", row.workspace_id)
    for _ in range(20):
        OperationRun.objects.filter(pk=row.pk).update(due_at=after(0))
        claim = claims.claim_run(row.pk)
        assert claim is not None
        advancing.advance(claim=claim, by=by)
        row.refresh_from_db()
        if row.state in RUN.terminal:
            break
    return row


def test_run_that_was_waiting_in_the_queue_completes(estate: Sandbox) -> None:
    assert advanced("TASK-1001").state == RunState.COMPLETED


def test_run_that_was_under_way_asks_how_its_job_stands_and_starts_no_second_one(estate: Sandbox) -> None:
    ended = advanced("TASK-1020")
    kinds = list(ended.checkpoints.order_by("sequence").values_list("kind", flat=True))
    assert kinds == ["received", "claimed", "checked", "intent", "result", "result", "exception"]
    assert ended.state == RunState.EXCEPTION  # this estate knows nothing of that job, so a person must look
    assert verify(kept=KEPT).differences == ()


@pytest.mark.requirement("R2-32")
def test_figures_count_the_runs_of_then() -> None:
    """Their ledgers tell of unknown outcomes and what was read; who took a run over was not kept then."""
    for actor, _ in everybody():
        found = evaluate(actor)
        ended = [one for one in runbooks.list_runs(actor, RunFilter(limit=500)) if one.finished_at is not None]
        assert found.total.ended == len(ended)
        assert found.total.completed == sum(one.state is RunState.COMPLETED for one in ended)
        assert found.total.completeness.complete == len(ended)
    practice = evaluate(access.command_line("practice")).total.recovery
    assert practice == RecoveryFigures(
        interrupted=4, recovered=3, handed_over=1, unknown_outcomes=4, reconciled=3, effect_present=1, sent_again=1
    )
