"""Completeness of binding is worked out from what is stored: any part that doesn't fit counts against it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from handrail.packets import evaluation
from handrail.packets.models import DeliveryEntry, Release, Vote
from handrail.packets.proof import dsse
from tests.factories.packets import Packets
from tests.unit.packets.proof.making import KEY

OTHER = "sha256:" + "0" * 64


def figures(desk: Packets) -> tuple[int, int]:
    found = evaluation.evaluate(desk.person("ada"))
    return found.bound, found.released


def rewrite(table: str, column: str, value: Any) -> None:
    """What no action can do, and the triggers refuse."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        cursor.execute(f"UPDATE {table} SET {column} = %s", [value])
        cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")


def other_document() -> None:
    rewrite("packets_assembly", "packet", "{}")


def other_manifest() -> None:
    envelope = bytes(Release.objects.get().manifest_envelope)
    payload = dsse.payload_of(envelope).replace(b'"vendor-intake"', b'"vendor-second"')
    rewrite("packets_release", "manifest_envelope", dsse.sign(payload, KEY))


def other_approvals() -> None:
    payload = json.loads(dsse.payload_of(bytes(Release.objects.get().approvals_envelope)))
    payload["subject"][0]["digest"]["sha256"] = "0" * 64
    rewrite("packets_release", "approvals_envelope", dsse.sign(json.dumps(payload).encode(), KEY))


def no_envelope() -> None:
    rewrite("packets_release", "approvals_envelope", b"{}")


def other_vote() -> None:
    rewrite("packets_vote", "manifest_digest", OTHER)


def other_voters() -> None:
    rewrite("packets_vote", "user_id = user_id + 1000, kind", "approve")


def other_package() -> None:
    rewrite("packets_deliveryentry", "detail", "{}")
    entry = DeliveryEntry.objects.order_by("pk")[0]
    for kind, digest in (("intent", OTHER), ("receipt", OTHER.replace("0", "1"))):
        entry.pk, entry.kind, entry.sequence = None, kind, entry.sequence + 50
        entry.detail = {"package_digest": digest}
        entry.save(force_insert=True)


@pytest.mark.requirement("P-42")
def test_a_whole_release_is_bound(desk: Packets) -> None:
    revision = desk.released()
    desk.deliver(revision)
    sent, got = (DeliveryEntry.objects.get(kind=kind).detail["package_digest"] for kind in ("intent", "receipt"))
    assert sent == got
    assert figures(desk) == (1, 1)


@pytest.mark.requirement("P-42")
@pytest.mark.parametrize(
    "spoil", [other_document, other_manifest, other_approvals, no_envelope, other_vote, other_voters, other_package]
)
def test_a_release_of_which_a_part_does_not_fit_is_not_bound(desk: Packets, spoil: Callable[[], None]) -> None:
    desk.deliver(desk.released())
    assert Vote.objects.count() == 2
    spoil()
    assert figures(desk) == (0, 1)
