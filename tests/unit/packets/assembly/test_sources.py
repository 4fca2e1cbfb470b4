"""Reading sources and artifacts: once each, in order, and honest about what is not there."""

from __future__ import annotations

import json

import pytest

from handrail.connectors.blobs import BlobRefused, BlobUnavailable, FolderBlobs
from handrail.connectors.outcome import ReadFailed
from handrail.connectors.registry import Registry
from handrail.connectors.rest import RestConnector
from handrail.kernel.canonical import digest_bytes
from handrail.kernel.errors import Invalid, Misconfigured
from handrail.packets.assembly import artifacts, sources
from handrail.packets.assembly.assemble import assemble
from handrail.packets.proof.manifest import held_digest
from tests.unit.packets.assembly.estate import GIVEN, HAR, SALT, Estate, bound, codes, leaving, sample


@pytest.mark.requirement("P-01")
def test_read_asks_every_source_once_in_order() -> None:
    estate = Estate()
    sources.read_sources(sample(), GIVEN, estate.read)
    assert estate.asked == [
        "/cases/CASE-7", "/tenants/ten_a", "/connectors", "/metadata/ten_a", "/roster", "/cases/CASE-7/attachments",
    ]  # fmt: skip


def test_read_of_a_source_that_may_answer_later_is_no_snapshot() -> None:
    estate = Estate()
    estate.failing.add("/connectors")
    with pytest.raises(ReadFailed):
        sources.read_sources(sample(), GIVEN, estate.read)


def test_read_of_a_record_that_is_not_there_holds_all_that_needs_it() -> None:
    estate = Estate()
    del estate.records["/tenants/ten_a"]
    snapshots = sources.read_sources(sample(), GIVEN, estate.read)
    assert snapshots["tenant"].problems == {"": "it has no usable record (404)"}
    assert snapshots["inventory"].problems == {"": "what it is asked with is not known"}
    found = codes(estate.assemble())
    assert {("missing-lineage", "tenant.id"), ("stale-source", "sources.tenant")} <= found
    assert ("missing-lineage", "impact.start") not in found


def test_read_of_a_value_of_another_type_costs_no_other_value() -> None:
    estate = Estate()
    estate.case["count"] = "three"
    found = codes(estate.assemble())
    assert ("missing-lineage", "impact.count") in found
    assert ("missing-lineage", "impact.start") not in found


def test_version_that_must_be_cleaned_is_digested() -> None:
    estate = Estate()
    estate["/tenants/ten_a"]["revision"] = "4\u202e\u200b" + "x" * 300
    version = sources.read_sources(sample(), GIVEN, estate.read)["tenant"].version
    assert version is not None
    assert version.startswith("sha256:")


def test_reader_of_a_connector_that_holds_no_records_is_refused(tmp_path: object) -> None:
    store = FolderBlobs("cases", tmp_path, max_bytes=1000)  # type: ignore[arg-type]
    read = sources.through(Registry({"cases": store}))
    with pytest.raises(Misconfigured, match="no records"):
        sources.read_sources(sample(), GIVEN, read)


def test_artifacts_come_from_the_store_that_the_profile_names(tmp_path: object) -> None:
    store = FolderBlobs("evidence", tmp_path, max_bytes=1_000_000)  # type: ignore[arg-type]
    estate = Estate()
    for data in estate.blobs.values():
        store.put(data)
    inputs = estate.inputs()
    opened = artifacts.through(Registry({"evidence": store}), sample())
    assert artifacts.read_artifacts(sample(), inputs.snapshots, opened, salt=SALT) == inputs.artifacts


def test_store_that_is_none_is_refused() -> None:
    wrong = RestConnector("evidence", object())  # type: ignore[arg-type]
    with pytest.raises(Misconfigured, match="not a blob store"):
        artifacts.through(Registry({"evidence": wrong}), sample())


def test_artifact_marker_is_the_salted_digest_of_its_bytes() -> None:
    held = Estate().assemble().held[0]
    assert held.digest == held_digest(salt=SALT, chunks=[b"pic", b"ture"])
    assert held.original_digest == digest_bytes(b"picture")


def test_artifact_without_bytes_is_held() -> None:
    estate = Estate()
    del estate.blobs[digest_bytes(HAR)]
    assembled = estate.assemble()
    assert next((one.name, one.reasons) for one in assembled.held) == (
        "har-1", ("the store has no bytes under its digest",),
    )  # fmt: skip


