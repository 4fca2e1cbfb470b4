"""Which replies are believed: by signature, addressee, time and order; nothing else is."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import permutations

import pytest

from handrail.packets import belief
from handrail.packets.belief import Disbelief, ReplyTerms
from handrail.packets.proof import dsse
from handrail.packets.proof.keys import KeyRing
from handrail.packets.proof.reply import REASONED, ReplyKind, ReplyReason, VendorReply
from tests.unit.packets.proof.making import KEY, LANE, NOW, OTHER_KEY

DIGEST = "sha256:" + "ab" * 32
TERMS = ReplyTerms(KeyRing.of([KEY.public]), LANE, DIGEST, NOW - timedelta(hours=1), NOW, over=False)
WHY = (ReplyReason("no-capture", "The capture ends too early.", "A whole one"),)
K = ReplyKind


def said(kind: ReplyKind, number: int = 1, **changes: object) -> VendorReply:
    reasons = WHY if kind in REASONED else ()
    return replace(VendorReply(DIGEST, LANE, number, kind, NOW, reasons=reasons), **changes)


def signed(one: VendorReply) -> bytes:
    return dsse.sign(one.payload(), KEY)


def judged(*envelopes: bytes, believed: tuple[VendorReply, ...] = (), terms: ReplyTerms = TERMS) -> list[object]:
    found = belief.judge(envelopes, believed, terms)
    return [one.why if one.reply is None else one.reply.kind for one in found]


WRONG = {
    Disbelief.TOO_LARGE: b"x" * (64 * 1024 + 1),
    Disbelief.MALFORMED: dsse.sign(b'{"_type":"another"}', KEY),
    Disbelief.OTHER_MANIFEST: signed(said(K.ACCEPTED, manifest_digest="sha256:" + "cd" * 32)),
    Disbelief.OTHER_LANE: signed(said(K.ACCEPTED, lane="another-lane")),
}


@pytest.mark.parametrize("why", WRONG)
def test_what_is_not_for_this_delivery_is_not_believed(why: Disbelief) -> None:
    assert judged(WRONG[why]) == [why]


@pytest.mark.parametrize(
    "envelope", [b"", b"{}", said(K.ACCEPTED).payload(), dsse.sign(said(K.ACCEPTED).payload(), OTHER_KEY)]
)
def test_what_the_vendor_has_not_signed_is_not_believed(envelope: bytes) -> None:
    assert judged(envelope) == [Disbelief.NOT_SIGNED]


@pytest.mark.parametrize("by", [timedelta(minutes=6), -timedelta(minutes=66)])
def test_what_was_written_before_the_release_or_in_the_future_is_not_believed(by: timedelta) -> None:
    assert judged(signed(said(K.ACCEPTED, at=NOW + by))) == [Disbelief.OUT_OF_TIME]


def test_replies_count_in_the_order_of_the_vendor_however_they_arrive() -> None:
    three = [signed(said(kind, number)) for number, kind in enumerate((K.CONSUMED, K.NEEDS_MORE, K.ACCEPTED), start=1)]
    for order in permutations(three):
        assert judged(*order) == [K.CONSUMED, K.NEEDS_MORE, K.ACCEPTED]


def test_same_reply_again_is_none_and_an_older_one_is_out_of_order() -> None:
    accepted = said(K.ACCEPTED, 2)
    assert judged(signed(accepted), believed=(accepted,)) == []
    assert judged(signed(said(K.NEEDS_MORE, 1)), believed=(accepted,)) == [Disbelief.OUT_OF_ORDER]
    assert judged(signed(said(K.CONSUMED, 2)), believed=(accepted,)) == [Disbelief.OUT_OF_ORDER]


@pytest.mark.parametrize(
    ("first", "second"),
    [(K.ACCEPTED, K.REJECTED), (K.REJECTED, K.ACCEPTED), (K.REJECTED, K.NEEDS_MORE), (K.DELETED, K.CONSUMED)],
)
def test_what_contradicts_an_earlier_reply_is_not_believed(first: ReplyKind, second: ReplyKind) -> None:
    assert judged(signed(said(first)), signed(said(second, 2))) == [first, Disbelief.CONTRADICTS]


def test_after_the_package_was_taken_back_only_what_became_of_it_counts() -> None:
    over = replace(TERMS, over=True)
    for kind in ReplyKind:
        wanted = kind if kind in (K.CONSUMED, K.DELETED) else Disbelief.LATE
        assert judged(signed(said(kind)), terms=over) == [wanted]


def test_what_was_believed_stays_so_when_its_key_is_taken_away() -> None:
    one = said(ReplyKind.ACCEPTED)
    without = replace(TERMS, keys=KeyRing.of([OTHER_KEY.public]))
    assert judged(signed(one), believed=(one,), terms=without) == []
    assert judged(signed(said(ReplyKind.DELETED, 2)), believed=(one,), terms=without) == [Disbelief.NOT_SIGNED]
