"""What is shown is one moment: whatever others commit between two statements of a page, an API answer or a command.

The same is asked of every page and every answer of the API, whatever it is about.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from django.db import InterfaceError, InternalError, OperationalError, connection
from django.test import Client

from handrail.access.capabilities import Role
from handrail.access.snapshot import snapshot
from handrail.cli import entry, installation
from handrail.packets import comparison, queries
from handrail.packets.actions import assembling, votes
from handrail.packets.models import Packet, Revision
from handrail.packets.states import RevisionState
from tests.factories import rows
from tests.factories.installation import Installation
from tests.factories.openapi import description
from tests.factories.packets import Packets, connected
from tests.factories.people import secret_of
from tests.factories.web import Web
from tests.integration.web.urlmap import inside
from tests.lanes import NIGHTLY

# What concerns people, not what is shown: who calls is known before anything is read.
_OF_THE_CALLER = re.compile(
    r"\b(access_\w+|account_\w+|django_\w+|handrail_(?:token|membership|workspace)_directory)\b"
)
_OURS = re.compile(r'"(packets|runbooks|support|definitions)_\w+"')
BACKEND = "allauth.account.auth_backends.AuthenticationBackend"
VARIES = re.compile(
    r'name="csrfmiddlewaretoken" value="[^"]*"|nonce="[^"]*"|nonce-[\w+/=-]+|"X-CSRFToken": ?"[^"]*"|data-ago>[^<]*'
)


@pytest.fixture
def desk(committed_db: str) -> Iterator[Packets]:
    with connected(Installation(None, tenant="ten_a").packets) as one:
        yield one


def aside(act: Callable[[], object]) -> None:
    """``act`` in a thread with a connection of its own, committed when this returns."""
    failed: list[BaseException] = []

    def run() -> None:
        try:
            act()
        except BaseException as error:  # noqa: BLE001 - raised below, in the test's own thread
            failed.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]


@contextmanager
def between(number: int, act: Callable[[], object]) -> Iterator[list[str]]:
    """``act`` before the ``number``-th statement about what is shown. The statements, as they are met."""
    met: list[str] = []

    def look(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if _OURS.search(sql):
            met.append(sql)
            if len(met) == number:
                aside(act)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(look):
        yield met


class Moves:
    """What people and workers do to one packet, one after the other, for ever."""

    def __init__(self, desk: Packets) -> None:
        self.desk = desk
        self.steps = self._for_ever()
        desk.ask()

    def __call__(self) -> None:
        next(self.steps)

    def _for_ever(self) -> Iterator[None]:
        while True:
            newest = self.desk.newest
            self.desk.build(newest.pk)
            yield
            revision = Revision.objects.select_related("packet", "assembly").get(pk=newest.pk)
            for name in ("ada", "ben"):
                self.desk.approve(revision, name)
                yield
            self.desk.release(revision)
            yield
            self.desk.deliver(revision)
            yield
            packet = revision.packet
            assembling.again(ref=packet.ref, reason="More.", by=self.desk.person("dee"))
            yield
            newest = self.desk.newest
            votes.withdraw(ref=packet.ref, revision=newest.number, reason="No.", by=self.desk.person("cy"))
            yield
            self.desk.deliver(revision)
            assembling.again(ref=packet.ref, reason="More.", by=self.desk.person("dee"))
            yield


def looking(desk: Packets, address: str) -> Callable[[], str]:
    client = Client()
    client.force_login(desk.people["ada"], backend=BACKEND)

    def look() -> str:
        return VARIES.sub("", client.get(address).content.decode())

    return look


def page_of(desk: Packets) -> Callable[[], str]:
    return looking(desk, f"/admin/packets/{desk.packet.ref}")


def home_of(desk: Packets) -> Callable[[], str]:
    return looking(desk, "/admin")


def asking(desk: Packets, name: str, address: str) -> Callable[[], str]:
    secret = secret_of(f"{name}@example.com", desk.workspace.pk)
    client = Client(headers={"authorization": f"Bearer {secret}"})

    def ask() -> str:
        return client.get(f"/api/v1/{address}").content.decode()

    return ask


def answer_of(desk: Packets) -> Callable[[], str]:
    return asking(desk, "ada", f"packets/{desk.packet.ref}")


def figures_of(desk: Packets) -> Callable[[], str]:
    rows.member(desk.workspace, *Role, email="all@example.com")
    return asking(desk, "all", "evaluation/packets")


def command_of(desk: Packets) -> Callable[[], str]:
    who = desk.person("ada")
    return lambda: repr(queries.get_packet(who, desk.packet.ref))


DOORS = {"page": page_of, "home": home_of, "api": answer_of, "figures": figures_of, "cli": command_of}


@pytest.mark.parametrize("door", DOORS)
def test_packet_is_shown_as_it_was_at_one_moment(desk: Packets, door: str) -> None:
    """Whatever is committed before whichever statement, what is shown is as before it or as after it."""
    moves, statements = Moves(desk), 0
    show = DOORS[door](desk)
    torn = []
    for turn in range(200 if NIGHTLY else 18):
        before = show()
        with between(turn % (statements or 8) + 1, moves) as met:
            shown = show()
        statements = max(statements, len(met))
        after = show()
        if shown not in (before, after):
            torn.append((turn, len(met)))
    assert statements >= 4
    assert [path for path, _ in torn] == [], torn


def test_revision_in_review_has_its_manifest_at_every_statement(desk: Packets) -> None:
    """Seen: ``in_review`` with ``manifest: null``, from the row before the commit and the assembly after it."""
    desk.ask()
    who, seen = desk.person("ada"), set()
    for number in range(1, 40):
        newest = desk.newest
        if newest.state != RevisionState.ASSEMBLING:
            desk.ask()
            newest = desk.newest
        with between(number, lambda pk=newest.pk: desk.build(pk)) as met:  # type: ignore[misc] # bound at once
            found = queries.get_packet(who, newest.packet.ref)
        state = found.summary.revision.state
        seen.add(state)
        assert (found.manifest is None) is (state is RevisionState.ASSEMBLING)
        assert (found.votes is None) is (state is RevisionState.ASSEMBLING)
        if len(met) < number:
            break
    assert seen == {RevisionState.ASSEMBLING, RevisionState.IN_REVIEW}


def test_comparison_is_of_one_moment(desk: Packets) -> None:
    desk.assemble()
    desk.assemble()
    with between(3, desk.assemble):
        found = comparison.diff(desk.person("ada"), desk.packet.ref)
    assert found is not None


@contextmanager
def watched(url: str) -> Iterator[dict[str, set[str]]]:
    """For each statement about what is shown, from which snapshot it was answered, while others commit all the time."""
    seen: dict[str, set[str]] = {}
    with psycopg.connect(url, autocommit=True) as other:

        def look(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
            if not _OURS.search(sql):
                return execute(sql, params, many, context)
            other.execute("SELECT txid_current()")
            with context["connection"].connection.cursor() as cursor:
                cursor.execute("SELECT pg_current_snapshot()::text")
                seen.setdefault(cursor.fetchone()[0], set()).add(sql)
            return execute(sql, params, many, context)

        with connection.execute_wrapper(look):
            yield seen


@pytest.fixture
def house(committed_db: str) -> Web:
    return Installation.named("Northwind").web


# Who takes a file, a list of recalls or an original is written down; and verifying compares rows that never change,
# in batches, for minutes.
TAKEN = ("document", "package", "verification", "original", "picture", "drawn", "recalls")


def test_every_page_is_read_in_one_snapshot(house: Web, committed_db: str) -> None:
    client = Client()
    client.force_login(rows.member(house.workspace, *Role), backend=BACKEND)
    torn, several = [], 0
    for route in [one for one in inside() if not one.path.endswith(TAKEN)]:
        with watched(committed_db) as seen:
            answer = client.get(route.url(house.ids()))
        if answer.status_code != 405:
            assert answer.status_code in (200, 204, 302, 409), route.path  # 409: it is being assembled
        several += sum(map(len, seen.values())) > 1
        if len(seen) > 1:
            torn.append((route.path, sorted(sql for statements in seen.values() for sql in statements)))
    assert [path for path, _ in torn] == [], torn
    assert several >= 10


def test_every_answer_of_the_api_is_read_in_one_snapshot(house: Web, committed_db: str) -> None:
    rows.member(house.workspace, *Role, email="all@example.com")
    client = Client(headers={"authorization": f"Bearer {secret_of('all@example.com', house.workspace.pk)}"})
    torn, several = [], 0
    for path, verbs in description()["paths"].items():
        if "get" not in verbs or path.endswith(TAKEN):
            continue
        start, _, end = path.partition("{")
        kind = start.rstrip("/").rsplit("/", 1)[-1].removesuffix("s")
        address = path if not end else start + house.ids()[kind] + end.partition("}")[2].replace("{number}", "1")
        asked = [one for one in verbs["get"].get("parameters", ()) if one["in"] == "query" and one["required"]]
        if asked:
            address += "?" + "&".join(f"{one['name']}={house.ids()['run']}" for one in asked)
        with watched(committed_db) as seen:
            answer = client.get(address)
        assert answer.status_code in (200, 409), (path, answer.content)
        several += sum(map(len, seen.values())) > 1
        if len(seen) > 1:
            torn.append((path, sorted(sql for statements in seen.values() for sql in statements)))
    assert [path for path, _ in torn] == [], torn
    assert several >= 5


LOOKS = (
    ("packets", "show", "{packet}"),
    ("packets", "holds", "{packet}"),
    ("packets", "list"),
    ("runs", "show", "{run}"),
    ("runs", "list"),
    ("exceptions", "show", "{exception}"),
    ("exceptions", "list"),
    ("definitions", "show", "runbook/{runbook}"),
    ("definitions", "list"),
    ("brakes", "list"),
    ("waves", "list"),
    ("waves", "show", "{wave}"),
    ("find", "{run}"),
)


@pytest.mark.parametrize("command", LOOKS, ids=" ".join)
def test_every_command_that_shows_something_reads_it_in_one_snapshot(
    house: Web, committed_db: str, command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(installation, "start", installation.configuration)
    with watched(committed_db) as seen:
        code = entry.run([word.format(**house.ids(), runbook=house.definition.name) for word in command])
    assert code == 0
    assert len(seen) == 1, sorted(sql for statements in seen.values() for sql in statements)


def test_snapshot_refuses_to_write_and_leaves_nothing_on_the_connection(committed_db: str) -> None:
    with pytest.raises(InternalError, match="read-only transaction"), snapshot():
        Revision.objects.update(failure="x")
    Revision.objects.update(failure="x")
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('transaction_isolation'), current_setting('transaction_read_only')")
        assert cursor.fetchone() == ("read committed", "off")


def test_snapshot_that_the_database_ends_leaves_a_connection_that_works(committed_db: str) -> None:
    def ended() -> None:
        with snapshot(), psycopg.connect(committed_db, autocommit=True) as other:
            Packet.objects.exists()
            other.execute("SELECT pg_terminate_backend(%s, 5000)", [connection.connection.info.backend_pid])
            Packet.objects.exists()

    with pytest.raises((OperationalError, InterfaceError)):
        ended()
    connection.close_if_unusable_or_obsolete()
    with snapshot():
        assert Packet.objects.count() == 0


def test_snapshot_over_a_new_connection_is_one_too(committed_db: str) -> None:
    connection.ensure_connection()
    connection.settings_dict["CONN_HEALTH_CHECKS"], before = True, connection.settings_dict["CONN_HEALTH_CHECKS"]
    try:
        connection.health_check_enabled, connection.health_check_done = True, False
        with psycopg.connect(committed_db, autocommit=True) as other:
            other.execute("SELECT pg_terminate_backend(%s, 5000)", [connection.connection.info.backend_pid])
        with snapshot(), connection.cursor() as cursor:
            cursor.execute("SELECT current_setting('transaction_isolation'), current_setting('transaction_read_only')")
            assert cursor.fetchone() == ("repeatable read", "on")
    finally:
        connection.settings_dict["CONN_HEALTH_CHECKS"] = before
