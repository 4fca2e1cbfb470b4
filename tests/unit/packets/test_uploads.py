"""An upload address is a secret that is used once; what can't be asked about stays unknown until a person decides."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from django.db import connection
from django.views.debug import ExceptionReporter

from handrail.audit.models import AuditEvent
from handrail.cli import checks
from handrail.connectors import lane as lanes
from handrail.kernel.clock import now
from handrail.kernel.errors import Conflict, Denied, Invalid
from handrail.kernel.secrets import Secret, Secrets
from handrail.packets import ledger, moves
from handrail.packets.actions import uploading
from handrail.packets.models import Revision
from handrail.packets.status import fold
from tests.factories.http_server import running
from tests.factories.packets import LANE, Packets

TOKEN = "c0ffee5ec2e7" + "9f" * 20
HOUR = timedelta(hours=1)


class Bucket(ThreadingHTTPServer):
    """Takes a PUT. ``answer``: the status, 0 to take it and hang up. ``taken``: paths and bodies."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer = 200
        self.taken: list[tuple[str, bytes]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Bucket

    def do_PUT(self) -> None:
        self.server.taken.append((self.path, self.rfile.read(int(self.headers["content-length"]))))
        if not self.server.answer:
            self.connection.close()
            return
        self.send_response(self.server.answer)
        self.send_header("location", self.server.url + "/elsewhere")
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@dataclass
class Vendor:
    desk: Packets
    bucket: Bucket
    revision: Revision = field(init=False)

    def __post_init__(self) -> None:
        self.revision = self.desk.released()

    def give(self, address: str = "", *, by: str = "ada", expires: timedelta = HOUR) -> None:
        uploading.give_address(
            ref=self.revision.packet.ref,
            revision=1,
            address=Secret(
                address or f"{self.bucket.url}/case-17/package.zip?X-Amz-Signature={TOKEN}&X-Amz-Expires=60"
            ),
            expires_at=now() + expires,
            by=self.desk.person(by),
        )

    def deliver(self) -> None:
        self.desk.deliver(self.revision)

    def settle(self, *, arrived: bool) -> None:
        said = "They told us on the telephone."
        uploading.confirm(
            ref=self.revision.packet.ref, revision=1, arrived=arrived, reason=said, by=self.desk.person("ada")
        )

    @property
    def state(self) -> str:
        return fold(ledger.rows_of(self.revision.pk)).state


def uploading_to(bucket: Bucket) -> lanes.Lanes:
    section = {"kind": "upload", "origins": [bucket.url], "deadline_seconds": 2}
    return lanes.Lanes.open(lanes.parse({LANE: section}), Secrets({}))


@pytest.fixture
def vendor(desk: Packets) -> Iterator[Vendor]:
    with ExitStack() as stack:
        bucket = stack.enter_context(running(Bucket()))
        stack.enter_context(lanes.use(uploading_to(bucket)))
        yield Vendor(desk, bucket)


def test_a_package_is_put_once_to_the_address_that_was_given(vendor: Vendor) -> None:
    vendor.deliver()
    assert "Enter the upload address" in vendor.revision.failure
    vendor.give()
    vendor.deliver()
    vendor.deliver()
    ((path, body),) = vendor.bucket.taken
    assert path.startswith("/case-17/package.zip?X-Amz-Signature=")
    assert body.startswith(b"PK")
    assert vendor.state == "delivered"
    assert vendor.revision.due_at == vendor.revision.assembly.expires_at


def test_a_lost_answer_is_unknown_until_a_person_says_that_it_arrived(vendor: Vendor) -> None:
    vendor.give()
    vendor.bucket.answer = 0
    vendor.deliver()
    vendor.give()
    vendor.deliver()
    assert (vendor.state, len(vendor.bucket.taken)) == ("unknown", 1)
    vendor.settle(arrived=True)
    vendor.deliver()
    assert (vendor.state, len(vendor.bucket.taken)) == ("delivered", 1)
    event = AuditEvent.objects.get(event="packet.delivery_settled")
    assert event.context["arrived"] is True
    with pytest.raises(Conflict) as refused:
        vendor.settle(arrived=False)
    assert refused.value.code == "not-unknown"


def test_a_package_that_did_not_arrive_is_sent_again_to_another_address_only(vendor: Vendor) -> None:
    vendor.give()
    vendor.bucket.answer = 0
    vendor.deliver()
    vendor.bucket.answer = 200
    vendor.settle(arrived=False)
    vendor.deliver()
    assert len(vendor.bucket.taken) == 1
    assert "Enter the upload address" in vendor.revision.failure
    vendor.give()
    vendor.deliver()
    assert (vendor.state, len(vendor.bucket.taken)) == ("delivered", 2)


def test_an_address_that_expired_before_its_use_is_not_used(vendor: Vendor, monkeypatch: pytest.MonkeyPatch) -> None:
    vendor.give(expires=timedelta(milliseconds=500))
    threading.Event().wait(0.6)
    vendor.deliver()
    assert "Ask the vendor for another" in vendor.revision.failure
    assert vendor.bucket.taken == []


@pytest.mark.parametrize("answer", [403, 404, 412])
def test_an_address_that_the_vendor_refuses_is_not_used_again(vendor: Vendor, answer: int) -> None:
    vendor.give()
    vendor.bucket.answer = answer
    vendor.deliver()
    assert "Ask the vendor for another upload address" in vendor.revision.failure
    vendor.deliver()
    assert len(vendor.bucket.taken) == 1


def test_a_redirect_is_not_followed(vendor: Vendor) -> None:
    vendor.give()
    vendor.bucket.answer = 307
    vendor.deliver()
    vendor.deliver()
    assert len(vendor.bucket.taken) == 1


def test_an_address_where_nobody_listens_is_used_again(vendor: Vendor) -> None:
    vendor.give()
    vendor.bucket.server_close()
    vendor.deliver()
    assert vendor.state == "sending"
    assert "Enter" not in vendor.revision.failure
    vendor.deliver()
    assert "Enter" not in vendor.revision.failure


@pytest.mark.parametrize("before", ["http://user:word@127.0.0.1", "HTTP://127.0.0.1", "http://127.0.0.1:0127.0.0.1"])
def test_an_address_that_reads_two_ways_is_refused(vendor: Vendor, before: str) -> None:
    with pytest.raises(Invalid) as refused:
        vendor.give(f"{before}:{vendor.bucket.server_port}/{TOKEN}")
    assert TOKEN not in str(refused.value) + str(refused.value.faults)


def test_check_says_what_people_have_to_do_on_such_a_lane(vendor: Vendor) -> None:
    (said,) = [found.message for found in checks.release() if found.name == f"{LANE}: limits"]
    assert "can't be asked whether a package arrived" in said
    assert "takes nothing back" in said
    assert vendor.revision.state == "released"


def test_a_failure_quotes_the_address_nowhere_in_its_chain(vendor: Vendor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every exception that led to it, and every local variable of every frame that it went through, as Django's report
    shows them."""

    def broken(*_: object, **__: object) -> object:
        raise RuntimeError("disk")

    monkeypatch.setattr(moves, "audit", broken)
    with pytest.raises(RuntimeError) as failed:
        vendor.give()
    reporter = ExceptionReporter(None, failed.type, failed.value, failed.tb)
    shown = [
        value
        for frame in reporter.get_traceback_data()["frames"]
        if "handrail/packets" in frame["filename"] or "handrail/connectors" in frame["filename"]
        for _, value in frame["vars"]
    ]
    assert shown
    assert [value for value in shown if TOKEN in value] == []


@pytest.mark.parametrize(
    "address",
    ["https://elsewhere.example/x?sig=" + TOKEN, "not an address " + TOKEN, "ftp://x/" + TOKEN, "//x/" + TOKEN],
)
def test_an_address_that_leads_elsewhere_is_refused_without_quoting_it(vendor: Vendor, address: str) -> None:
    with pytest.raises(Invalid) as refused:
        vendor.give(address)
    assert TOKEN not in str(refused.value) + str(refused.value.faults)


@pytest.mark.parametrize("expires", [timedelta(), timedelta(days=31)])
def test_an_expiry_that_is_past_or_far_is_refused(vendor: Vendor, expires: timedelta) -> None:
    with pytest.raises(Invalid):
        vendor.give(expires=expires)


def test_only_who_may_release_gives_an_address(vendor: Vendor) -> None:
    with pytest.raises(Denied):
        vendor.give(by="ben")


def test_a_lane_without_addresses_takes_none(desk: Packets) -> None:
    revision = desk.released()
    with pytest.raises(Conflict) as refused:
        uploading.give_address(
            ref=revision.packet.ref,
            revision=1,
            address=Secret("https://x.example/" + TOKEN),
            expires_at=now() + HOUR,
            by=desk.person("ada"),
        )
    assert refused.value.code == "no-upload-address"


@pytest.mark.parametrize("answer", [200, 0, 403])
def test_the_address_is_nowhere(
    vendor: Vendor, answer: int, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """In no row of any table, no event, no message and no log."""
    caplog.set_level("DEBUG")
    vendor.give()
    vendor.bucket.answer = answer
    vendor.deliver()
    assert vendor.bucket.taken
    with connection.cursor() as cursor:
        cursor.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")
        found = {}
        for (table,) in cursor.fetchall():
            cursor.execute(f'SELECT to_jsonb(t)::text FROM "{table}" t')
            found[table] = "\n".join(row for (row,) in cursor.fetchall())
    assert len(found) > 50
    assert [table for table, rows in found.items() if TOKEN in rows or "case-17" in rows] == []
    out, err = capfd.readouterr()
    assert TOKEN not in out + err + caplog.text
    events = json.dumps(list(AuditEvent.objects.values()), default=str)
    assert "packet.upload_address_given" in events
    assert TOKEN not in events
