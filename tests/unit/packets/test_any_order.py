"""Whatever people, sources, clocks and lanes do, in any order: nothing leaves that should not, and nothing twice.

What must hold is worked out here anew, from the rows and from what the test itself did, not by asking the product.
"""

from __future__ import annotations

import os
from collections import Counter
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any, ClassVar

import pytest
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from handrail.access.models import Membership
from handrail.connectors import lane as lanes
from handrail.kernel import clock
from handrail.kernel.errors import Conflict, Denied, HandrailError, NotFound
from handrail.packets.actions import delivering, holds, recalling, releasing, votes
from handrail.packets.errors import Drifted
from handrail.packets.models import Clearance, DeliveryEntry, HoldRow, Revision, Vote
from handrail.packets.proof import dsse
from handrail.packets.proof.keys import KeyRing
from handrail.packets.proof.recall import RecallReason, RecallRequest
from handrail.packets.proof.reply import REASONED, ReplyKind, ReplyReason, VendorReply
from handrail.packets.states import CURRENT, RevisionReason, RevisionState
from tests.factories.installation import Installation
from tests.factories.packets import LANE, SIGNERS, Packets, connected, everything
from tests.lanes import NIGHTLY, rounds
from tests.unit.packets.proof.making import KEY, OTHER_KEY
from tests.unit.packets.test_watching import WATCHED

# By default the same few orders each time, so that what they reach can be told; with a number, other orders each time.
WANTED = os.environ.get("HANDRAIL_PACKET_EXAMPLES")
EXAMPLES = int(WANTED or rounds(6, 200))
SIGNING = ("ada", "ben", "cy", "dee")
PLACES = ("escalation-owner", "privacy")
QUOTED = "They were told: Vendor status page names the signing service."
CONFIDED = "The password is swordfish."
MARK = "[masked: password]"


class Shifted(datetime):
    """The clock that the test moves forward."""

    ahead = timedelta()

    @classmethod
    def now(cls, tz: Any = None) -> datetime:
        return datetime.now(tz) + cls.ahead


