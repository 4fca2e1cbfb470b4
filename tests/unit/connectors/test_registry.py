"""Sections of handrail.toml become connectors; every mistake names its section and field."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest

from handrail.connectors import registry
from handrail.connectors.config import Connector
from handrail.connectors.operation import Performer
from handrail.connectors.registry import Registry
from handrail.kernel.errors import Misconfigured
from handrail.kernel.secrets import Secrets

GOOD = tomllib.loads("""
[tenants]
kind = "rest"
base_url = "https://registry.example/v2/"
auth = {kind = "bearer", secret = "env:TOKEN"}
[roles]
kind = "scim"
base_url = "https://id.example/scim/v2"
[sync]
kind = "jobs"
base_url = "http://127.0.0.1:8900"
start_path = "/runs"
""")


def build() -> Registry:
    return Registry.build(registry.parse(GOOD), Secrets({"TOKEN": "t"}))


def test_build_opens_every_configured_connector() -> None:
    built = build()
    assert built.names() == ["roles", "sync", "tenants"]
    assert [built.get(name).kind for name in built.names()] == ["scim", "jobs", "rest"]
    performers = [connector for name in built.names() if isinstance(connector := built.get(name), Performer)]
    assert [performer.deadline_seconds for performer in performers] == [10.0, 10.0, 10.0]


def test_kinds_are_declared_by_their_own_folders() -> None:
    assert {"rest", "scim", "jobs"} <= set(registry.kinds())
    assert all(kind.name == name for name, kind in registry.kinds().items())


@pytest.mark.parametrize(
    ("section", "where"),
    [
        ("https://a.example", "connectors.x"),
        ({}, "connectors.x.kind"),
        ({"kind": "soap"}, "connectors.x.kind"),
        ({"kind": "rest"}, "connectors.x.base_url"),
        ({"kind": "rest", "base_url": "ftp://a.example"}, "connectors.x.base_url"),
        ({"kind": "rest", "base_url": "https://u:p@a.example"}, "connectors.x.base_url"),
        ({"kind": "rest", "base_url": "https://a.example?x=1"}, "connectors.x.base_url"),
        ({"kind": "rest", "base_url": "https://a.example:99999"}, "connectors.x.base_url"),
        ({"kind": "rest", "base_url": "http://a.example"}, "connectors.x"),
        ({"kind": "rest", "base_url": "https://a.example", "allow": ["https://b.example/x"]}, "connectors.x.allow.0"),
        ({"kind": "rest", "base_url": "https://a.example", "deadline_seconds": 61}, "connectors.x.deadline_seconds"),
        ({"kind": "rest", "base_url": "https://a.example", "deadline_seconds": 0}, "connectors.x.deadline_seconds"),
        ({"kind": "rest", "base_url": "https://a.example", "max_bytes": 0}, "connectors.x.max_bytes"),
        ({"kind": "rest", "base_url": "https://a.example", "verify": False}, "connectors.x.verify"),
        (
            {"kind": "rest", "base_url": "https://a.example", "auth": {"kind": "bearer", "secret": "hunter2"}},
            "connectors.x.auth.bearer.secret",
        ),
        (
            {"kind": "rest", "base_url": "https://a.example", "auth": {"kind": "basic", "secret": "env:A"}},
            "connectors.x.auth.basic",
        ),
        ({"kind": "jobs", "base_url": "https://a.example", "poll_path": "/jobs"}, "connectors.x.poll_path"),
        ({"kind": "jobs", "base_url": "https://a.example", "start_path": "/{id}"}, "connectors.x.start_path"),
        ({"kind": "jobs", "base_url": "https://a.example", "lookup_at": "items["}, "connectors.x.lookup_at"),
        ({"kind": "scim", "base_url": "https://a.example", "page_size": 0}, "connectors.x.page_size"),
    ],
)
def test_parse_names_section_and_field_when_wrong(section: Any, where: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        registry.parse({**GOOD, "x": section})
    assert [fault.where for fault in caught.value.faults] == [where]
    assert where in caught.value.message
    assert "hunter2" not in caught.value.message


def test_parse_reports_the_mistakes_of_all_sections_at_once() -> None:
    with pytest.raises(Misconfigured) as caught:
        registry.parse({"a": {"kind": "soap"}, "b": {"kind": "rest"}})
    assert [fault.where for fault in caught.value.faults] == ["connectors.a.kind", "connectors.b.base_url"]


def test_parse_takes_plain_http_elsewhere_only_when_told() -> None:
    section = {"kind": "rest", "base_url": "http://a.example", "allow_plain_http": True}
    assert registry.parse({"x": section})["x"].kind == "rest"


def test_build_names_the_section_whose_secret_is_missing() -> None:
    with pytest.raises(Misconfigured, match=r"connectors\.tenants.*env:TOKEN") as caught:
        Registry.build(registry.parse(GOOD), Secrets({}))
    assert caught.value.code == "secret-missing"


def test_get_says_what_to_add_when_the_name_is_unknown() -> None:
    with registry.use(build()), pytest.raises(Misconfigured, match=r"Add \[connectors\.nowhere\]"):
        registry.get("nowhere")


def test_current_says_so_when_nothing_is_configured() -> None:
    with registry.use(None):
        assert registry.names() == []
        with pytest.raises(Misconfigured, match="No connectors are configured"):
            registry.get("roles")


def test_use_lasts_as_long_as_its_block() -> None:
    before = registry.names()
    with registry.use(build()):
        found: Connector = registry.get("roles")
        assert found.name == "roles"
    assert registry.names() == before
