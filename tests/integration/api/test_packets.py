"""A packet's way over the API and the command line, from assembly to release."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from handrail.access.models import Membership
from handrail.cli.entry import run
from handrail.packets.models import Assembly, Revision
from tests.factories.installation import Installation
from tests.factories.packets import LANE, Packets, connected, everything
from tests.factories.people import secret_of
from tests.unit.packets.proof.making import KEY


@pytest.fixture
def desk(db: None) -> Iterator[Packets]:
    with connected(Installation(None, tenant="ten_a").packets) as one:
        yield one


def caller(desk: Packets, name: str) -> Client:
    secret = secret_of(f"{name}@example.com", desk.workspace.pk)
    return Client(headers={"authorization": f"Bearer {secret}"})


def post(client: Client, path: str, **body: Any) -> Any:
    return client.post(f"/api/v1/packets{path}", json.dumps(body), "application/json")


def test_a_packet_goes_all_its_way_over_the_api(desk: Packets) -> None:
    dee, ada, ben = (caller(desk, name) for name in ("dee", "ada", "ben"))
    asked = post(dee, "", profile="outage-escalation", inputs=desk.inputs())
    assert asked.status_code == 202
    desk.build(asked.json()["id"])
    ref = asked.json()["ref"]
    shown = ada.get(f"/api/v1/packets/{ref}").json()
    digest, seen = shown["manifest"]["digest"], [one["digest"] for one in shown["seen"]]
    assert post(dee, f"/{ref}/revisions/1/approve", digest=digest).json()["code"] == "assembler"
    refused = post(ada, f"/{ref}/revisions/1/approve", digest=digest, seen=seen[1:]).json()
    assert (refused["code"], refused["errors"][0]["where"]) == ("not-seen", shown["seen"][0]["path"])
    assert post(ada, f"/{ref}/revisions/1/approve", digest=digest, seen=seen).json()["missing"]
    assert post(ben, f"/{ref}/revisions/1/seen", digests=seen).json() == {"seen": 4, "all": 4}
    assert post(ben, f"/{ref}/revisions/1/approve", digest=digest).json() == {"state": "approved", "missing": []}
    assert post(ada, f"/{ref}/revisions/1/release").status_code == 202
    desk.deliver(desk.newest)
    assert ada.get(f"/api/v1/packets/{ref}").json()["delivery"]["state"] == "delivered"
    assert ada.get(f"/api/v1/packets/{ref}/diff").json()["against"] is None
    assert ada.get(f"/api/v1/packets/{ref}/diff?previous=true").status_code == 404
    assert ada.get("/api/v1/evaluation/packets").json()["bound"] == 1


def test_assembling_a_case_twice_names_its_packet(desk: Packets) -> None:
    dee = caller(desk, "dee")
    first, second = (post(dee, "", profile="outage-escalation", inputs=desk.inputs()) for _ in range(2))
    assert (second.status_code, second.json()["code"]) == (409, "packet-exists")
    assert first.json()["ref"] in str(second.json())


NOTE = "The customer threatened to leave over this outage."


@pytest.fixture
def quoted(desk: Packets) -> Revision:
    """A revision that is held because a text would quote a note that stays inside."""
    desk.sources.case["timeline"][0]["text"] = NOTE
    return desk.assemble()


@pytest.mark.parametrize(
    ("roles", "shown"),
    [(["senior-support"], True), (["packet-signer"], True), (["operator"], False), (["auditor"], False)],
)
def test_facts_behind_holds_are_for_those_who_decide(
    desk: Packets, quoted: Revision, capsys: pytest.CaptureFixture[str], roles: list[str], shown: bool
) -> None:
    Membership.objects.filter(user=desk.people["eve"]).update(roles=roles)
    path = f"/api/v1/packets/{quoted.packet.ref}"
    held = caller(desk, "eve").get(path).json()["holds"]
    told = said(capsys, "packets", "holds", quoted.packet.ref, "--as", "eve@example.com", "--json")
    assert {hold["code"] for hold in held} >= {"internal-note"}
    assert (NOTE in str(held), NOTE in str(told)) == (shown, shown)


@pytest.mark.parametrize("door", ["api", "command line"])
def test_what_was_found_in_a_text_is_masked(desk: Packets, capsys: pytest.CaptureFixture[str], door: str) -> None:
    desk.sources.case["timeline"][0]["text"] = "Reach us at +49 30 901820."
    revision = desk.assemble()
    ref, told = revision.packet.ref, {"code": "personal-data-in-text", "targets": ["timeline[].text"]}
    if door == "api":
        cy = caller(desk, "cy")
        (hold,) = [one for one in cy.get(f"/api/v1/packets/{ref}").json()["holds"] if one["code"] == told["code"]]
        assert hold["texts"][0]["pieces"][1] == {"text": "+49 30 901820", "kind": "telephone number"}
        refused = post(caller(desk, "ada"), f"/{ref}/revisions/1/mask", **told, reason="Private.")
        assert (refused.status_code, refused.json()["code"]) == (409, "not-yours")
        assert post(cy, f"/{ref}/revisions/1/mask", **told, reason="Private.").status_code == 202
        desk.build(desk.newest.pk)
    else:
        words = ["packets", "mask", ref, "personal-data-in-text", "timeline[].text", "--revision", "1"]
        assert run([*words, "--reason", "Private.", "--as", "cy@example.com"]) == 0
    assert desk.newest.cause == "text-masked"
    assert "Reach us at [masked: telephone number]." in Assembly.objects.get(revision=desk.newest).packet


def test_files_are_given_as_attachments(desk: Packets) -> None:
    revision = desk.released()
    path = f"/api/v1/packets/{revision.packet.ref}/revisions/1"
    ada, eve = caller(desk, "ada"), caller(desk, "eve")
    for place, kind in (("/document?name=annexes/har-1.json", "json"), ("/document", "json"), ("/package", "zip")):
        response = ada.get(path + place)
        headers = response.headers
        assert (response.status_code, headers["Content-Type"]) == (200, f"application/{kind}")
        assert headers["Content-Disposition"].startswith(f'attachment; filename="{revision.packet.ref}-r1')
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert b"".join(response.streaming_content)  # type: ignore[attr-defined]
    assert ada.get(path + "/document?name=annexes/other-1.json").status_code == 404
    assert ada.get(path + "/document?name=<b>").status_code == 422
    assert eve.get(path + "/package").status_code == 403


def test_a_packet_goes_all_its_way_at_the_command_line(
    desk: Packets, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = tmp_path / "given.json"
    given.write_text(json.dumps(desk.inputs()))
    made = said(capsys, "packets", "assemble", "outage-escalation", str(given), "--as", "dee@example.com", "--json")
    ref, digest = made["packet"], made["manifest"]
    look = ["packets", "document", ref, "annexes/har-1.json", str(tmp_path), "--as", "ada@example.com"]
    assert (run(look), run(look)) == (0, 2)
    shown = said(capsys, "packets", "show", ref, "--as", "ada@example.com", "--json")
    things = [one["digest"] for one in shown["seen"]]
    for name in ("ada", "ben"):
        vote = ["packets", "approve", ref, "--revision", "1", "--digest", digest, "--as", f"{name}@example.com"]
        assert run(vote) == 5
        assert run(["packets", "seen", ref, *things[:2], "--revision", "1", "--as", f"{name}@example.com"]) == 0
        assert run([*vote, *(part for one in things[2:] for part in ("--seen", one))]) == 0
    assert run(["packets", "release", ref, "--revision", "1", "--deliver", "--as", "ada@example.com"]) == 0
    assert run(["packets", "export", ref, str(tmp_path), "--as", "ada@example.com"]) == 0
    assert (tmp_path / f"{ref}-r1.zip").read_bytes() == desk.vendor.packages[digest]
    (tmp_path / "keys.pem").write_text(KEY.public.to_pem())
    package, keys = str(tmp_path / f"{ref}-r1.zip"), str(tmp_path / "keys.pem")
    assert run(["intake", "verify", package, "--key", keys, "--lane", LANE]) == 0
    assert run(["packets", "show", ref]) == 0
    assert run(["packets", "reassemble", ref, "--reason", "A late trace.", "--as", "dee@example.com"]) == 0
    assert run(["packets", "diff", ref]) == 0
    assert said(capsys, "packets", "list", "--json")[0]["revision"]["number"] == 2


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    capsys.readouterr()
    assert run(list(arguments)) == 0
    return json.loads(capsys.readouterr().out)


def test_terminal_shows_digests_whole_and_holds_that_block_first(
    desk: Packets, capsys: pytest.CaptureFixture[str]
) -> None:
    desk.sources.case["plan"] = "biz"
    revision = desk.assemble()
    assert run(["packets", "show", revision.packet.ref, "--as", "ada@example.com"]) == 0
    shown = capsys.readouterr().out
    assert "Holds: 2 open, 1 blocking" in shown
    assert shown.index("source-conflict") < shown.index("unsanitised-artifact")
    assert f"holds.json: not seen by you, 0 others\n{everything(revision)[0]}\n" in shown
