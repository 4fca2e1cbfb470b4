"""Sources are read again until the vendor has opened what was delivered, and a change that counts is acted on once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from handrail.audit.models import AuditEvent
from handrail.connectors.lane import LaneState
from handrail.kernel.clock import now
from handrail.packets import leases, ledger, settings
from handrail.packets.actions import delivering, votes
from handrail.packets.models import DeliveryEntry, Revision
from handrail.packets.proof import dsse, recall
from handrail.packets.proof.recall import RecallReason
from handrail.packets.status import fold
from tests.factories.installation import Installation
from tests.factories.packets import Packets, connected
from tests.unit.definitions.profile_samples import PROFILE
from tests.unit.packets.proof.making import RING

WATCHED = PROFILE + "watch: {every: 30s, sources: [tenant, roster], fields: [impact.count], unread_for: 1m}\n"
pytestmark = [pytest.mark.django_db, pytest.mark.requirement("P-12")]


@pytest.fixture
def desk(db: None) -> Iterator[Packets]:
    with connected(Installation(None, tenant="ten_a", profile=WATCHED).packets) as desk:
        yield desk


def kinds(revision: Revision) -> list[str]:
    return [str(row.kind) for row in ledger.rows_of(revision.pk)]


def due(revision: Revision) -> None:
    """The time comes at which its sources are read again."""
    Revision.objects.filter(pk=revision.pk, watch_at__isnull=False).update(watch_at=now())
    Revision.objects.filter(pk=revision.pk).update(due_at=now())
    revision.refresh_from_db()


def worked(desk: Packets, revision: Revision, times: int = 6) -> None:
    for _ in range(times):
        desk.deliver(revision)


def entitle(desk: Packets) -> None:
    desk.sources["/tenants/ten_a"]["plan"] = "biz"
    desk.sources["/tenants/ten_a"]["revision"] = 5


def told(name: str) -> int:
    return AuditEvent.objects.filter(event=name).count()


# The states of a delivery in which sources are watched, and how to get there.
def sending(desk: Packets, revision: Revision) -> None:
    desk.vendor.script = ["busy"]
    desk.deliver(revision)


def unknown(desk: Packets, revision: Revision) -> None:
    desk.vendor.script = ["lost"]
    desk.deliver(revision)


def refused(desk: Packets, revision: Revision) -> None:
    desk.vendor.script = ["refused"]
    desk.deliver(revision)


def in_flight(desk: Packets, revision: Revision) -> None:
    DeliveryEntry.objects.create(
        workspace=desk.workspace, tenant=desk.tenant, revision=revision, sequence=2, kind="intent", at=now(),
        worker="dead", deadline_at=now() - timedelta(seconds=1),
    )  # fmt: skip


def delivered(desk: Packets, revision: Revision) -> None:
    desk.deliver(revision)


def lost(desk: Packets, revision: Revision) -> None:
    desk.vendor.loses = LaneState.GONE
    desk.deliver(revision)


def not_begun(desk: Packets, revision: Revision) -> None:
    """No worker has looked at it yet."""


STATES: dict[str, Callable[[Packets, Revision], None]] = {
    one.__name__: one for one in (not_begun, sending, in_flight, unknown, refused, delivered, lost)
}


@pytest.mark.parametrize("state", STATES)
def test_consequential_change_supersedes_and_takes_back_once_in_every_state(desk: Packets, state: str) -> None:
    revision = desk.released()
    STATES[state](desk, revision)
    entitle(desk)
    due(revision)
    worked(desk, revision)
    assert (revision.state, revision.ended_cause, revision.watch_at) == ("superseded", "drift", None)
    assert [desk.newest.number, desk.newest.state, desk.newest.cause] == [2, "assembling", "drift"]
    assert kinds(revision).count("recall") == 1
    assert (told("packet.superseded"), told("packet.recalled")) == (1, 1)
    assert LaneState.DELIVERED not in desk.vendor.states.values()
    assert revision.due_at is None


def progress(revision: Revision) -> tuple[Any, ...]:
    """What is committed of a delivery, and when it is due."""
    row = Revision.objects.get(pk=revision.pk)
    return kinds(row), row.state, row.due_at


class Killed(BaseException):
    """The worker's process ends here."""


