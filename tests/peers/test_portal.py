"""Redmine as a vendor's case portal: packages are files of an issue, attached once, found again and removed."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from handrail.connectors import lane as lanes
from handrail.connectors.lane import AddressedLane, Addressee, ErrorKind, Lane, LaneFailed, LaneState
from handrail.kernel.secrets import Secrets
from tests.peers import redmine, request_tracker

pytestmark = pytest.mark.peer
HEX = "ab" * 32
DIGEST = f"sha256:{HEX}"


@pytest.fixture(scope="module")
def server() -> Iterator[redmine.Redmine]:
    request_tracker.require(redmine.why_absent(), in_ci=bool(os.environ.get("CI")))
    with redmine.running_redmine() as found:
        yield found


@pytest.fixture
def package(tmp_path: Path) -> Path:
    file = tmp_path / "PKT-7K3M9QX2ZA-r1.zip"
    file.write_bytes(b"PK package" * 1000)
    return file


@pytest.fixture
def issue(server: redmine.Redmine) -> str:
    body = {"issue": {"project_id": "support", "tracker_id": int(server.accounts["tracker"]), "subject": "Outage"}}
    return str(asked(server, "/issues.json", body)["issue"]["id"])


def asked(server: redmine.Redmine, path: str, body: object = None) -> dict[str, dict[str, object]]:
    headers = {"X-Redmine-API-Key": server.accounts["handrail"], "content-type": "application/json"}
    data = json.dumps(body).encode() if body is not None else None
    with urlopen(Request(server.base_url + path, data=data, headers=headers), timeout=30) as answer:
        found: dict[str, dict[str, object]] = json.loads(answer.read())
    return found


def lane_of(server: redmine.Redmine, case: str, account: str = "handrail") -> Lane:
    auth = {"kind": "header", "name": "X-Redmine-API-Key", "secret": "env:KEY"}
    section = {"kind": "portal", "preset": "redmine", "base_url": server.base_url, "auth": auth, "deadline_seconds": 30}
    opened = lanes.Lanes.open(lanes.parse({"vendor": section}), Secrets({"KEY": server.accounts[account]}))
    lane = opened.lanes["vendor"]
    assert isinstance(lane, AddressedLane)
    return lane.addressed(Addressee({"inputs": {"vendor_case": case}}))


def test_an_issue_takes_a_manifest_once_and_gives_it_back(server: redmine.Redmine, issue: str, package: Path) -> None:
    lane = lane_of(server, issue)
    assert lane.check()[0].ok
    assert lane.status(DIGEST).state is LaneState.ABSENT
    receipt = lane.deliver(package, DIGEST)
    assert lane.deliver(package, DIGEST) == receipt == lane.status(DIGEST)
    (file,) = asked(server, f"/issues/{issue}.json?include=attachments")["issue"]["attachments"]  # type: ignore[misc]
    assert (file["filename"], file["filesize"]) == (f"{HEX}.zip", len(package.read_bytes()))
    with urlopen(Request(file["content_url"], headers={"X-Redmine-API-Key": server.accounts["handrail"]})) as content:
        assert content.read() == package.read_bytes()
    assert lane.withdraw(DIGEST, "Another follows.").state is LaneState.WITHDRAWN
    assert lane.deliver(package, DIGEST).state is LaneState.WITHDRAWN
    lane.recall(DIGEST, b'{"signed": true}')
    left = asked(server, f"/issues/{issue}.json?include=attachments")["issue"]["attachments"]
    assert [one["filename"].partition(".")[2].partition("-")[0] for one in left] == ["withdrawn.json", "recall"]  # type: ignore[attr-defined]


def test_an_account_that_may_only_look_is_refused(server: redmine.Redmine, issue: str, package: Path) -> None:
    with pytest.raises(LaneFailed) as refused:
        lane_of(server, issue, "onlooker").deliver(package, DIGEST)
    assert refused.value.kind is ErrorKind.REFUSED
    assert lane_of(server, issue).status(DIGEST).state is LaneState.ABSENT


def test_a_case_that_is_not_there_gets_nothing(server: redmine.Redmine, package: Path) -> None:
    with pytest.raises(LaneFailed):
        lane_of(server, "99999").deliver(package, DIGEST)