class AnyOrder(RuleBasedStateMachine):
    """``reached`` counts, over all examples, states that revisions were seen in and causes for which they ended."""

    reached: ClassVar[Counter[str]] = Counter()

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.stack.enter_context(transaction.atomic())
        self.stack.callback(transaction.set_rollback, True)
        Shifted.ahead = timedelta()
        desk = Installation(None, tenant="ten_a", profile=WATCHED).packets
        self.desk: Packets = self.stack.enter_context(connected(desk))
        keys = KeyRing.of([OTHER_KEY.public]).to_pem()
        self.stack.enter_context(lanes.use(lanes.Lanes({LANE: desk.vendor}, {LANE: keys})))
        self.roles = {name: set(held) for name, held in SIGNERS.items()} | {"dee": {"operator", "escalation-owner"}}
        self.roles["eve"] = {"senior-support", "identity-owner"}
        self.built: dict[int, tuple[dict[str, set[str]], str]] = {}
        self.released: dict[int, str] = {}
        self.notes = 0
        self.numbers: Counter[str] = Counter()
        self.opened: set[int] = set()

    def teardown(self) -> None:
        self.stack.close()

    @initialize()
    def begin(self) -> None:
        self.assemble(by="dee")
        self.build()

    # what the test knows by itself

    @property
    def newest(self) -> Revision | None:
        return Revision.objects.select_related("packet", "assembly").order_by("-number").first()

    def world(self) -> str:
        """All that decides what leaves: of the internal notes only whether one is quoted."""
        case = self.desk.sources.case
        told = {**case, "bridge_notes": QUOTED in case["bridge_notes"]}
        return repr(sorted({**self.desk.sources.records, "/cases/CASE-7": told}.items()))

    def people(self) -> dict[str, set[str]]:
        return {name: set(held) for name, held in self.roles.items()}

    def barred(self, revision: Revision) -> set[str]:
        cleared = Clearance.objects.filter(packet=revision.packet, revision__number__lt=revision.number)
        used = HoldRow.objects.filter(revision=revision, cleared__in=cleared).values_list("cleared__by", flat=True)
        made = cleared.filter(revision__number=revision.number - 1).values_list("by", flat=True)
        masked = cleared.exclude(masks=None).values_list("by", flat=True) if MARK in revision.assembly.packet else []
        return {str(name).partition("@")[0] for name in [*used, *made, *masked, revision.assembled_by]}

    def may_leave(self, revision: Revision) -> bool:
        known, world = self.built[revision.pk]
        digest = revision.assembly.manifest_digest
        names = Vote.objects.filter(revision=revision, kind="approve", manifest_digest=digest)
        voted = {name.partition("@")[0] for name in names.values_list("name", flat=True)}
        wanted = set(PLACES)
        good = [n for n in voted - self.barred(revision) if known[n] & wanted and known[n] & wanted <= self.roles[n]]
        seated = any(
            all(place in known[name] for place, name in zip(PLACES, pair, strict=True))
            for pair in permutations(good, 2)
        )
        blocked = HoldRow.objects.filter(revision=revision, blocking=True, cleared=None).exists()
        return seated and not blocked and clock.now() < revision.assembly.expires_at and world == self.world()

    # what people do

    @rule(by=st.sampled_from(["dee", "eve"]))
    def assemble(self, by: str) -> None:
        try:
            self.desk.ask(by)
        except (Conflict, Denied, NotFound):
            return

    @precondition(lambda self: self.newest is not None and self.newest.state == "assembling")
    @rule()
    def build(self) -> None:
        revision = self.newest
        assert revision is not None
        self.desk.build(revision.pk)
        self.built[revision.pk] = (self.people(), self.world())

    @precondition(lambda self: self.newest is not None)
    @rule(name=st.sampled_from([*SIGNING, "eve"]), other=st.booleans())
    def approve(self, name: str, other: bool) -> None:
        revision = self.newest
        assert revision is not None
        digest = revision.assembly.manifest_digest if revision.pk in self.built else ""
        if other:
            digest = "sha256:" + "0" * 64
        before = Vote.objects.count()
        stood = self.built.get(revision.pk, ({}, ""))[1] == self.world()
        try:
            votes.approve(
                ref=revision.packet.ref,
                revision=revision.number,
                digest=digest or "",
                by=self.desk.person(name),
                seen=everything(revision),
            )
        except Drifted:
            assert (Vote.objects.count(), stood) == (before, False)
        except HandrailError:
            assert Vote.objects.count() == before
        else:
            assert stood
            assert not other
            assert name not in self.barred(revision)

    @rule(first=st.permutations(["ada", "ben", "cy"]), further=st.integers(0, 3))
    def go_far(self, first: list[str], further: int) -> None:
        """Assembles a case in order, and mostly signs, releases and delivers it, so that what comes then is reached."""
        self.desk.sources.case["plan"] = "ent"
        self.desk.sources["/tenants/ten_a"]["status"] = "active"
        self.assemble(by="dee")
        revision = self.newest
        assert revision is not None
        if revision.state == "assembling":
            self.build()
        for name in first:
            self.approve(name=name, other=False)
        if further:
            self.release(by="ada")
        if further > 1:
            self.deliver(meets="take")
            self.consume()
            self.deliver(meets="take")

    @rule()
    def go_astray(self) -> None:
        """Assembles a case in which two sources disagree."""
        self.desk.sources.case["plan"] = "biz"
        self.assemble(by="dee")
        if self.newest is not None and self.newest.state == "assembling":
            self.build()

    @precondition(lambda self: self.newest is not None)
    @rule(name=st.sampled_from(SIGNING), way=st.sampled_from(["reject", "withdraw"]), luck=st.integers(0, 3))
    def stop(self, name: str, way: str, luck: int) -> None:
        if luck:
            return
        revision = self.newest
        assert revision is not None
        try:
            getattr(votes, way)(
                ref=revision.packet.ref, revision=revision.number, reason="No.", by=self.desk.person(name)
            )
        except (Conflict, Denied):
            return

    @precondition(lambda self: HoldRow.objects.exists())
    @rule(name=st.sampled_from(["eve", "ada", "cy"]))
    def clear(self, name: str) -> None:
        revision = self.newest
        assert revision is not None
        for hold in HoldRow.objects.filter(revision=revision, code="source-conflict"):
            try:
                holds.clear(
                    ref=revision.packet.ref,
                    revision=revision.number,
                    code=hold.code,
                    target=hold.target,
                    reason="They mean the same.",
                    by=self.desk.person(name),
                )
            except (Conflict, Denied):
                assert not (name == "eve" and revision.state == "held" and "senior-support" in self.roles["eve"])

    @precondition(lambda self: HoldRow.objects.exists())
    @rule(name=st.sampled_from(["eve", "ada", "cy"]))
    def mask(self, name: str) -> None:
        revision = self.newest
        assert revision is not None
        for hold in HoldRow.objects.filter(revision=revision, code="secret-in-text"):
            told: dict[str, Any] = {"code": hold.code, "targets": [hold.target], "reason": "It was changed."}
            try:
                holds.mask(ref=revision.packet.ref, revision=revision.number, by=self.desk.person(name), **told)
            except (Conflict, Denied):
                assert not (name == "cy" and revision.state == "held" and {*PLACES} & self.roles["cy"])

    @precondition(lambda self: self.newest is not None)
    @rule(by=st.sampled_from(["ada", "cy", "eve"]))
    def release(self, by: str) -> None:
        revision = self.newest
        assert revision is not None
        allowed = revision.pk in self.built and self.may_leave(revision)
        try:
            self.desk.release(revision, by=by)
        except HandrailError:
            return
        assert allowed
        assert revision.pk not in self.released
        self.released[revision.pk] = str(revision.assembly.manifest_digest)

    # what happens to them

    @rule(name=st.sampled_from(SIGNING), full=st.booleans())
    def demote(self, name: str, full: bool) -> None:
        original = ["operator", "escalation-owner"] if name == "dee" else SIGNERS[name]
        roles = original if full else ["packet-signer"]
        Membership.objects.filter(user=self.desk.people[name]).update(roles=roles, is_active=True)
        self.roles[name] = set(roles)

    @rule(what=st.sampled_from(["count", "plan", "status"]), value=st.integers(0, 1))
    def drift(self, what: str, value: int) -> None:
        if what == "count":
            self.desk.sources.case["count"] = 3 + value
        elif what == "plan":
            self.desk.sources.case["plan"] = ("ent", "biz")[value]
        else:
            self.desk.sources["/tenants/ten_a"]["status"] = ("active", "suspended")[value]

    @rule(quoted=st.booleans())
    def note(self, quoted: bool) -> None:
        """Somebody writes another internal note, which a text that leaves may quote."""
        self.notes += 1
        self.desk.sources.case["bridge_notes"] = [QUOTED if quoted else f"Note {self.notes} of somebody on the bridge."]

    @rule(secret=st.booleans())
    def confide(self, secret: bool) -> None:
        self.desk.sources.case["timeline"][0]["text"] = CONFIDED if secret else "Logins fail for every user."

    @rule(luck=st.integers(0, 3))
    def expire(self, luck: int) -> None:
        if luck:
            return
        Shifted.ahead += timedelta(hours=13)
        self.desk.sources.case["updated_at"] = clock.now().astimezone(UTC).isoformat()
        releasing.expire_all(name="worker-1")

    @rule(meets=st.sampled_from(["take", "lost", "unheard", "busy", "not-sent", "refused"]))
    def deliver(self, meets: str) -> None:
        self.desk.vendor.script = [meets]
        for pk in self.released:
            delivering.deliver(revision_id=pk, by=self.desk.worker)

    @rule()
    def consume(self) -> None:
        for digest in self.desk.vendor.packages:
            self.desk.vendor.consume(digest)

    @rule()
    def watch(self) -> None:
        """The sources of what was delivered are due to be read again, and are."""
        Revision.objects.filter(watch_at__isnull=False).update(watch_at=clock.now(), due_at=clock.now())
        self.deliver(meets="take")

    @rule(kind=st.sampled_from(ReplyKind), signed=st.booleans())
    def answer(self, kind: ReplyKind, signed: bool) -> None:
        """The vendor replies to what they have last got."""
        for digest in list(self.desk.vendor.packages)[-1:]:
            self.numbers[digest] += 1
            reasons = (ReplyReason("no-capture", "It ends too early."),) if kind in REASONED else ()
            said = VendorReply(digest, LANE, self.numbers[digest], kind, clock.now(), reasons=reasons)
            envelope = dsse.sign(said.payload(), OTHER_KEY if signed else KEY)
            self.desk.vendor.answers.setdefault(digest, []).append(envelope)

    @precondition(lambda self: self.released)
    @rule(name=st.sampled_from(["ada", "cy", "eve"]))
    def recall(self, name: str) -> None:
        revision = Revision.objects.select_related("packet").get(pk=max(self.released))
        cause, asks = RecallReason.WRONG_CONTENT, RecallRequest.DELETE
        told: dict[str, Any] = {"ref": revision.packet.ref, "revision": revision.number, "reason": "Wrong."}
        try:
            recalling.recall(cause=cause, asks=asks, by=self.desk.person(name), **told)
        except (Conflict, Denied):
            return

    # what must hold, always

    @invariant()
    def nothing_is_sent_twice_or_undecided(self) -> None:
        assert self.desk.vendor.repeats == []
        assert set(self.desk.vendor.packages) <= set(self.released.values())

    @invariant()
    def no_secret_leaves(self) -> None:
        assert not any(b"swordfish" in package for package in self.desk.vendor.packages.values())

    @invariant()
    def at_most_one_revision_is_current(self) -> None:
        assert Revision.objects.filter(state__in=CURRENT).count() <= 1

    @invariant()
    def only_what_was_decided_is_released_or_consumed(self) -> None:
        out = set(Revision.objects.filter(state__in=["released", "consumed"]).values_list("pk", flat=True))
        assert out <= set(self.released)

    @invariant()
    def what_is_taken_back_is_taken_back_once(self) -> None:
        recalled = Counter(DeliveryEntry.objects.filter(kind="recall").values_list("revision_id", flat=True))
        statements = {self.released.get(pk) for pk in recalled}
        assert set(recalled.values()) <= {1}
        assert all(len(found) == 1 for found in self.desk.vendor.recalls.values())
        assert set(self.desk.vendor.recalls) <= statements

    @invariant()
    def what_was_opened_stays_so(self) -> None:
        opened = set(Revision.objects.filter(state="consumed").values_list("pk", flat=True))
        assert self.opened <= opened
        self.opened = opened

    @invariant()
    def nothing_counts_that_the_vendor_did_not_sign(self) -> None:
        believed = DeliveryEntry.objects.filter(kind="reply").values_list("detail", flat=True)
        assert all(detail["key"] == OTHER_KEY.key_id for detail in believed)

    @invariant()
    def what_is_reached_is_counted(self) -> None:
        for state, cause in Revision.objects.values_list("state", "ended_cause"):
            self.reached.update([state, *([cause] if cause else [])])


