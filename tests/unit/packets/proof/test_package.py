"""Sealing and writing: the same bytes everywhere, readable by ordinary tools."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import subprocess
import sys
import tracemalloc
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handrail.kernel.canonical import digest_bytes
from handrail.kernel.errors import Conflict, Invalid
from handrail.packets.proof import archive, manifest, package, verify
from tests.lanes import examples
from tests.unit.packets.proof import making

RAW = making.pack()
BASE = f"{making.PACKET}-r2"
ROOT = Path(__file__).parents[4]
MEBIBYTE = 1024 * 1024


@pytest.mark.requirement("P-07")
def test_package_has_the_bagit_layout_in_order() -> None:
    assert list(making.entries(RAW)) == [
        f"{BASE}/bagit.txt",
        f"{BASE}/bag-info.txt",
        f"{BASE}/manifest-sha256.txt",
        f"{BASE}/tagmanifest-sha256.txt",
        f"{BASE}/cover.txt",
        f"{BASE}/cover.html",
        f"{BASE}/data/manifest.dsse.json",
        f"{BASE}/data/approvals.dsse.json",
        f"{BASE}/data/holds.json",
        f"{BASE}/data/packet.json",
        f"{BASE}/data/trace.json",
        f"{BASE}/data/annexes/har-1.json",
    ]


def test_package_is_a_plain_zip_to_zipfile() -> None:
    with zipfile.ZipFile(io.BytesIO(RAW)) as archived:
        assert archived.testzip() is None
        infos = archived.infolist()
        assert {info.filename: archived.read(info) for info in infos} == making.entries(RAW)
    assert {info.date_time for info in infos} == {(1980, 1, 1, 0, 0, 0)}
    assert {info.external_attr >> 16 for info in infos} == {0o100644}
    assert {info.compress_type for info in infos} == {zipfile.ZIP_STORED}


@pytest.mark.skipif(shutil.which("unzip") is None, reason="needs unzip")
def test_package_is_a_valid_bag_to_unzip_and_sha256sum(tmp_path: Path) -> None:
    path, _ = package.write_file(tmp_path, making.seal(), making.CONTENTS)
    subprocess.run(["unzip", "-q", str(path), "-d", str(tmp_path)], check=True)
    for sums in ("manifest-sha256.txt", "tagmanifest-sha256.txt"):
        subprocess.run(["sha256sum", "--check", "--strict", "--quiet", sums], cwd=tmp_path / BASE, check=True)
    files = [file for file in (tmp_path / BASE / "data").rglob("*") if file.is_file()]
    oxum = f"Payload-Oxum: {sum(file.stat().st_size for file in files)}.{len(files)}\n"
    assert oxum in (tmp_path / BASE / "bag-info.txt").read_text()


def test_package_bytes_are_the_same_in_every_environment(tmp_path: Path) -> None:
    code = (
        "import os, sys; os.umask(int(sys.argv[1], 8))\n"
        "from pathlib import Path\n"
        "from handrail.packets.proof import package\n"
        "from tests.unit.packets.proof import making\n"
        "package.write_file(Path(sys.argv[2]), making.seal(), dict(reversed(making.CONTENTS.items())))\n"
    )
    digests = {digest_bytes(RAW)}
    places = [("077", "Asia/Kathmandu", "1", "C"), ("000", "America/St_Johns", "4242", "tr_TR.UTF-8")]
    for umask, zone, seed, locale in places:
        directory = tmp_path / umask
        directory.mkdir()
        environment = {**os.environ, "TZ": zone, "PYTHONHASHSEED": seed, "LC_ALL": locale, "PYTHONPATH": "src:."}
        subprocess.run([sys.executable, "-c", code, umask, str(directory)], env=environment, cwd=ROOT, check=True)
        digests.add(digest_bytes((directory / f"{BASE}.zip").read_bytes()))
    assert len(digests) == 1


@pytest.mark.parametrize(
    ("sender", "digest"),
    [
        (None, "f7d76e38d0eb6c27087ba5a39363523a2f7edb3c1c63ac6db8067b4009a82592"),
        ("Northwind Support", "905df4925894c2d1b277dd4645c75f91c18a635a1a47f2e283f5c0c79fc87f5b"),
    ],
    ids=["form 1", "form 2"],
)
def test_package_bytes_are_those_of_their_form(sender: str | None, digest: str) -> None:
    """The format is a promise: whoever changes it makes a new predicate type, and changes this on purpose."""
    raw = making.pack(making.seal(making.make_manifest(sender=sender)))
    assert hashlib.sha256(raw).hexdigest() == digest


def test_write_streams_files_without_holding_them(tmp_path: Path) -> None:
    large = tmp_path / "large"
    size = 64 * MEBIBYTE
    with large.open("wb") as file:
        file.truncate(size)
    sha256 = hashlib.sha256()
    for _ in range(64):
        sha256.update(bytes(MEBIBYTE))
    fields = making.fields()
    fields["contents"].append(
        {
            "path": "annexes/large.bin",
            "media_type": "application/octet-stream",
            "size": size,
            "digest": f"sha256:{sha256.hexdigest()}",
        }
    )
    fields["contents"].sort(key=lambda content: manifest.delivery_order(content["path"]))
    sealed = making.seal(manifest.from_fields(fields))
    tracemalloc.start()
    path, packed = package.write_file(tmp_path, sealed, {**making.CONTENTS, "annexes/large.bin": large})
    verdict = verify.verify(path, making.expectation())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert verdict.accepted
    assert packed.size == path.stat().st_size > size
    assert peak < 8 * MEBIBYTE


@settings(max_examples=examples(20), deadline=None)
@given(st.dictionaries(st.from_regex(r"\Aannexes/[a-z][a-z0-9]{4,8}\Z"), st.binary(max_size=2000), max_size=5))
def test_any_package_is_accepted(annexes: dict[str, bytes]) -> None:
    contents = {**making.CONTENTS, **annexes}
    raw = making.pack(making.seal(making.make_manifest(contents)), contents)
    assert making.check(raw).findings == ()
    assert raw == making.pack(making.seal(making.make_manifest(contents)), contents)


def test_write_file_leaves_nothing_when_a_content_was_altered(tmp_path: Path) -> None:
    altered = {**making.CONTENTS, "annexes/har-1.json": b"{}"}
    with pytest.raises(Conflict, match=r"data/annexes/har-1.json is not what the manifest was signed over") as caught:
        package.write_file(tmp_path, making.seal(), altered)
    assert caught.value.code == "content-altered"
    assert list(tmp_path.iterdir()) == []


def test_write_refuses_a_missing_content() -> None:
    with pytest.raises(Invalid, match=r"bytes of trace.json are missing"):
        making.pack(contents={path: raw for path, raw in making.CONTENTS.items() if path != "trace.json"})


def test_write_refuses_an_added_content() -> None:
    with pytest.raises(Invalid, match=r"annexes/extra is not in the manifest"):
        making.pack(contents={**making.CONTENTS, "annexes/extra": b""})


def test_writer_refuses_to_pass_four_gibibytes(tmp_path: Path) -> None:
    with (tmp_path / "out").open("w+b") as out:
        writer = archive.Writer(out, max_bytes=1000)
        with pytest.raises(Invalid, match="would be over 1000 bytes"):
            writer.add("a", [bytes(900), bytes(100)])
        assert archive.Writer(out).max_bytes < 2**32 - 1


def test_seal_refuses_approvals_that_do_not_suffice() -> None:
    made = making.make_manifest()
    with pytest.raises(Conflict, match="1 of 2 approvals") as caught:
        package.seal(made, making.approve(made, "usr-ben"), key=making.KEY)
    assert caught.value.code == "short-of-signers"


def test_seal_refuses_approvals_of_another_revision() -> None:
    with pytest.raises(Conflict) as caught:
        package.seal(making.make_manifest(), making.approve(making.make_manifest(revision=3)), key=making.KEY)
    assert caught.value.code == "approvals-of-another-manifest"
