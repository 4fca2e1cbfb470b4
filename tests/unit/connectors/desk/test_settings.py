"""Reading [desk]: presets, what is laid over them, and mistakes that are named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from handrail.connectors.config import NoAuth
from handrail.connectors.desk import Desk, DeskConfig, configured, read_desk, use
from handrail.connectors.desk.settings import overlay
from handrail.kernel.errors import Misconfigured
from handrail.kernel.secrets import Secrets
from tests.unit.connectors.desk.conftest import SECTION, desk_section, open_desk

VALUES = {"values": {"ticket_type_id": 1, "client_id": 1, "site_id": 1}}
PRESETS = Path(__file__).parents[4] / "desks"


def faults_of(section: dict[str, Any]) -> list[str]:
    with pytest.raises(Misconfigured) as refused:
        read_desk(section, presets=PRESETS)
    return [str(fault) for fault in refused.value.faults]


def test_no_section_is_no_desk() -> None:
    assert read_desk(None, presets=PRESETS) is None
    assert read_desk({}, presets=PRESETS) is None


def test_a_preset_needs_only_address_and_secret() -> None:
    section = {"preset": "request-tracker", "base_url": "https://rt.example", "auth": {"secret": "env:RT"}}
    config = read_desk(section, presets=PRESETS)
    assert isinstance(config, DeskConfig)
    assert config.base_url == "https://rt.example"
    assert config.auth.model_dump()["prefix"] == "token "
    assert config.auth.model_dump()["secret"] == "env:RT"


def test_own_values_are_laid_over_the_presets() -> None:
    section = {"preset": "request-tracker", "base_url": "https://rt.example", "values": {"queue": "Helpdesk"}}
    config = read_desk(section, presets=PRESETS)
    assert config is not None
    assert config.values == {"queue": "Helpdesk"}
    assert config.create.path == "/REST/2.0/ticket"


def test_overlay_replaces_a_body_and_a_table_of_another_kind() -> None:
    below = {"auth": {"kind": "header", "name": "X"}, "create": {"path": "/a", "body": {"x": 1}}}
    above = {"auth": {"kind": "bearer"}, "create": {"body": {"y": 2}}}
    assert overlay(below, above) == {"auth": {"kind": "bearer"}, "create": {"path": "/a", "body": {"y": 2}}}


OAUTH = {"token_path": "/token", "client_id": "c", "secret": "env:S"}


def test_ones_own_oauth_takes_the_place_of_a_presets_auth() -> None:
    section = {"preset": "request-tracker", "base_url": "https://rt.example", "oauth": OAUTH}
    config = read_desk(section, presets=PRESETS)
    assert config is not None
    assert config.oauth is not None
    assert isinstance(config.auth, NoAuth)


def test_ones_own_auth_takes_the_place_of_a_presets_oauth() -> None:
    auth = {"kind": "bearer", "secret": "env:S"}
    config = read_desk({"preset": "halopsa", "base_url": "https://h.example", **VALUES, "auth": auth}, presets=PRESETS)
    assert config is not None
    assert config.oauth is None
    assert config.auth.model_dump() == auth


def test_ones_own_auth_beside_ones_own_oauth_is_refused() -> None:
    own = {"auth": {"secret": "env:S"}, "oauth": OAUTH}
    assert "beside oauth" in faults_of({"preset": "request-tracker", "base_url": "https://rt.example", **own})[0]


def test_a_body_of_ones_own_that_loses_the_reference_is_refused() -> None:
    own = {"create": {"body": {"fields": {"customfield_1": "x"}}}}
    (fault,) = faults_of({"preset": "jira", "base_url": "https://j.example", "values": {"project": "SUP"}, **own})
    assert "create.body: names neither {subject} nor {reference}" in fault
    assert "copy that and add to it" in fault


@pytest.mark.parametrize("reference", ["{subject}", "Ticket for {reference}"])
def test_a_body_of_ones_own_with_the_reference_is_taken(reference: str) -> None:
    own = {"create": {"body": [{"fields": ["x", reference]}]}}
    config = read_desk({"preset": "halopsa", "base_url": "https://h.example", **VALUES, **own}, presets=PRESETS)
    assert config is not None
    assert config.create.body == own["create"]["body"]


@pytest.mark.parametrize("preset", ["nope", "../desks/zammad", "", 7])
def test_an_unknown_preset_is_named_with_those_there_are(preset: object) -> None:
    faults = faults_of({"preset": preset})
    assert faults[0].startswith("desk.preset: must be one of connectwise, ")


@pytest.mark.parametrize(
    ("own", "says"),
    [
        ({"base_url": "http://desk.example"}, "not encrypted"),
        ({"budget_seconds": 5.1}, "desk.budget_seconds"),
        ({"budget_seconds": 0}, "desk.budget_seconds"),
        ({"name": "x" * 41}, "desk.name"),
        ({"name": "{desk}"}, "desk.name"),
        ({"auth": {"kind": "bearer", "secret": "plain-secret"}}, "desk.auth.bearer.secret"),
        ({"oauth": {"token_path": "/t", "client_id": "c", "secret": "env:S"}}, "beside oauth"),
        ({"allow": ["https://other.example"]}, "allow: must be left out"),
        ({"reference_pattern": "(?=x)"}, "desk.reference_pattern"),
        ({"reference_example": "nope"}, "reference_example: does not match"),
        ({"severity": {"low": 1}}, "severity: has nothing for high, normal, urgent"),
        ({"severity": {"dire": 1}}, "desk.severity"),
        ({"values": {"subject": 1}}, "values.subject"),
        ({"values": {"x": float("nan")}}, "no NaN"),
        ({"check": []}, "desk.check"),
        ({"web": {"origin": "desk.example"}}, "web.origin"),
        ({"web": {"url": "{base_url}/{id}"}}, "web.url: names {id}"),
        ({"link": {"urls": ["{base_url}/{body}"]}}, "link.urls.0: names {body}"),
        ({"web": {"origin": "https://desk.example/tickets"}}, "web.origin"),
        ({"web": {"url": "https://evil.example/{reference}"}}, "web.url: gives no address at http://127.0.0.1:9"),
        ({"web": {"url": "javascript:alert({reference})"}}, "web.url: gives no address at http://127.0.0.1:9"),
        ({"web": {"url": "{base_url}{reference}"}}, "web.url: gives no address"),
        (
            {"web": {"origin": "https://d.example", "url": "{base_url}/{reference}"}},
            "web.url: gives no address at https://d.example",
        ),
        ({"link": {"urls": ["https://evil.example/{reference}"]}}, "link.urls.0: gives no address"),
        ({"link": {"urls": ["javascript:{any}"]}}, "link.urls.0: gives no address"),
        ({"link": {"urls": ["{base_url}/{reference}/{reference}"]}}, "link.urls.0: must name {reference} once"),
        ({"link": {"urls": ["{base_url}/show?{reference}"]}}, "link.urls.0: must name {reference} once"),
        ({"create": {**SECTION["create"], "path": "/{reference}"}}, "create.path: names {reference}"),
        ({"create": {**SECTION["create"], "path": "tickets"}}, "desk.create.path"),
        ({"create": {**SECTION["create"], "reference": "/a["}}, ""),
        ({"create": {**SECTION["create"], "reference": "a["}}, "desk.create.reference"),
        ({"create": {**SECTION["create"], "body": {"a": {"b": "{nope}"}}}}, "create.body.a.b: names {nope}"),
        ({"create": {**SECTION["create"], "body": {"text": "{body}"}}}, "create.body: names neither {subject} nor"),
        ({"create": {**SECTION["create"], "encoding": "form", "body": {"a": {}}}}, "must be a flat table"),
        ({"create": {**SECTION["create"], "extract": {"reference": "/id"}}}, "create.extract.reference"),
        ({"create": {**SECTION["create"], "headers": {"X-A": "{body}"}}}, "create.headers.X-A: names {body}"),
        ({"lookup": {"path": "/s", "query": {"q": "{subject}"}, "references": "[]"}}, "lookup.query.q"),
        ({"surprise": 1}, "desk.surprise"),
    ],
)
def test_a_mistake_is_named_by_its_field(own: dict[str, Any], says: str) -> None:
    if not says:  # a pointer may hold any character
        assert read_desk(desk_section(**own), presets=PRESETS) is not None
        return
    assert says in "; ".join(faults_of(desk_section(**own)))


def test_a_pasted_secret_is_not_repeated() -> None:
    faults = faults_of(desk_section(auth={"kind": "bearer", "secret": "hunter2"}))
    assert "hunter2" not in "; ".join(faults)


def test_a_missing_secret_is_told_when_the_desk_is_opened() -> None:
    with pytest.raises(Misconfigured, match="env:TOKEN"):
        Desk(DeskConfig.model_validate(desk_section()), Secrets({}))


def test_use_sets_the_desk_for_a_while() -> None:
    desk = open_desk()
    with use(desk):
        assert configured() is desk
    assert configured() is None
