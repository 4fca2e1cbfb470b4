"""Canaries over every annex of a packet: none is in the package that the vendor gets."""

from __future__ import annotations

import base64
import gzip
import json
import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from handrail.packets import packing
from handrail.packets.models import AnnexRow, Revision
from tests.canaries import federated, planting
from tests.canaries.finding import Haystack
from tests.canaries.kinds import KINDS, Canary, made
from tests.factories.captures import TOOLS
from tests.factories.installation import Installation
from tests.factories.packets import Packets, connected
from tests.lanes import NIGHTLY, rounds
from tests.unit.definitions.bad import edited
from tests.unit.definitions.profile_samples import PROFILE

# By day always the same ones, so that a change fails for what it does; at night others each time.
SEED = os.environ.get("HANDRAIL_CANARY_SEED") or (secrets.token_hex(4) if NIGHTLY else "by day")
OTHER = "    other: {clear: never}"
MORE = """\
    threads: {where: annex.kind == "threads" || annex.content == "threads", clear: threads/v1}
    log: {where: annex.kind == "log" || annex.extension == "log", clear: log/v1}
    archive: {where: annex.kind == "archive" && annex.content == "", clear: never, archive: open}
"""
SEEDS = [f"{SEED}-{number}" for number in range(rounds(1, 5))]


@pytest.fixture
def desk(db: None) -> Iterator[Packets]:
    """With a profile that also lets logs and thread dumps out, and opens archives."""
    profile = edited(PROFILE, OTHER, MORE + OTHER)
    for kind, content in (("har", "har"), ("trace", "otlp")):
        profile = edited(profile, f'annex.kind == "{kind}"', f'annex.kind == "{kind}" || annex.content == "{content}"')
    with connected(Installation(None, tenant="ten_a", profile=profile).packets) as one:
        yield one


def attach(desk: Packets, seed: str) -> list[Canary]:
    """Captures of all tools, traces in all forms, a log, a dump and an archive, with a canary in each place."""
    planted = []
    for number, tool in enumerate(TOOLS):
        data, canaries = planting.capture(tool, seed)
        desk.sources.attach(f"HAR-{number}", "har", data)
        planted += canaries
    for number, form in enumerate(planting.TRACES):
        data, canaries = planting.traced(form, seed)
        desk.sources.attach(f"TRACE-{number}", "trace", data)
        planted += canaries
    for name, kind, (data, canaries) in (
        ("LOG-1", "log", planting.logged(seed)),
        ("HAR-FEDERATED", "har", federated.capture(seed)),
        ("DUMP-1", "threads", planting.dumped(seed)),
        ("ZIP-1", "archive", planting.archived(seed)),
    ):
        desk.sources.attach(name, kind, data)
        planted += canaries
    return planted


def package(revision: Revision, folder: Path) -> dict[str, bytes]:
    """The package of a revision that was assembled, approved and released like any other."""
    written = packing.write(revision, folder)
    return {written.name: written.read_bytes()}


@pytest.mark.parametrize("seed", SEEDS)
def test_release_leaves_no_canary_of_an_annex(
    desk: Packets, tmp_path: Path, seed: str, counted: Callable[[str], None]
) -> None:
    planted = attach(desk, seed)

    revision = desk.released()
    hay = Haystack(package(revision, tmp_path))

    kinds = {canary.kind for canary in planted}
    counted(
        f"canaries: {len(planted)} of {len(kinds)} kinds in captures, traces, logs, dumps and archives, seed {seed}"
    )
    assert len(planted) >= 1000
    assert len(kinds) >= 60
    cleared = AnnexRow.objects.filter(revision=revision, cleared_digest__isnull=False)
    assert cleared.count() > len(TOOLS)
    assert set(cleared.values_list("type", flat=True)) == {"har", "trace", "log", "threads"}
    assert hay.found(planted) == []


WRITINGS: dict[str, Callable[[str], bytes]] = {
    "plain": str.encode,
    "in capitals": lambda secret: secret.upper().encode(),
    "reversed": lambda secret: secret[::-1].encode(),
    "URL": lambda secret: quote(secret, safe="").encode(),
    "hexadecimal": lambda secret: secret.encode().hex().encode(),
    "base64": lambda secret: base64.b64encode(secret.encode() + b"..."),
    "base64 one later": lambda secret: base64.b64encode(b"." + secret.encode() + b"..."),
    "base64url two later": lambda secret: base64.urlsafe_b64encode(b".." + secret.encode() + b"..."),
    "JSON": lambda secret: json.dumps({"a": [secret]}).encode(),
    "name of a member": lambda secret: json.dumps({secret: 1}).encode(),
    "envelope": lambda secret: json.dumps(
        {"payload": base64.b64encode(json.dumps([secret]).encode()).decode(), "signatures": []}
    ).encode(),
    "gzip": lambda secret: gzip.compress(f"before {secret} after".encode()),
}


@pytest.mark.parametrize("writing", WRITINGS)
def test_find_each_kind_of_canary_in_a_writing(writing: str) -> None:
    canaries = [made(kind, "somewhere", "seed") for kind in KINDS]
    missed = [one.kind for one in canaries if not Haystack({"file": WRITINGS[writing](one.secret)}).found([one])]
    assert missed == []


def test_find_a_text_in_the_package_where_it_leaves(desk: Packets, tmp_path: Path) -> None:
    text = "Saffron otter meets walnut turnip"
    desk.sources.case["timeline"][0]["text"] = text

    assert Haystack(package(desk.released(), tmp_path)).found([Canary("nothing secret", "timeline", text, text)])
