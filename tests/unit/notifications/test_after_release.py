"""What becomes of a released packet: each person hears of each thing once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from handrail.connectors import lane as lanes
from handrail.kernel.clock import now
from handrail.notifications.models import Notification, NotificationChoice
from handrail.notifications.rules import NoticeKind
from handrail.packets.actions import recalling
from handrail.packets.models import Revision
from handrail.packets.proof import dsse
from handrail.packets.proof.keys import KeyRing
from handrail.packets.proof.recall import RecallReason, RecallRequest
from handrail.packets.proof.reply import REASONED, ReplyKind, ReplyReason, VendorReply
from tests.factories.installation import Installation
from tests.factories.notified import notified, work
from tests.factories.packets import LANE, Packets, connected
from tests.factories.receivers import smtp
from tests.unit.packets.proof.making import OTHER_KEY
from tests.unit.packets.test_watching import WATCHED, consumed, due, entitle

pytestmark = pytest.mark.django_db
MAIL = smtp(25, None, tls="none", username=None, password=None)


@pytest.fixture
def delivered(db: None) -> Iterator[tuple[Packets, Revision]]:
    """A delivered revision, and everybody has chosen to hear of what becomes of it."""
    with connected(Installation(None, tenant="ten_a", profile=WATCHED).packets) as desk:
        keys = KeyRing.of([OTHER_KEY.public]).to_pem()
        with lanes.use(lanes.Lanes({LANE: desk.vendor}, {LANE: keys})), notified(mail=MAIL):
            for user in desk.people.values():
                for kind in (NoticeKind.PACKETS_CONSUMED, NoticeKind.PACKETS_SIGNED, NoticeKind.PACKETS_STUCK):
                    of = {"workspace_id": desk.workspace.pk, "user_id": user.pk}
                    NotificationChoice.objects.create(kind=kind, email=True, at=now(), **of)
            revision = desk.released()
            desk.deliver(revision)
            work()
            Notification.objects.all().delete()
            yield desk, revision


def replied(kind: ReplyKind) -> Callable[[Packets, Revision], None]:
    def act(desk: Packets, revision: Revision) -> None:
        digest = str(revision.assembly.manifest_digest)
        reasons = (ReplyReason("no-capture", "It ends too early."),) if kind in REASONED else ()
        said = VendorReply(digest, LANE, 1, kind, now(), reasons=reasons)
        desk.vendor.answers[digest] = [dsse.sign(said.payload(), OTHER_KEY)]

    return act


def recalled(desk: Packets, revision: Revision) -> None:
    of = {"ref": revision.packet.ref, "revision": 1, "reason": "Wrong.", "by": desk.person("cy")}
    recalling.recall(cause=RecallReason.WRONG_CONTENT, asks=RecallRequest.DELETE, **of)  # type: ignore[arg-type]


def superseded(desk: Packets, revision: Revision) -> None:
    entitle(desk)
    due(revision)


def opened_stale(desk: Packets, revision: Revision) -> None:
    entitle(desk)
    consumed(desk, revision)


# What happens, and of how many things each person hears.
ACTS: dict[str, tuple[Callable[[Packets, Revision], None], int]] = {
    **{kind.value: (replied(kind), 1) for kind in ReplyKind},
    "recalled": (recalled, 1),
    "superseded": (superseded, 1),
    "opened while stale": (opened_stale, 2),
}


@pytest.mark.parametrize("name", ACTS)
def test_each_person_hears_of_each_thing_once(delivered: tuple[Packets, Revision], name: str) -> None:
    desk, revision = delivered
    act, things = ACTS[name]
    act(desk, revision)
    for _ in range(4):
        Revision.objects.filter(pk=revision.pk, due_at__isnull=False).update(due_at=now())
        desk.deliver(revision)
        work()
    messages = Counter(Notification.objects.filter(recipient_kind="person").values_list("recipient", flat=True))
    assert messages
    assert max(messages.values()) == things
