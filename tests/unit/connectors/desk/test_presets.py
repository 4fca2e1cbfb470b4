"""Every preset in desks/, against a server that knows that desk's documented shapes."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from handrail.connectors.desk import (
    SUMMARY_LIMIT,
    Category,
    Created,
    Desk,
    DeskFailure,
    Severity,
    TicketDraft,
    preset_names,
    read_desk,
)
from handrail.kernel.errors import Invalid
from handrail.kernel.secrets import Secrets
from tests.peers.desk_shapes import REFERENCE, SECRET, ShapeServer, serving, shape_names

ROOT = Path(__file__).parents[4]
PRESETS = ROOT / "desks"
CANARY = "canary-<b>s3cret"
HOSTILE = (
    "Body with <script>alert(1)</script>, @everyone, {noformat}{color:red}, ``` and ![x](https://evil.test/x)\nline 2"
)
DRAFT = TicketDraft(
    reference=REFERENCE,
    summary="Admin entitlements\nare missing " + "word " * 100,
    body=HOSTILE,
    severity=Severity.URGENT,
    contact_name="Ana Example",
    contact_email="ana@example.com",
    tenant="Acme",
    run="RUN-7K3M9QX2ZA",
)


@pytest.fixture(params=preset_names(PRESETS))
def shape(request: pytest.FixtureRequest) -> Iterator[tuple[str, ShapeServer]]:
    with serving(request.param) as server:
        yield request.param, server


def open_desk(preset: str, server: ShapeServer, secret: str = SECRET, **own: Any) -> Desk:
    section: dict[str, Any] = {"preset": preset, "base_url": server.base_url, **server.shape["settings"], **own}
    config = read_desk(section, presets=PRESETS)
    assert config is not None
    return Desk(config, Secrets({"DESK_SECRET": secret}))


def test_every_preset_has_a_shape_and_a_guide() -> None:
    guides = sorted(path.stem for path in (ROOT / "docs" / "guides" / "desks").glob("*.md"))
    assert preset_names(PRESETS) == shape_names() == [name for name in guides if name != "README"]


@pytest.mark.requirement("H-12")
def test_create_sends_the_desks_own_request_and_reads_reference_and_url(shape: tuple[str, ShapeServer]) -> None:
    preset, server = shape
    created = open_desk(preset, server).create(DRAFT)
    assert server.complaints == []
    expected = server.fill(server.shape["expect"])
    assert created == Created(expected["reference"], expected["url"])
    assert len(server.created) == 1


def test_the_shape_server_refuses_a_request_off_its_shape(shape: tuple[str, ShapeServer]) -> None:
    """Without this the tests above would prove nothing."""
    preset, server = shape
    desk = open_desk(preset, server)
    body = desk.config.create.body
    first = body[0] if isinstance(body, list) else body
    assert isinstance(first, dict)
    first["surprise"] = "field"
    assert isinstance(desk.create(DRAFT), DeskFailure)
    assert "surprise" in server.complaints[0]


def test_create_fits_the_shape_at_every_severity(shape: tuple[str, ShapeServer]) -> None:
    preset, server = shape
    desk = open_desk(preset, server)
    for severity in Severity:
        draft = TicketDraft(REFERENCE, "Short", "Text", severity, "Ana", "ana@example.com", "Acme")
        assert isinstance(desk.create(draft), Created), server.complaints


def test_create_with_the_longest_notes_carries_every_fact(shape: tuple[str, ShapeServer]) -> None:
    preset, server = shape
    facts = [f"Fact {number}: " + "x" * 80 for number in range(30)]
    draft = replace(DRAFT, body="note " * 800, facts="\n".join(facts))
    assert isinstance(open_desk(preset, server).create(draft), Created), server.complaints
    sent = json.dumps(server.created[0])
    assert [fact for fact in facts if fact not in sent] == []
    assert "note note" in sent


@pytest.mark.requirement("H-12")
def test_create_turns_each_documented_error_into_its_category(shape: tuple[str, ShapeServer]) -> None:
    preset, server = shape
    desk = open_desk(preset, server)
    for error in server.shape["errors"]:
        server.forced = {**error, **{form: planted(error[form]) for form in ("text", "body") if form in error}}
        failure = desk.create(DRAFT)
        assert failure == DeskFailure(Category(error["category"]), outcome_unknown=error.get("unknown", False)), error
        summary = failure.summary(desk=desk.name, reference=REFERENCE)
        assert len(summary) <= SUMMARY_LIMIT
        assert CANARY not in summary
    assert server.complaints == []


def planted(answer: Any) -> Any:
    """``answer`` with a canary behind every text in it."""
    if isinstance(answer, dict):
        return {name: planted(value) for name, value in answer.items()}
    if isinstance(answer, list):
        return [planted(value) for value in answer]
    return f"{answer} {CANARY}" if isinstance(answer, str) else answer


def test_create_with_a_wrong_secret_is_refused_credentials(shape: tuple[str, ShapeServer]) -> None:
    preset, server = shape
    assert open_desk(preset, server, secret="other").create(DRAFT) == DeskFailure(Category.CREDENTIALS)
    assert server.created == []


def test_check_with_a_wrong_secret_says_so(shape: tuple[str, ShapeServer]) -> None:
    preset, server = shape
    findings = open_desk(preset, server, secret="other").check()
    assert not any(finding.ok for finding in findings)
    assert "401" in findings[0].message or "refused Handrail's credentials" in findings[0].message


def test_check_passes_and_creates_nothing(shape: tuple[str, ShapeServer]) -> None:
    preset, server = shape
    findings = open_desk(preset, server).check()
    assert [finding.ok for finding in findings] == [True] * len(findings), (findings, server.complaints)
    assert server.created == []


def test_look_up_asks_by_the_support_reference(shape: tuple[str, ShapeServer]) -> None:
    preset, server = shape
    assert open_desk(preset, server).look_up(REFERENCE) == server.shape["lookup"]["gives"], server.complaints


def test_link_reads_references_and_pages_that_people_give(shape: tuple[str, ShapeServer]) -> None:
    preset, server = shape
    desk = open_desk(preset, server)
    for case in server.fill(server.shape["links"]):
        link = desk.normalise_link(case["reference"], case["url"])
        assert [link.reference, link.url] == case["gives"]
    assert server.created == []


def test_link_asks_for_the_reference_where_a_page_does_not_hold_it(shape: tuple[str, ShapeServer]) -> None:
    preset, server = shape
    desk = open_desk(preset, server)
    for case in server.fill(server.shape.get("refused_links", [])):
        with pytest.raises(Invalid) as refused:
            desk.normalise_link(case["reference"], case["url"])
        (fault,) = refused.value.faults
        assert fault.where == "reference"
        assert "does not hold" in fault.message
        assert desk.config.reference_example in fault.message


def test_every_page_that_can_be_pasted_alone_is_tried_alone(shape: tuple[str, ShapeServer]) -> None:
    preset, server = shape
    alone = [case for case in server.shape["links"] if not case["reference"]]
    assert bool(alone) == open_desk(preset, server).config.pages_hold_reference


def test_tokens_are_fetched_once_and_kept() -> None:
    with serving("halopsa") as server:
        desk = open_desk("halopsa", server)
        assert all(isinstance(desk.create(DRAFT), Created) for _ in range(3))
        assert server.tokens == 1


def test_check_fetches_a_token_and_keeps_it_for_the_tickets() -> None:
    with serving("halopsa") as server:
        desk = open_desk("halopsa", server)
        assert [finding.ok for finding in desk.check()] == [True]
        assert server.tokens == 1
        assert isinstance(desk.create(DRAFT), Created)
        assert server.tokens == 1


def test_check_says_that_no_token_was_given() -> None:
    with serving("halopsa") as server:
        (finding,) = open_desk("halopsa", server, secret="other").check()
    assert not finding.ok
    assert "[desk.oauth]" in finding.fix


@pytest.mark.parametrize(
    ("token_seconds", "create_seconds", "failure"),
    [
        pytest.param(3.0, 0.0, DeskFailure(Category.UNREACHABLE), id="no token in time"),
        pytest.param(0.95, 0.0, DeskFailure(Category.UNREACHABLE), id="no time left to ask"),
        pytest.param(
            0.5, 0.9, DeskFailure(Category.TIMEOUT_UNKNOWN, outcome_unknown=True), id="asked with what was left"
        ),
    ],
)
def test_token_and_ticket_share_one_budget(token_seconds: float, create_seconds: float, failure: DeskFailure) -> None:
    with serving("halopsa") as server:
        server.token_seconds, server.create_seconds = token_seconds, create_seconds
        desk = open_desk("halopsa", server, budget_seconds=1.0)
        started = time.monotonic()
        assert desk.create(DRAFT) == failure
        assert time.monotonic() - started < 15  # only what never ends takes longer
        assert server.created == [] or failure.outcome_unknown


def test_a_token_that_is_kept_leaves_the_ticket_the_whole_budget() -> None:
    with serving("halopsa") as server:
        desk = open_desk("halopsa", server, budget_seconds=2.0)
        assert [finding.ok for finding in desk.check()] == [True]
        server.token_seconds, server.create_seconds = 30.0, 0.5
        assert isinstance(desk.create(DRAFT), Created)


def test_a_refused_token_is_forgotten() -> None:
    with serving("halopsa") as server:
        desk = open_desk("halopsa", server)
        desk.create(DRAFT)
        server.forced = {"status": 401, "text": ""}
        assert desk.create(DRAFT) == DeskFailure(Category.CREDENTIALS)
        server.forced = None
        assert isinstance(desk.create(DRAFT), Created)
        assert server.tokens == 2


def test_a_wrong_client_secret_is_refused_credentials() -> None:
    with serving("halopsa") as server:
        assert open_desk("halopsa", server, secret="other").create(DRAFT) == DeskFailure(Category.CREDENTIALS)
        assert server.created == []


@pytest.mark.requirement("H-12")
def test_no_desk_is_named_outside_the_adapter() -> None:
    source = ROOT / "src" / "handrail"
    # The two code hosts are also addresses of standards, and words that captures may keep.
    names = {name.partition("-")[0] for name in preset_names(PRESETS)} - {"request", "github", "gitlab"}
    names.add("request tracker")
    word = re.compile(rf"\b({'|'.join(sorted(names))})\b", re.IGNORECASE)
    outside = [path for ending in ("py", "html", "js") for path in sorted(source.rglob(f"*.{ending}"))]
    outside = [path for path in outside if source / "connectors" / "desk" not in path.parents]
    # Addresses and headers that captures show, whoever's product they are.
    shown = {source / "packets" / "sanitise" / name for name in ("correlation.py", "hosts.py")}
    outside = [path for path in outside if path not in shown]
    assert len(outside) > 300  # that is, they are found
    assert [path for path in outside if word.search(path.read_text(encoding="utf-8"))] == []
    assert word.search((source / "connectors" / "desk" / "formats.py").read_text(encoding="utf-8"))
