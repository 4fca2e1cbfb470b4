"""What holds of every revision: all that is shown has lineage, nothing held leaves, the same bytes each time."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from handrail.kernel.canonical import digest_bytes
from handrail.packets.assembly.fields import ENTRIES
from handrail.packets.assembly.results import Assembled
from tests.lanes import examples
from tests.unit.definitions.profile_samples import PROFILE
from tests.unit.packets.assembly.estate import AT, HAR, Estate, event, leaving, sample

SECRET = "zx9planted"
QUICK = settings(max_examples=examples(20), deadline=None, suppress_health_check=[HealthCheck.too_slow])

# Where a value of each source stands, and what it may become: another value of its type, or nothing usable.
PLACES = (
    ("/cases/CASE-7", "plan"),
    ("/cases/CASE-7", "count"),
    ("/cases/CASE-7", "tlp"),
    ("/cases/CASE-7", "updated_at"),
    ("/cases/CASE-7", "timeline"),
    ("/tenants/ten_a", "id"),
    ("/tenants/ten_a", "plan"),
    ("/tenants/ten_a", "revision"),
    ("/tenants/ten_a", "federation"),
    ("/connectors", "items"),
    ("/metadata/ten_a", "entity_id"),
    ("/roster", "lane"),
    ("/roster", "recipients"),
    ("/roster", "emails"),
)
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 10**18),
    st.just(f"a {SECRET} value"),
    st.just(f"<script>{SECRET}</script>\u202e\u200b"),
    st.just([f"{SECRET}-in-a-list"]),
    st.just({"entity_id": f"https://{SECRET}.example"}),
    st.just([{"entity_id": f"https://{SECRET}.example", "kind": SECRET}]),
)
EVENTS = st.lists(
    st.builds(
        event,
        st.sampled_from(["impact-start", "impact-end", "update", f"{SECRET}-kind"]),
        st.sampled_from(["Logins fail.", "Two\nlines.", "\u202etneg \u200b ", "x" * 2001]),
        st.sampled_from(["service", "internal", "internal-note", "gossip", ""]),
        st.sampled_from(["2026-11-22T09:00:00Z", f"{SECRET} o'clock"]),
    ),
    max_size=6,
)


def lineage_of(trace: Mapping[str, Any], pointer: Iterable[str | int]) -> Mapping[str, Any] | None:
    """The lineage of a place in ``packet.json``, given as names and positions; None when there is none.

    ``about`` is from the profile; annexes and markers have their own.
    """
    parts = list(pointer)
    if parts[:1] == ["about"]:
        about: Mapping[str, Any] = trace["about"]
        return about
    if parts[:1] != ["fields"]:
        return None
    name = ""
    best: Mapping[str, Any] | None = None
    for part in parts[1:]:
        name = f"{name}{ENTRIES}" if isinstance(part, int) else f"{name}.{part}" if name else part
        best = trace["fields"].get(name, best)
    return best


@st.composite
def estates(draw: st.DrawFn) -> Estate:
    estate = Estate()
    if draw(st.booleans()):
        estate.case["timeline"] = draw(EVENTS)
    for path, name in draw(st.lists(st.sampled_from(PLACES), max_size=4, unique=True)):
        estate[path][name] = draw(VALUES)
    for path in draw(st.lists(st.sampled_from(sorted(estate.records)), max_size=1)):
        if draw(st.booleans()):
            del estate.records[path]
    return estate


def leaves(value: Any, place: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            yield from leaves(inner, (*place, name))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from leaves(inner, (*place, index))
    else:
        yield place, value


def check_lineage(assembled: Assembled) -> None:
    for place, _ in leaves({key: assembled.packet[key] for key in ("about", "fields")}):
        found = lineage_of(assembled.trace, place)
        assert found is not None, place
        assert {"source", "record", "path", "version", "digest", "rule"} <= set(found), place
    assert set(assembled.trace["annexes"]) == {annex["name"] for annex in assembled.packet["annexes"]}


@pytest.mark.requirement("P-03")
@QUICK
@given(estates())
def test_every_place_of_the_packet_has_lineage(estate: Estate) -> None:
    assembled = estate.assemble()
    check_lineage(assembled)
    assert sample().validator.is_valid(assembled.packet)


@pytest.mark.requirement("P-15")
@QUICK
@given(estates())
def test_no_value_that_is_held_leaves(estate: Estate) -> None:
    """A planted value is in no trace and no register, and in the packet only where a field shows it."""
    assembled = estate.assemble()
    shown = {value for _, value in leaves(assembled.packet["fields"]) if isinstance(value, str) and SECRET in value}
    text = b"".join(data for path, data in leaving(assembled).items() if path != "packet.json").decode()
    assert SECRET not in text
    assert bool(shown) == (SECRET in assembled.packet_bytes.decode())
    held = [hold for hold in assembled.holds if hold.scope == "field"]
    placeholders = [place for place, value in leaves(assembled.packet["fields"]) if place[-2:-1] == ("held",)]
    assert bool(placeholders) == bool(held)


@QUICK
@given(estates())
def test_nothing_hostile_is_shown(estate: Estate) -> None:
    text = b"".join(Estate.assemble(estate).documents.values()).decode()
    assert not {"\u202e", "\u200b", "\x00"} & set(text)


@QUICK
@given(estates(), st.randoms(use_true_random=False))
def test_order_of_keys_makes_no_difference(estate: Estate, shuffled: random.Random) -> None:
    other = Estate()
    other.records = json.loads(json.dumps(estate.records), object_pairs_hook=lambda pairs: _mixed(pairs, shuffled))
    inputs = estate.inputs()
    # A record that is not there is noted with the time at which it was asked for.
    snapshots = {name: replace(one, read_at=AT) for name, one in reversed(other.inputs().snapshots.items())}
    in_order = {name: replace(one, read_at=AT) for name, one in inputs.snapshots.items()}
    one, two = estate.assemble(snapshots=in_order), other.assemble(snapshots=snapshots)
    assert one.documents == two.documents
    assert estate.assemble(snapshots=in_order, artifacts=inputs.artifacts).digests == one.digests


def _mixed(pairs: list[tuple[str, Any]], shuffled: random.Random) -> dict[str, Any]:
    shuffled.shuffle(pairs)
    return dict(pairs)


def test_order_of_the_profile_makes_no_difference() -> None:
    head, rest = PROFILE.split("expires_after: 12h\n")
    moved = sample((PROFILE, f"{head}{rest}expires_after: 12h\n"))
    assert Estate().assemble(moved).documents == Estate().assemble().documents


def test_time_of_assembly_alone_makes_no_difference() -> None:
    later = Estate().assemble(at=AT + timedelta(minutes=2))
    assert later.digests == Estate().assemble().digests


def test_another_salt_changes_every_salted_digest() -> None:
    one, other = Estate().assemble(), Estate()
    second = other.inputs()
    assert second.salt == bytes(range(32))
    found = other.assemble(salt=b"another salt of the right length")
    assert {hold.digest for hold in one.holds}.isdisjoint(hold.digest for hold in found.holds)


@pytest.mark.parametrize(
    "quoted",
    [
        "They said: the customer threatened to leave over this outage!",
        "THE CUSTOMER   THREATENED TO LEAVE\nOVER THIS OUTAGE",
        "the cu\u200bstomer threatened to leave over this outage",
    ],
)
def test_quotation_of_an_inside_text_is_held_however_it_is_written(quoted: str) -> None:
    estate = Estate()
    estate.case["timeline"].append(event("update", quoted))
    packet = estate.assemble().packet
    assert packet["fields"]["timeline"][-1]["text"] == {"held": ["internal-note"]}


def test_quotation_of_one_sentence_of_a_note_is_held() -> None:
    estate = Estate()
    estate.case["bridge_notes"] = ["First call at nine. We suspect our own proxy first. Second call at ten."]
    estate.case["timeline"].append(event("update", "Summary: we suspect our own proxy first."))
    assert estate.assemble().packet["fields"]["timeline"][-1]["text"] == {"held": ["internal-note"]}


def test_short_words_in_common_are_no_quotation() -> None:
    estate = Estate()
    estate.case["bridge_notes"] = ["Logins fail", "update", "2026-11-22T09:00:00Z"]
    assert estate.assemble().blocking == ()


def test_original_bytes_of_a_held_artifact_are_nowhere() -> None:
    estate = Estate()
    secret = HAR.replace(b"502", b'502, "x": "' + SECRET.encode() + b'"')
    estate.attach("ATT-3", "notes", secret)
    documents = estate.assemble().documents
    assert not any(SECRET.encode() in data or digest_bytes(secret).encode() in data for data in documents.values())