def killed_at(number: int) -> Callable[..., Any]:
    """Ends the process at its statement of this number."""
    left = number

    def end(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        nonlocal left
        if not sql.startswith(("SAVEPOINT", "RELEASE", "ROLLBACK")):
            left -= 1
            if left == 0:
                raise Killed
        return execute(sql, params, many, context)

    return end


def test_worker_killed_at_any_statement_leaves_one_successor_one_recall_and_one_notice(
    desk: Packets, counted: Callable[[str], None]
) -> None:
    revision = desk.released()
    desk.deliver(revision)
    entitle(desk)
    due(revision)
    reached, statement, before = 0, 0, progress(revision)
    while before[2] is not None:
        statement += 1
        with suppress(Killed), connection.execute_wrapper(killed_at(statement)):
            desk.deliver(revision)
        Revision.objects.filter(pk=revision.pk, due_at__isnull=False).update(due_at=now())
        reached += 1
        after = progress(revision)
        if after[:2] != before[:2]:
            statement = 0  # something is committed: from there on, every statement again
        before = after
    counted(f"a worker killed at {reached} statements of a supersession")
    revision.refresh_from_db()
    assert reached > 30
    assert (revision.state, desk.newest.number) == ("superseded", 2)
    assert kinds(revision)[3:] == ["recall", "recall-signed", "withdrawn"]
    assert [len(one) for one in desk.vendor.recalls.values()] == [1]
    assert (told("packet.superseded"), told("packet.recalled"), told("packet.requested")) == (1, 1, 2)


def test_change_without_consequence_is_noted_once_and_nothing_follows(desk: Packets) -> None:
    revision = desk.released()
    desk.deliver(revision)
    desk.sources.case["bridge_notes"] += " One more."
    for _ in range(3):
        due(revision)
        desk.deliver(revision)
    assert (revision.state, desk.newest.number) == ("released", 1)
    assert kinds(revision).count("drift-noted") == 1
    assert revision.watched_at is not None


def test_field_that_the_profile_names_has_a_consequence_when_what_feeds_it_changes(desk: Packets) -> None:
    revision = desk.released()
    desk.deliver(revision)
    desk.sources.case["count"] = 4
    due(revision)
    worked(desk, revision)
    assert (revision.state, desk.newest.cause) == ("superseded", "drift")
    assert [one["fields"] for one in desk.newest.cause_detail if "fields" in one] == [["impact.count"]]


def test_vendor_gets_one_signed_statement_that_it_was_superseded(desk: Packets) -> None:
    revision = desk.released()
    desk.deliver(revision)
    entitle(desk)
    due(revision)
    worked(desk, revision)
    (envelope,) = desk.vendor.recalls[str(revision.assembly.manifest_digest)]
    said = recall.opened(envelope, keys=RING)
    assert (said.packet, said.revision, said.reason) == (revision.packet.ref, 1, RecallReason.SUPERSEDED)


@pytest.mark.parametrize("how", ["away", "no record", "no version", "not found"])
def test_sources_that_can_not_be_read_are_neither_changed_nor_unchanged(desk: Packets, how: str) -> None:
    revision = desk.released()
    desk.deliver(revision)
    before = revision.watched_at
    unreadable(desk, how)
    due(revision)
    desk.deliver(revision)
    assert (revision.state, revision.watched_at, desk.newest.number) == ("released", before, 1)
    assert revision.watch_failure
    assert "drift-noted" not in kinds(revision)
    assert revision.watch_at is not None
    assert revision.watch_at > now() - timedelta(seconds=1)


def unreadable(desk: Packets, how: str) -> None:
    if how == "away":
        desk.sources.failing.add("/roster")
    elif how == "no record":
        desk.sources.records["/tenants/ten_a"] = {}
    elif how == "no version":
        del desk.sources["/tenants/ten_a"]["revision"]
    else:
        del desk.sources.records["/tenants/ten_a"]


def test_people_are_told_once_when_sources_can_not_be_read_for_long_and_when_they_can_again(desk: Packets) -> None:
    revision = desk.released()
    desk.deliver(revision)
    desk.sources.failing.add("/roster")
    Revision.objects.filter(pk=revision.pk).update(watched_at=now() - timedelta(minutes=2))
    for _ in range(3):
        due(revision)
        desk.deliver(revision)
    assert (kinds(revision).count("unwatched"), told("packet.unwatched")) == (1, 1)
    desk.sources.failing.clear()
    due(revision)
    desk.deliver(revision)
    assert kinds(revision)[-1] == "watched"
    assert revision.watch_failure is None


def consumed(desk: Packets, revision: Revision) -> None:
    desk.vendor.consume(str(revision.assembly.manifest_digest))
    Revision.objects.filter(pk=revision.pk).update(due_at=now())


def test_what_was_opened_after_a_change_was_consumed_while_stale_and_is_recalled(desk: Packets) -> None:
    revision = desk.released()
    desk.deliver(revision)
    entitle(desk)
    consumed(desk, revision)
    worked(desk, revision)
    looked = next(row for row in ledger.rows_of(revision.pk) if row.kind == "looked")
    assert looked.detail["stale"] is True
    assert (revision.state, desk.newest.number) == ("consumed", 2)
    assert fold(ledger.rows_of(revision.pk)).state == "noticed"
    assert (told("packet.consumed_stale"), told("packet.recalled")) == (1, 1)
    assert len(desk.vendor.recalls[str(revision.assembly.manifest_digest)]) == 1


def test_what_was_opened_before_any_change_was_not_stale_and_nothing_follows(desk: Packets) -> None:
    revision = desk.released()
    desk.deliver(revision)
    consumed(desk, revision)
    worked(desk, revision)
    entitle(desk)
    worked(desk, revision)
    looked = next(row for row in ledger.rows_of(revision.pk) if row.kind == "looked")
    assert looked.detail == {"stale": False, "changed": []}
    assert (revision.state, revision.due_at, desk.newest.number) == ("consumed", None, 1)


def test_whether_it_was_stale_stays_unknown_where_sources_could_not_be_read_after_it(desk: Packets) -> None:
    revision = desk.released()
    desk.deliver(revision)
    desk.sources.failing.add("/roster")
    consumed(desk, revision)
    desk.deliver(revision)
    Revision.objects.filter(pk=revision.pk).update(consumed_at=now() - timedelta(minutes=2))
    due(revision)
    worked(desk, revision)
    looked = next(row for row in ledger.rows_of(revision.pk) if row.kind == "looked")
    assert looked.detail["stale"] is None
    assert (revision.watch_at, revision.due_at) == (None, None)


def test_vendor_opens_it_while_it_is_taken_back(desk: Packets, monkeypatch: pytest.MonkeyPatch) -> None:
    """The change is found, the revision superseded, and the vendor is faster than the withdrawal."""
    revision = desk.released()
    desk.deliver(revision)
    entitle(desk)
    due(revision)
    withdraw = desk.vendor.withdraw

    def first(digest: str, reason: str) -> Any:
        desk.vendor.consume(digest)
        return withdraw(digest, reason)

    monkeypatch.setattr(desk.vendor, "withdraw", first)
    worked(desk, revision)
    opened = next(row for row in ledger.rows_of(revision.pk) if row.kind == "consumed")
    assert opened.detail["stale"] is True
    assert (told("packet.consumed_stale"), told("packet.superseded")) == (1, 1)


def test_record_of_another_customer_supersedes_without_quoting_it(desk: Packets) -> None:
    revision = desk.released()
    desk.deliver(revision)
    desk.sources.case["tenant_id"] = "ten_other"
    due(revision)
    worked(desk, revision)
    assert revision.state == "superseded"
    assert [one["where"] for one in desk.newest.cause_detail] == ["case.tenant_id"]
    assert "ten_other" not in repr(desk.newest.cause_detail)


def test_person_who_withdraws_during_a_reading_is_not_written_over(
    desk: Packets, monkeypatch: pytest.MonkeyPatch
) -> None:
    revision = desk.released()
    desk.deliver(revision)
    entitle(desk)
    due(revision)
    read = desk.sources.read
    done = []

    def meanwhile(name: str, operation: Any) -> Any:
        if not done:
            done.append(True)
            votes.withdraw(ref=revision.packet.ref, revision=1, reason="Not so.", by=desk.person("cy"))
        return read(name, operation)

    monkeypatch.setattr(desk.sources, "read", meanwhile)
    worked(desk, revision)
    assert (revision.state, revision.ended_cause, desk.newest.number) == ("withdrawn", "withdrawn", 1)
    assert kinds(revision).count("recall") == 1


def test_two_workers_that_read_at_once_supersede_once(desk: Packets, monkeypatch: pytest.MonkeyPatch) -> None:
    revision = desk.released()
    desk.deliver(revision)
    entitle(desk)
    due(revision)
    read = desk.sources.read
    done = []

    def meanwhile(name: str, operation: Any) -> Any:
        if not done:
            done.append(True)
            delivering.deliver(revision_id=revision.pk, by=desk.worker)
        return read(name, operation)

    monkeypatch.setattr(desk.sources, "read", meanwhile)
    worked(desk, revision)
    assert (revision.state, desk.newest.number, kinds(revision).count("recall")) == ("superseded", 2, 1)
    assert (told("packet.superseded"), told("packet.requested"), told("packet.recalled")) == (1, 2, 1)


def test_change_that_was_taken_back_before_anybody_looked_has_no_consequence(desk: Packets) -> None:
    revision = desk.released()
    desk.deliver(revision)
    entitle(desk)
    desk.sources["/tenants/ten_a"].update(plan="ent", revision=4)
    due(revision)
    worked(desk, revision)
    assert (revision.state, desk.newest.number) == ("released", 1)


def test_change_that_is_taken_back_after_it_was_noticed_brings_nothing_back(desk: Packets) -> None:
    revision = desk.released()
    desk.deliver(revision)
    before = dict(desk.sources["/tenants/ten_a"])
    entitle(desk)
    due(revision)
    desk.deliver(revision)
    desk.sources["/tenants/ten_a"].update(before)
    worked(desk, revision)
    assert (revision.state, desk.newest.number, told("packet.superseded")) == ("superseded", 2, 1)
    assert set(desk.vendor.states.values()) == {LaneState.WITHDRAWN}


def test_source_that_changed_while_it_could_not_be_read_supersedes_once_it_can(desk: Packets) -> None:
    revision = desk.released()
    desk.deliver(revision)
    desk.sources.failing.add("/roster")
    entitle(desk)
    due(revision)
    desk.deliver(revision)
    assert revision.state == "released"
    desk.sources.failing.clear()
    due(revision)
    worked(desk, revision)
    assert (revision.state, told("packet.superseded"), told("packet.unwatched")) == ("superseded", 1, 0)


def test_delivered_package_expires_also_while_its_sources_can_not_be_read(
    desk: Packets, monkeypatch: pytest.MonkeyPatch
) -> None:
    revision = desk.released()
    desk.deliver(revision)
    desk.sources.failing.add("/roster")
    monkeypatch.setattr("handrail.packets.actions.delivering.has_expired", lambda _: True)
    monkeypatch.setattr("handrail.packets.expiry.has_expired", lambda _: True)
    due(revision)
    worked(desk, revision)
    assert (revision.state, revision.due_at, set(desk.vendor.states.values())) == (
        "withdrawn", None, {LaneState.WITHDRAWN},
    )  # fmt: skip


def test_released_packets_that_nobody_can_watch_are_counted(desk: Packets) -> None:
    revision = desk.released()
    desk.deliver(revision)
    assert leases.unwatched() == 0
    desk.sources.failing.add("/roster")
    Revision.objects.filter(pk=revision.pk).update(watched_at=now() - timedelta(minutes=2))
    due(revision)
    desk.deliver(revision)
    assert leases.unwatched() == 1
    desk.sources.failing.clear()
    due(revision)
    desk.deliver(revision)
    assert leases.unwatched() == 0


def test_refused_package_that_is_watched_expires_all_the_same(desk: Packets, monkeypatch: pytest.MonkeyPatch) -> None:
    revision = desk.released()
    refused(desk, revision)
    assert revision.due_at is not None
    monkeypatch.setattr("handrail.packets.actions.delivering.has_expired", lambda _: True)
    monkeypatch.setattr("handrail.packets.expiry.has_expired", lambda _: True)
    worked(desk, revision)
    assert (revision.state, revision.due_at) == ("withdrawn", None)


def test_profile_that_says_nothing_watches_nothing(db: None) -> None:
    with connected(Installation(None, tenant="ten_a").packets) as desk:
        revision = desk.released()
        desk.deliver(revision)
        entitle(desk)
        desk.deliver(revision)
        assert (revision.state, revision.watch_at) == ("released", None)


def test_without_a_release_key_it_is_taken_back_and_the_statement_follows_later(desk: Packets) -> None:
    revision = desk.released()
    desk.deliver(revision)
    entitle(desk)
    due(revision)
    known = settings.current()
    with settings.use(settings.PacketSettings(known.blobs, retry_first=known.retry_first, settle=known.settle)):
        worked(desk, revision, 3)
        assert set(desk.vendor.states.values()) == {LaneState.WITHDRAWN}
        assert desk.vendor.recalls == {}
        assert "release key" in revision.failure
    worked(desk, revision)
    (envelope,) = desk.vendor.recalls[str(revision.assembly.manifest_digest)]
    assert dsse.payload_of(envelope)
    assert revision.due_at is None
