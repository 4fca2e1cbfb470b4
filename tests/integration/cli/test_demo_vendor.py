"""The demo's vendor: a search that finds what it looks for, and a verifier that has the public key alone."""

from __future__ import annotations

import base64
import io
import zipfile
from pathlib import Path
from urllib.parse import quote

import pytest

from handrail.cli.demo.vendor import Vendor, altered, found_in
from handrail.packets.proof.keys import SigningKey
from handrail.sandbox import capture
from tests.unit.packets.proof.making import KEY, LANE, pack

SECRET = "Tr0ub4dor/&3 and its long tail"


def zipped(data: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("data/annexes/har-1.json", b'{"kept": "' + data + b'"}')
    return out.getvalue()


@pytest.mark.parametrize(
    "written",
    [
        SECRET.encode(),
        SECRET.upper().encode(),
        quote(SECRET, safe="").encode(),
        SECRET.encode().hex().encode(),
        base64.b64encode(SECRET.encode()),
        base64.b64encode(b"{" + SECRET.encode() + b"}"),
        base64.b64encode(b'{"' + SECRET.encode() + b'"}'),
    ],
)
def test_search_finds_a_planted_secret_however_it_is_written(written: bytes) -> None:
    assert found_in(zipped(written), {"cookie": SECRET, "other": "something else altogether"}) == ["cookie"]


def test_search_finds_every_secret_that_stands_plain_in_the_capture() -> None:
    plain = {place: secret for place, secret in capture.secrets().items() if secret.encode() in capture.har()}
    assert len(plain) > 100
    assert found_in(zipped(capture.har()), plain) == list(plain)


@pytest.fixture
def vendor(tmp_path: Path) -> Vendor:
    (tmp_path / "sender.pem").write_text(KEY.public.to_pem())
    return Vendor(tmp_path, LANE)


def test_vendor_refuses_an_altered_package(vendor: Vendor) -> None:
    said = vendor.verify(altered(pack()))
    assert not said.accepted
    assert said.findings


def test_vendor_refuses_a_package_of_another_key(vendor: Vendor) -> None:
    (vendor.directory / "sender.pem").write_text(SigningKey.generate().public.to_pem())
    assert not vendor.verify(pack()).accepted
