"""What a vendor's engineer asks of a federation outage: answered from the released practice packet, and truly."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from handrail.sandbox import capture, messages, outage
from tests.canaries.finding import Haystack
from tests.canaries.kinds import Canary
from tests.factories import practice_packet
from tests.factories.engineer import QUESTIONS
from tests.factories.practice_packet import Received

PAGE = Path(__file__).parents[3] / "docs" / "guides" / "what-a-packet-answers.md"
FAILING = (capture.FAILED, capture.REFUSED)
KEYS = [key for one in capture.TRIES for key in one.keys]


@pytest.fixture(scope="module")
def package(module_db: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Received]:
    with practice_packet.released(tmp_path_factory.mktemp("practice")) as written:
        yield practice_packet.received(written)


def planted_connectors() -> list[tuple[str, ...]]:
    """As the practice estate's inventory has them."""
    names = ("entity_id", "signing_key_id", "state", "region", "version")
    return [tuple(one[name] for name in names) for one in outage.inventory()["items"]]


def event(kind: str) -> str:
    return str(next(one["at"] for one in outage.case()["timeline"] if one["kind"] == kind))


def shown_events() -> list[str]:
    names = {"impact-start": "IMPACT_START", "observation": "OBSERVATION", "bridge": "COORDINATION"}
    shown = [one["kind"] for one in outage.case()["timeline"] if one["visibility"] == "vendor"]
    return [names.get(kind, "IMPACT_END") for kind in shown]


def failing_ids() -> list[str]:
    tried = [pair for one in FAILING for pair in zip(one.keys, one.vendor_ids, strict=True)]
    return [ident for status, ident in tried if ident and status != 200]


def answers_of_saml() -> list[list[str]]:
    found = [[one.answer.status, one.answer.sub_status] for one in capture.TRIES]
    return [[code.rpartition(":")[2] for code in codes if code] for codes in found]


def earlier_tickets() -> list[str]:
    return [one["reference"] for one in outage.vendor_tickets()["items"]]


def near(seconds: float, planted: timedelta) -> bool:
    """Within the seconds that a message was on its way."""
    return abs(timedelta(seconds=seconds) - planted) < timedelta(seconds=5)


# What is true of the practice outage, from what the estate was made of; the order is that of QUESTIONS.
TRUTH: tuple[Callable[[Any], bool], ...] = (
    lambda found: found == ("SC-CUST-0417", outage.plans()["rows"]["premium-support"], "Premium support"),
    lambda found: found == planted_connectors(),
    lambda found: found == (event("impact-start"), event("impact-end")),
    lambda found: found == (outage.case()["impact"]["failed_logins"], outage.case()["impact"]["logins"]),
    lambda found: found == shown_events(),
    lambda found: found == KEYS,
    lambda found: found[0] == failing_ids() and found[1].startswith("2026-11-20T08:02:0") and found[2] > found[1],
    lambda found: found == (2, {"5"}, [500, 590]),
    lambda found: found == ("GET", "/v2/keys", capture.FAILED.keys[0]),
    lambda found: found == [True, False, False, True],
    lambda found: found == answers_of_saml(),
    lambda found: found == ({"message": False, "assertion": True}, ["ecdsa-sha256"], True),
    lambda found: len(found) == 3 and all(near(one, messages.SKEW) for one in found),
    lambda found: found is True,
    lambda found: found == [("/oauth/authorize", "temporarily_unavailable"), ("/oauth/token", "invalid_grant")] * 2,
    lambda found: found == ({"ES256"}, found[1], True) and found[1] >= len(capture.TRIES),
    lambda found: found == {"dns": 4.0, "connect": 9.0, "ssl": 6.0, "wait": 15_000.0},
    lambda found: found == ("GET /v2/keys", 310, 1830),
    lambda found: found == (["POST /saml/acs"], "Chrome", "131"),
    lambda found: found[0] == [("other", "unsanitised-artifact")] and found[2] == earlier_tickets(),
)  # fmt: skip


def test_there_are_twenty_questions() -> None:
    assert len(QUESTIONS) == len(TRUTH) == 20


def test_page_lists_each_question() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert [text for text in QUESTIONS if f"| {text} |" not in page] == []


@pytest.mark.parametrize("number", range(20))
def test_packet_alone_answers(package: Received, number: int) -> None:
    text, answer = list(QUESTIONS.items())[number]

    found = answer(package)

    assert TRUTH[number](found), (text, found)


def test_packet_that_answers_lets_no_secret_out(package: Received) -> None:
    planted = [Canary("secret", place, secret, secret) for place, secret in capture.secrets().items()]

    assert Haystack(package.files).found(planted) == []
