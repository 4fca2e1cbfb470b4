"""A case portal takes a manifest once as a file of the vendor's case, and is asked by listing the files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from handrail.connectors import lane as lanes
from handrail.connectors.lane import Ability, AddressedLane, Addressee, ErrorKind, Lane, LaneFailed, LaneState
from handrail.connectors.lane.portal_config import directory
from handrail.kernel.errors import Misconfigured
from handrail.kernel.secrets import Secrets
from tests.factories.portal_server import CASES, PortalServer, serving

HEX = "ab" * 32
DIGEST = f"sha256:{HEX}"
PRESETS = sorted(path.stem for path in directory().glob("*.toml"))


@pytest.fixture
def portal() -> Iterator[PortalServer]:
    with serving() as server:
        yield server


@pytest.fixture
def package(tmp_path: Path) -> Path:
    file = tmp_path / "PKT-7K3M9QX2ZA-r1.zip"
    file.write_bytes(b"PK package")
    return file


def lane_of(portal: PortalServer, preset: str, case: object = "its own", **more: object) -> Lane:
    section = {
        "kind": "portal",
        "preset": preset,
        "base_url": portal.url,
        "auth": {"kind": "none"},
        "deadline_seconds": 2,
    }
    lane = lanes.Lanes.open(lanes.parse({"vendor": section | more}), Secrets({})).lanes["vendor"]
    assert isinstance(lane, AddressedLane)
    return lane.addressed(
        Addressee({"inputs": {"vendor_case": CASES[preset] if case == "its own" else case}, "packet": {}})
    )


def test_every_preset_is_tried() -> None:
    assert sorted(CASES) == PRESETS


@pytest.mark.parametrize("preset", PRESETS)
def test_a_case_takes_a_manifest_once_and_gives_it_back(portal: PortalServer, preset: str, package: Path) -> None:
    lane = lane_of(portal, preset)
    assert lane.check()[0].ok
    assert lane.status(DIGEST).state is LaneState.ABSENT
    assert lane.deliver(package, DIGEST).state is LaneState.DELIVERED
    assert lane.deliver(package, DIGEST) == lane.status(DIGEST)
    assert list(portal.files.values()) == [(f"{HEX}.zip", b"PK package")]
    assert lane.withdraw(DIGEST, "Another follows.").state is LaneState.WITHDRAWN
    assert lane.withdraw(DIGEST, "Another follows.").state is LaneState.WITHDRAWN
    kept = [f"{HEX}.zip"] if preset == "zendesk" else []
    assert portal.names() == sorted([f"{HEX}.withdrawn.json", *kept])
    assert lane.deliver(package, DIGEST).state is LaneState.WITHDRAWN


@pytest.mark.parametrize("preset", PRESETS)
def test_a_lost_answer_is_asked_about_and_nothing_is_attached_twice(
    portal: PortalServer, preset: str, package: Path
) -> None:
    lane = lane_of(portal, preset)
    portal.loses = True
    with pytest.raises(LaneFailed) as lost:
        lane.deliver(package, DIGEST)
    assert lost.value.kind is ErrorKind.UNKNOWN
    portal.loses = False
    assert lane.status(DIGEST).state is LaneState.DELIVERED
    assert lane.deliver(package, DIGEST).state is LaneState.DELIVERED
    assert portal.names() == [f"{HEX}.zip"]


@pytest.mark.parametrize("preset", PRESETS)
def test_a_file_that_is_there_twice_is_reported(portal: PortalServer, preset: str, package: Path) -> None:
    portal.add(f"{HEX}.zip", b"PK package")
    portal.add(f"{HEX}.zip", b"PK package")
    assert "attached 2 times" in lane_of(portal, preset).status(DIGEST).reference


@pytest.mark.parametrize("preset", PRESETS)
def test_another_package_under_the_same_manifest_is_refused(portal: PortalServer, preset: str, package: Path) -> None:
    portal.add(f"{HEX}.zip", b"PK something else")
    with pytest.raises(LaneFailed) as refused:
        lane_of(portal, preset).deliver(package, DIGEST)
    assert refused.value.kind is ErrorKind.REFUSED


@pytest.mark.parametrize("preset", PRESETS)
def test_a_recall_is_attached_once(portal: PortalServer, preset: str) -> None:
    lane = lane_of(portal, preset)
    lane.recall(DIGEST, b'{"signed": true}')
    lane.recall(DIGEST, b'{"signed": true}')
    assert len(portal.names()) == 1


def test_a_listing_that_is_not_whole_proves_nothing(portal: PortalServer, package: Path) -> None:
    portal.further = True
    lane = lane_of(portal, "zendesk")
    with pytest.raises(LaneFailed) as unknown:
        lane.status(DIGEST)
    assert unknown.value.kind is ErrorKind.UNKNOWN
    with pytest.raises(LaneFailed) as busy:
        lane.deliver(package, DIGEST)
    assert (busy.value.kind, portal.files) == (ErrorKind.BUSY, {})


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        *[(status, ErrorKind.REFUSED) for status in (403, 404, 413)],
        *[(status, ErrorKind.BUSY) for status in (429, 503)],
        *[(status, ErrorKind.UNKNOWN) for status in (500, 502)],
    ],
)
def test_what_a_status_means_is_what_it_means_on_every_lane(
    portal: PortalServer, package: Path, status: int, kind: ErrorKind
) -> None:
    portal.says = status
    with pytest.raises(LaneFailed) as failed:
        lane_of(portal, "jira").deliver(package, DIGEST)
    assert failed.value.kind is kind


def test_a_portal_that_lists_nothing_says_that_it_can_not_be_asked(portal: PortalServer, package: Path) -> None:
    call = {"path": "/api/now/attachment/file", "encoding": "raw"}
    query = {"file_name": "{name}", "table_sys_id": "f" * 32}
    section = {"title": "Theirs", "case_at": "/inputs/vendor_case", "reference_pattern": "[0-9]+"}
    section |= {"reference_example": "1", "attach": [call | {"query": query}]}
    given = {"kind": "portal", "base_url": portal.url} | section
    lane = lanes.Lanes.open(lanes.parse({"vendor": given}), Secrets({})).lanes["vendor"]
    assert isinstance(lane, AddressedLane)
    addressed = lane.addressed(Addressee({"inputs": {"vendor_case": "17"}}))
    assert Ability.ASK not in addressed.abilities
    assert addressed.deliver(package, DIGEST).state is LaneState.DELIVERED
    with pytest.raises(LaneFailed) as unknown:
        addressed.status(DIGEST)
    assert unknown.value.kind is ErrorKind.UNKNOWN


@pytest.mark.parametrize("case", ["sup-1", "SUP-1/../2", "SUP-1^ORnumber=2", 17, True, None, {"a": 1}])
def test_a_case_that_is_none_of_the_portals_is_refused(portal: PortalServer, case: object) -> None:
    with pytest.raises(LaneFailed, match="SUP-123") as refused:
        lane_of(portal, "jira", case=case)
    assert (refused.value.kind, portal.asked) == (ErrorKind.REFUSED, [])


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"preset": "nowhere"}, "must be one of"),
        ({"reference_example": "x"}, "reference_example"),
        ({"files": {"path": "/{nothing}"}}, "nothing"),
        ({"attach": [{"path": "/{case}"}]}, "names no"),
    ],
)
def test_a_section_that_fits_nothing_is_refused(more: dict[str, object], why: str) -> None:
    section = {"kind": "portal", "preset": "jira", "base_url": "https://vendor.example", "auth": {"kind": "none"}}
    with pytest.raises(Misconfigured, match=why):
        lanes.parse({"vendor": section | more})


RENAMED: dict[str, Callable[[str], str]] = {
    "upper case": str.upper,
    "numbered": lambda name: "17 " + name,
    "shortened": lambda name: name[:40],
    "without dots": lambda name: name.replace(".", "_"),
}


@pytest.mark.parametrize("how", RENAMED)
def test_a_file_that_the_portal_renamed_is_not_sent_again(portal: PortalServer, how: str, package: Path) -> None:
    lane = lane_of(portal, "jira")
    portal.renames = RENAMED[how]
    for call in (lambda: lane.deliver(package, DIGEST), lambda: lane.status(DIGEST)) * 2:
        with pytest.raises(LaneFailed, match="under another name") as unsure:
            call()
        assert unsure.value.kind is ErrorKind.UNKNOWN
    assert len(portal.files) == 1


def test_a_notice_that_the_portal_renamed_is_left_once(portal: PortalServer) -> None:
    lane = lane_of(portal, "jira")
    portal.renames = str.upper
    for _ in range(3):
        with pytest.raises(LaneFailed):
            lane.withdraw(DIGEST, "Expired.")
    assert len(portal.files) == 1