@pytest.fixture
def reached(db: None, monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    monkeypatch.setattr(clock, "datetime", Shifted)
    AnyOrder.reached.clear()
    return AnyOrder.reached


def test_any_order_releases_only_what_may_leave_and_once(reached: Counter[str]) -> None:
    quiet = settings(
        max_examples=EXAMPLES,
        derandomize=WANTED is None and not NIGHTLY,
        stateful_step_count=30,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(AnyOrder, settings=quiet)
    often = {"held", "in_review", "superseded"}
    # By day the few examples that there are; the walk below reaches the rest.
    assert (often | {"approved", "released", "consumed"} if NIGHTLY else often) <= set(reached)


# Each part begins with a new revision of the same packet and ends it in another way.
WALK: tuple[tuple[str, dict[str, Any]], ...] = (
    ("approve", {"name": "ada", "other": False}),
    ("approve", {"name": "ben", "other": False}),
    ("demote", {"name": "ada", "full": False}),
    ("release", {"by": "ada"}),
    ("demote", {"name": "ada", "full": True}),
    ("approve", {"name": "ada", "other": False}),
    ("release", {"by": "ada"}),
    ("deliver", {"meets": "lost"}),
    ("deliver", {"meets": "take"}),
    ("consume", {}),
    ("deliver", {"meets": "take"}),
    ("drift", {"what": "plan", "value": 1}),
    ("assemble", {"by": "dee"}),
    ("build", {}),
    ("clear", {"name": "eve"}),
    ("build", {}),
    ("stop", {"name": "ada", "way": "reject", "luck": 0}),
    ("assemble", {"by": "dee"}),
    ("build", {}),
    ("stop", {"name": "ada", "way": "withdraw", "luck": 0}),
    ("assemble", {"by": "dee"}),
    ("build", {}),
    ("expire", {"luck": 0}),
    ("drift", {"what": "plan", "value": 0}),
    ("go_far", {"first": ["ada", "ben", "cy"], "further": 1}),
    ("drift", {"what": "status", "value": 1}),
    ("deliver", {"meets": "not-sent"}),
    ("assemble", {"by": "dee"}),
    ("deliver", {"meets": "take"}),
    ("drift", {"what": "status", "value": 0}),
    ("stop", {"name": "ada", "way": "withdraw", "luck": 0}),
    ("go_far", {"first": ["ada", "ben", "cy"], "further": 1}),
    ("deliver", {"meets": "take"}),
    ("answer", {"kind": ReplyKind.ACCEPTED, "signed": False}),
    ("answer", {"kind": ReplyKind.REJECTED, "signed": True}),
    ("watch", {}),
    ("go_far", {"first": ["ada", "ben", "cy"], "further": 1}),
    ("deliver", {"meets": "take"}),
    ("recall", {"name": "cy"}),
    ("watch", {}),
    ("go_far", {"first": ["ada", "ben", "cy"], "further": 1}),
    ("deliver", {"meets": "take"}),
    ("drift", {"what": "status", "value": 1}),
    ("watch", {}),
)


def test_the_same_steps_in_order_reach_every_state_and_ending(reached: Counter[str]) -> None:
    machine = AnyOrder()
    try:
        machine.begin()
        for step, with_ in (("what_is_reached_is_counted", {}), *WALK):
            getattr(machine, step)(**with_)
            machine.nothing_is_sent_twice_or_undecided()
            machine.at_most_one_revision_is_current()
            machine.only_what_was_decided_is_released_or_consumed()
            machine.what_is_taken_back_is_taken_back_once()
            machine.what_was_opened_stays_so()
            machine.what_is_reached_is_counted()
    finally:
        machine.teardown()
    assert set(RevisionState) <= set(reached)
    assert {
        RevisionReason.REJECTED,
        RevisionReason.WITHDRAWN,
        RevisionReason.EXPIRED,
        RevisionReason.CLEARANCE,
        RevisionReason.EVIDENCE,
        RevisionReason.VENDOR,
        RevisionReason.RECALLED,
        RevisionReason.DRIFT,
    } <= set(reached)
