"""The packet scenario: one exact packet is assembled, held, signed, overtaken, signed again, released and consumed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from handrail.access import queries as access
from handrail.access.actor import Actor
from handrail.cli import installation, output, release_keys
from handrail.cli.demo import estate, fixtures, report
from handrail.cli.demo import show as terminal
from handrail.cli.demo.vendor import Vendor, accepting, altered, found_in
from handrail.cli.demo.workspace import WORKSPACE, DemoWorkspace, vendor_keys
from handrail.connectors import registry
from handrail.connectors.blobs import Blobs
from handrail.connectors.config import HttpConfig
from handrail.connectors.http import Client
from handrail.connectors.rest import Call, RestConnector
from handrail.definitions import actions as definitions
from handrail.kernel import scope
from handrail.kernel.errors import Conflict, Denied, HandrailError
from handrail.kernel.secrets import Secrets
from handrail.packets import queries
from handrail.packets.actions import assembling, holds, releasing, votes
from handrail.packets.errors import Drifted
from handrail.packets.queries import PacketDetail
from handrail.sandbox import capture, outage, traces

PROFILE, LANE = "identity-outage-vendor-escalation", "vendor-signing-intake"
TICKET = "VND-4711"
FOLDERS = tuple(fixtures.RUNBOOKS.parent / name for name in ("tables", "profiles"))
ASSEMBLER, CLEARER, SIGNERS = "olivia@practice.example", "sam@practice.example", fixtures.ESCALATION_OWNERS
BLOCKING, STAYS = ("end-while-open", "impact.end"), ("unsanitised-artifact", "other-1")
WAIT_SECONDS, LOOK_SECONDS = 60.0, 0.1
MAX_PACKAGE_BYTES = 16 * 1024 * 1024


class Differs(HandrailError):
    """Something came out otherwise than the scenario expects."""


@dataclass(frozen=True, slots=True)
class ScenarioStep:
    """``differs`` is empty when it came out as it should."""

    who: str
    what: str
    differs: str


def run(workspace: DemoWorkspace) -> list[ScenarioStep]:
    """Runs the scenario on the practice estate; it ends at the first step that differs."""
    scenario, steps = _Scenario(workspace), []
    with terminal.stage("one escalation packet assembled, held, signed, overtaken, released and consumed"):
        for who, act in scenario.acts():
            try:
                steps.append(ScenarioStep(who, act(), ""))
            except HandrailError as error:
                steps.append(ScenarioStep(who, "", error.message))
                break
    return steps


def show(steps: list[ScenarioStep]) -> None:
    rows = [
        (number, step.who, step.what, f"DIFFERS: {step.differs}" if step.differs else "agrees")
        for number, step in enumerate(steps, 1)
    ]
    output.print_table("", ("step", "who", "what happened", "result"), rows)


class _Scenario:
    """Each act does one thing, looks at what came of it, and says so; it raises Differs otherwise."""

    def __init__(self, workspace: DemoWorkspace) -> None:
        self._workspace = workspace
        self._vendor = Vendor(workspace.directory / "vendor", LANE)
        self._ref, self._revision = "", 0
        self._package = b""

    def acts(self) -> Iterator[tuple[str, Callable[[], str]]]:
        yield "Gina, Gustav", self._approve_definitions
        yield "operator", self._make_key
        yield "attachment store", self._take_in
        yield "Olivia", self._assemble
        yield "Sam", self._clear
        yield "Olivia", self._approve_own
        yield "Eva, Emil", self._sign
        yield "customer", self._overtake
        yield "Eva", self._release_too_late
        yield "worker", self._assembled_again
        yield "Eva, Emil", self._sign
        yield "Eva", self._release
        yield "vendor", self._verify
        yield "vendor", self._refuse_altered
        yield "vendor", self._consume
        yield "vendor", self._reply
        yield "anybody", self._search

    def _approve_definitions(self) -> str:
        proposer, approver = access.person(fixtures.PROPOSER.email), access.person(fixtures.APPROVER.email)
        counts = []
        for folder in FOLDERS:
            files = sorted(folder.glob("*.yaml"))
            for file in files:
                proposed = definitions.propose(text=file.read_text(encoding="utf-8"), by=proposer, file=file.name)
                definitions.approve(definition_id=proposed.id, by=approver, digest=proposed.digest)
            _expect(bool(files), f"there are no definitions in {folder}")
            counts.append(f"{len(files)} {folder.name}")
        return f"{' and '.join(counts)} proposed by one, approved by the other"

    def _make_key(self) -> str:
        if installation.key_ring().load().current is None:
            with scope.entered(scope.current()):  # it acts in no workspace, like handrail keys generate
                release_keys.generate(None)
        self._vendor.settle()
        return "a release key; the vendor has its public half"

    def _take_in(self) -> str:
        taken = [_keep(data) for _, _, data in outage.attachments().values()]
        return f"{len(taken)} attachments of {outage.CASE}, one a capture with {len(capture.secrets())} planted secrets"

    def _assemble(self) -> str:
        given = {"tenant": outage.TENANT, "case": outage.CASE}
        asked = assembling.request(profile=PROFILE, inputs=given, by=access.person(ASSEMBLER))
        self._ref, self._revision = asked.ref, asked.revision
        found = self._settled()
        _expect_state(found, "held")
        _expect_holds(found, {BLOCKING, STAYS})
        return f"{self._ref} revision 1 is held: {_open(found)}"

    def _clear(self) -> str:
        code, target = BLOCKING
        said = "The end of impact was confirmed on the bridge; the case stays open for review."
        by = access.person(CLEARER)
        asked = holds.clear(ref=self._ref, revision=self._revision, code=code, target=target, reason=said, by=by)
        self._revision = asked.revision
        found = self._settled()
        _expect_state(found, "in_review")
        _expect_holds(found, {STAYS})
        kept = [annex for annex in found.annexes if not annex.cleared and annex.marker]
        _expect(len(kept) == 1, "not exactly one annex is held")
        removed = sum(_removed(annex.report) for annex in found.annexes)
        return f"{code} cleared: revision 2 in review. {kept[0].name} is withheld; {removed} things removed from others"

    def _approve_own(self) -> str:
        try:
            self._vote(ASSEMBLER)
        except (Denied, Conflict):
            return "the person who assembled it may not approve it: refused"
        raise Differs("the assembler approved")

    def _sign(self) -> str:
        for email in SIGNERS:
            self._vote(email)
        found = self._found()
        _expect_state(found, "approved")
        return (
            f"both approve revision {self._revision}, {_short(found)}, by a click: this is practice. In production the "
            "profile takes their passkeys"
        )

    def _vote(self, email: str) -> None:
        found = self._found()
        digest = found.manifest.digest if found.manifest else None
        seen = [one.digest for one in found.seen]
        by = access.person(email)
        votes.approve(ref=self._ref, revision=self._revision, digest=digest or "", seen=seen, by=by)

    def _overtake(self) -> str:
        late = traces.late()
        _keep(late)
        body = {"name": "verify-assertion-late.json", "kind": "trace", "text": late.decode()}
        _control(f"/cases/{outage.CASE}/attachments", body)
        return "adds a late trace of the gateway"

    def _release_too_late(self) -> str:
        try:
            self._let_go()
        except Drifted as error:
            before, self._revision = self._revision, self._revision + 1
            was = queries.get_packet(_who(), self._ref, before).summary.revision
            _expect(was.state == "superseded", f"revision {before} is {was.state}")
            where = ", ".join(fault.where for fault in error.faults)
            return f"release refused: {where} changed. Revision {before} is superseded, its two votes are void"
        raise Differs("a revision was released although a source had changed")

    def _assembled_again(self) -> str:
        found = self._settled()
        _expect_state(found, "in_review")
        _expect_holds(found, {STAYS})
        _expect(found.votes is not None and not found.votes.votes, "revision 3 begins with votes")
        cleared = sum(annex.cleared for annex in found.annexes)
        return f"revision 3 in review with {cleared} cleared annexes and no vote; the cleared hold stays cleared"

    def _release(self) -> str:
        self._let_go()
        delivery = self._until(lambda found: found.delivery is not None and bool(found.delivery.receipt)).delivery
        there = _control_list(f"/lane/{LANE}/deliveries")
        _expect(len(there) == 1, f"the lane has {len(there)} deliveries")
        return f"released into {LANE}, delivered once: {delivery.receipt if delivery else ''}"

    def _let_go(self) -> None:
        releasing.release(ref=self._ref, revision=self._revision, by=access.person(SIGNERS[0]))

    def _verify(self) -> str:
        self._package = self._fetch(f"/lane/{LANE}/deliveries/{self._digest()}/package")
        said = self._vendor.verify(self._package)
        _expect(said.accepted, f"intake verify refuses: {', '.join(said.findings)}")
        return f"verified offline with the public key alone: accepted, {len(self._package)} bytes, approved as practice"

    def _refuse_altered(self) -> str:
        said = self._vendor.verify(altered(self._package), name="altered.zip")
        _expect(not said.accepted and bool(said.findings), "intake verify accepts an altered package")
        return f"one bit flipped: refused ({', '.join(said.findings)})"

    def _consume(self) -> str:
        _control(f"/lane/{LANE}/deliveries/{self._digest()}/consume", {})
        found = self._until(lambda found: found.summary.revision.state == "consumed")
        at = found.delivery.consumed_at if found.delivery else None
        _expect(at is not None, "no time of consumption is recorded")
        return f"revision {self._revision} consumed, as the lane reports it"

    def _reply(self) -> str:
        digest = self._digest()
        private = vendor_keys(self._workspace.directory)[1]
        _control(f"/lane/{LANE}/deliveries/{digest}/reply", {"envelope": accepting(digest, LANE, TICKET, private)})
        found = self._until(lambda found: found.delivery is not None and bool(found.delivery.replies))
        said = found.delivery.replies[0] if found.delivery else None
        _expect(said is not None and said.ticket == TICKET, "the vendor's reply is not shown with its ticket")
        return f"accepted by a signed reply, as {TICKET}"

    def _search(self) -> str:
        secrets = capture.secrets()
        left = found_in(self._package, secrets)
        _expect(not left, f"the package lets out {', '.join(left[:5])}")
        words = [word for secret in secrets.values() for word in (secret, secret.encode().hex())]
        kept = list(report.leaks(words, [self._workspace.log]))
        _expect(not kept, f"secrets of the capture stand in {', '.join(kept[:5])}")
        return f"none of {len(secrets)} planted secrets in the package (plain, URL, base64, hex), database or logs"

    def _digest(self) -> str:
        delivery = self._found().delivery
        if delivery is None:
            raise Differs("there is no delivery")
        return delivery.manifest_digest

    def _fetch(self, path: str) -> bytes:
        """The bytes that the estate's intake lane has at ``path``."""
        token = self._workspace.directory / "secrets" / "control"
        section = {
            "kind": "rest",
            "base_url": self._workspace.estate,
            "auth": {"kind": "bearer", "secret": f"file:{token}"},
        }
        config = registry.parse_section("vendor", section)
        assert isinstance(config, HttpConfig)
        exchange = Client(config, Secrets({})).send("GET", path, max_bytes=MAX_PACKAGE_BYTES)
        _expect(
            exchange.status == HTTPStatus.OK, f"the lane answers {exchange.status or exchange.failure} for the package"
        )
        return exchange.body

    def _found(self) -> PacketDetail:
        return queries.get_packet(_who(), self._ref, self._revision)

    def _settled(self) -> PacketDetail:
        """The revision once a worker has assembled it."""
        return self._until(lambda found: found.summary.revision.state != "assembling")

    def _until(self, done: Callable[[PacketDetail], bool]) -> PacketDetail:
        until = time.monotonic() + WAIT_SECONDS
        while not done(found := self._found()):
            if time.monotonic() > until:
                last = found.summary.revision
                raise Differs(f"revision {last.number} is still {last.state} after {WAIT_SECONDS:.0f} s {last.failure}")
            time.sleep(LOOK_SECONDS)
        return found


