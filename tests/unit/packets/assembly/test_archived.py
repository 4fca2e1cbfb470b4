"""Members of an archive: each is an artifact of its own, and nothing of a type that is not named leaves."""

from __future__ import annotations

import gzip
import io
import zipfile

from handrail.kernel.canonical import digest_bytes
from handrail.packets.assembly import artifacts
from handrail.packets.assembly.artifacts import Artifact
from tests.unit.packets.assembly.estate import HAR, SALT, Estate, sample

OPEN = (
    "    other: {clear: never}",
    '    archive: {where: annex.kind == "archive" && annex.content == "", clear: never, archive: open}\n'
    '    log: {where: annex.kind == "log" || annex.extension == "log", clear: log/v1}\n'
    "    other: {clear: never}",
)
BY_CONTENT = ('where: annex.kind == "har"', 'where: annex.kind == "har" || annex.content == "har"')


def zipped(**members: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in members.items():
            archive.writestr(name.replace("_", "."), data)
    return out.getvalue()


def read(estate: Estate, data: bytes) -> list[Artifact]:
    estate.attach("ATT-9", "archive", data)
    inputs = estate.inputs(sample(OPEN, BY_CONTENT))
    return [one for one in inputs.artifacts if one.id.startswith("ATT-9")]


def test_members_have_types_by_their_extension_or_content() -> None:
    found = read(Estate(), zipped(a_log=b"connection refused\n", b_json=HAR, c_bin=b"\0\1"))
    assert [(one.id, one.type) for one in found] == [("ATT-9/1", "log"), ("ATT-9/2", "har"), ("ATT-9/3", "other")]
    assert [bool(one.sanitised and one.sanitised.cleared) for one in found] == [True, True, False]


def test_file_in_gzip_without_a_name_has_the_extension_of_what_it_is() -> None:
    (found,) = read(Estate(), gzip.compress(b"connection refused\n"))
    assert found.type == "log"


def test_refused_archive_stays_inside_as_one_with_the_reason() -> None:
    (found,) = read(Estate(), zipped())
    assert (found.type, found.sanitised) == ("archive", None)
    assert found.problem


def test_archive_within_an_archive_stays_inside() -> None:
    (found,) = read(Estate(), zipped(a_log=zipped(b_log=b"connection refused\n")))
    assert (found.sanitised, found.problem) == (None, "it is an archive within an archive")


def test_archive_is_not_opened_by_a_profile_that_does_not_say_so() -> None:
    estate = Estate()
    estate.attach("ATT-9", "archive", zipped(a_log=b"connection refused\n"))
    (found,) = [one for one in estate.inputs(sample()).artifacts if one.id.startswith("ATT-9")]
    assert (found.id, found.type, found.sanitised) == ("ATT-9", "other", None)


def test_original_of_a_member_is_found_in_its_archive() -> None:
    estate, profile = Estate(), sample(OPEN)
    estate.attach("ATT-9", "archive", zipped(a_log=b"connection refused\n"))
    inputs = estate.inputs(profile)
    assert profile.annexes is not None
    found = artifacts.original_of(
        profile.annexes, inputs.snapshots, estate.open,
        artifact="ATT-9/1", digest=digest_bytes(b"connection refused\n"),
    )  # fmt: skip
    assert found == b"connection refused\n"
    assert len(SALT) >= 16
