"""Checking the desk, and looking tickets up."""

from __future__ import annotations

import pytest

from handrail.connectors.outcome import ReadFailed
from handrail.kernel.errors import Invalid, Misconfigured
from tests.unit.connectors.desk.conftest import REFERENCE, Peer, answer, open_desk

LOOKUP = {"path": "/find", "query": {"q": "{reference}"}, "references": "items[].key"}


@pytest.mark.parametrize(
    ("script", "ok"),
    [
        (answer("200 OK", b'{"active":true}'), True),
        (answer("200 OK", b'{"active":false}'), False),
        (answer("200 OK", b'{"other":1}'), False),
        (answer("200 OK", b"[]"), False),
        (answer("200 OK", b"<html>", kind="text/html"), False),
        (answer("401 Unauthorized", b"{}"), False),
        (answer("403 Forbidden", b"{}"), False),
        (answer("404 Not Found", b"{}"), False),
        (answer("418 Teapot", b"{}"), False),
        (answer("500 Oops", b"{}"), False),
        (answer("302 Found", b"", headers="Location: /login\r\n"), False),
    ],
)
def test_check_is_ok_only_when_the_desk_shows_what_is_expected(script: bytes, ok: bool) -> None:
    with Peer([script]) as peer:
        findings = open_desk(base_url=peer.url).check()
    assert [finding.ok for finding in findings] == [ok]
    assert bool(findings[0].fix) != ok


def test_check_of_an_unreachable_desk_says_so() -> None:
    with Peer([]) as peer:
        url = peer.url
    (finding,) = open_desk(base_url=url).check()
    assert not finding.ok
    assert "connection" in finding.message


def test_check_with_a_path_that_cannot_be_sent_names_the_settings() -> None:
    check = [{"path": "/a/../b"}]
    (finding,) = open_desk(check=check).check()
    assert not finding.ok
    assert "[desk]" in finding.fix


def test_look_up_gives_the_desks_references() -> None:
    with Peer([answer("200 OK", b'{"items":[{"key":"T-1"},{"key":2}]}')]) as peer:
        assert open_desk(base_url=peer.url, lookup=LOOKUP).look_up(REFERENCE) == ["T-1", "2"]
        assert f"q={REFERENCE}".encode() in peer.requests[0]


def test_look_up_of_anything_else_is_refused() -> None:
    with pytest.raises(Invalid):
        open_desk(lookup=LOOKUP).look_up("SR-1' OR 1=1")


def test_look_up_without_configuration_says_what_to_add() -> None:
    with pytest.raises(Misconfigured, match="lookup"):
        open_desk().look_up(REFERENCE)


def test_look_up_that_fails_is_told() -> None:
    with Peer([answer("500 Oops", b"{}")]) as peer, pytest.raises(ReadFailed):
        open_desk(base_url=peer.url, lookup=LOOKUP).look_up(REFERENCE)


def test_look_up_that_finds_no_list_is_refused() -> None:
    lookup = {**LOOKUP, "references": "/items"}
    with Peer([answer("200 OK", b'{"items":{}}')]) as peer, pytest.raises(Invalid):
        open_desk(base_url=peer.url, lookup=lookup).look_up(REFERENCE)