def _who() -> Actor:
    return access.command_line(WORKSPACE)


def _expect(holds_: bool, reason: str) -> None:
    if not holds_:
        raise Differs(reason)


def _expect_state(found: PacketDetail, state: str) -> None:
    revision = found.summary.revision
    _expect(revision.state == state, f"revision {revision.number} is {revision.state}, not {state}")


def _expect_holds(found: PacketDetail, wanted: set[tuple[str, str]]) -> None:
    standing = {(hold.code, hold.target) for hold in found.holds if hold.cleared is None}
    _expect(standing == wanted, f"holds: {_open(found) or 'none'}")


def _open(found: PacketDetail) -> str:
    standing = [hold for hold in found.holds if hold.cleared is None]
    return ", ".join(f"{hold.code} on {hold.target}{'' if hold.blocks else ' (annex only)'}" for hold in standing)


def _removed(report: dict[str, Any]) -> int:
    return sum(one["count"] for one in report.get("removed", ()))


def _short(found: PacketDetail) -> str:
    return f"{found.manifest.digest[:19]}…" if found.manifest and found.manifest.digest else "no manifest"


def _keep(data: bytes) -> str:
    """What the attachment store's own intake does: the bytes under their digest."""
    store = registry.get("evidence")
    assert isinstance(store, Blobs)
    return store.put(data)


def _control(path: str, body: dict[str, Any]) -> Any:
    connector = registry.get("control")
    assert isinstance(connector, RestConnector)
    answer = connector.call(Call(method="POST", path=path, json_body=body))
    _expect(
        answer.failure is None and answer.status in (HTTPStatus.OK, HTTPStatus.CREATED),
        f"the estate answers {answer.status}",
    )
    return answer.body


def _control_list(path: str) -> list[Any]:
    found: list[Any] = estate.read("control", path)["items"]
    return found