def test_artifact_of_a_corrupt_blob_is_held_and_of_a_silent_store_waits() -> None:
    estate = Estate()
    snapshots = estate.inputs().snapshots

    def corrupt(_: str) -> None:
        raise BlobRefused("other bytes", code="blob-corrupt")

    def silent(_: str) -> None:
        raise BlobUnavailable("no answer")

    found = artifacts.read_artifacts(sample(), snapshots, corrupt, salt=SALT)  # type: ignore[arg-type]
    assert {one.sanitised for one in found} == {None}
    with pytest.raises(BlobUnavailable):
        artifacts.read_artifacts(sample(), snapshots, silent, salt=SALT)  # type: ignore[arg-type]


def test_artifacts_are_numbered_by_their_ids_not_by_their_order() -> None:
    estate = Estate()
    estate.attach("ATT-10", "har", HAR.replace(b"502", b"504"))
    reordered = Estate()
    reordered.attach("ATT-10", "har", HAR.replace(b"502", b"504"))
    reordered["/cases/CASE-7/attachments"]["items"].reverse()
    names = [(one.name, one.artifact) for one in estate.assemble().annexes]
    assert names == [("har-1", "ATT-1"), ("har-2", "ATT-10")]
    assert [(one.name, one.artifact) for one in reordered.assemble().annexes] == names


def test_artifacts_over_the_limit_of_their_sort_stay_inside() -> None:
    estate = Estate()
    for number in range(20):
        estate.attach(f"ATT-{number + 100}", "har", HAR.replace(b"502", str(600 + number).encode()))
    assembled = estate.assemble()
    assert len(assembled.annexes) == 20
    assert ("unsanitised-artifact", "har-21") in codes(assembled)


def test_artifacts_beyond_count_are_refused() -> None:
    estate = Estate()
    item = estate["/cases/CASE-7/attachments"]["items"][0]
    estate["/cases/CASE-7/attachments"]["items"] = [{**item, "id": f"A{n}"} for n in range(1001)]
    with pytest.raises(Invalid, match="at most 1000"):
        estate.inputs()


def test_short_salt_is_refused() -> None:
    estate = Estate()
    with pytest.raises(Invalid, match="at least 16"):
        artifacts.read_artifacts(sample(), estate.inputs().snapshots, estate.open, salt=b"short")
    with pytest.raises(Invalid, match="at least 16"):
        estate.assemble(salt=b"short")


@pytest.mark.requirement("P-03")
def test_annex_has_its_lineage_and_keeps_the_original_digest_inside() -> None:
    assembled = Estate().assemble()
    annex = assembled.annexes[0]
    traced = assembled.trace["annexes"]["har-1"]
    assert (traced["sanitiser"], traced["digest"]) == ("har/v1", digest_bytes(annex.data))
    assert annex.original_digest == digest_bytes(HAR)
    assert not any(annex.original_digest.encode() in data for data in assembled.documents.values())
    assert "S3CR3T" not in json.dumps(traced) + annex.data.decode()


def test_manifest_binds_each_source_as_the_trace_shows_it() -> None:
    assembled = Estate().assemble()
    listed = {source.name: (source.record, source.version, source.digest) for source in bound(assembled).sources}
    traced = assembled.trace["sources"]
    assert listed == {
        name.replace("_", "-"): (source["record"], source["version"], source["digest"])
        for name, source in traced.items()
    }
    assert (traced["case"]["record"], traced["tenant"]["version"]) == ("CASE-7", "4")


def test_nothing_that_leaves_has_an_unsalted_digest_of_an_answer() -> None:
    estate = Estate()
    estate["/tenants/ten_a"]["revision"] = "4 and a text that no token is"
    inputs = estate.inputs()
    left = b"".join(leaving(assemble(inputs)).values()).decode()
    plain = [one for read in inputs.snapshots.values() for one in (read.digest, read.raw_digest, read.version) if one]
    assert not [one for one in plain if len(one) > 16 and one.removeprefix("sha256:") in left]


def test_digest_of_a_source_moves_with_its_answer_and_with_nothing_else() -> None:
    def digests(estate: Estate) -> dict[str, str]:
        return {source.name: source.digest for source in bound(estate.assemble()).sources}

    moved = Estate()
    moved["/tenants/ten_a"]["status"] = "closing"
    before, after = digests(Estate()), digests(moved)
    assert before == digests(Estate())
    assert {name for name in before if before[name] != after[name]} == {"tenant"}
