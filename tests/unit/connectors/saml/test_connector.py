from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from handrail.connectors.outcome import Failure, ReadFailed
from handrail.connectors.registry import Registry, parse
from handrail.connectors.rest import Get
from handrail.connectors.saml import Metadata, SamlConnector
from handrail.kernel.canonical import digest_bytes
from handrail.kernel.errors import Misconfigured
from handrail.kernel.secrets import Secrets
from tests.unit.connectors.peers import answering, peer, response
from tests.unit.connectors.saml.making import NOW, der, entity, group, of_version_2, pair, pem, signed

ID = "https://idp.example.com/saml"


def opened(**section: Any) -> SamlConnector:
    made = Registry.build(parse({"federation": section}), Secrets({})).get("federation")
    assert isinstance(made, SamlConnector)
    return made


def from_file(tmp_path: Path, data: bytes, **more: Any) -> SamlConnector:
    (tmp_path / "metadata.xml").write_bytes(data)
    return opened(kind="saml-file", file=tmp_path / "metadata.xml", **more)


def test_read_gives_what_a_packet_needs(tmp_path: Path) -> None:
    data = group(entity(), entity("https://other.example")).encode()

    reading = from_file(tmp_path, data).read(Metadata(entity_id=ID))

    assert reading.version == reading.digest == digest_bytes(data)
    assert isinstance(reading.value, dict)
    assert reading.value["registration_authority"] == "https://registrar.example.org"
    role: Any = reading.value["roles"][0]  # type: ignore[index,call-overload]
    assert role["single_sign_on"][0]["location"] == f"{ID}/sso"
    assert role["signing_certificates"][0]["sha256"] == hashlib.sha256(der()).hexdigest()
    assert role["signing_certificates"][0]["not_after"] == "2027-09-18T12:00:00+00:00"


def test_read_believes_signed_metadata_only_where_a_certificate_is_configured(tmp_path: Path) -> None:
    (tmp_path / "signer.pem").write_bytes(pem())

    value = (
        from_file(tmp_path, signed(entity()), certificate_file=tmp_path / "signer.pem")
        .read(Metadata(entity_id=ID))
        .value
    )

    assert isinstance(value, dict)
    assert value["signed"] is True


@pytest.mark.parametrize("before", [b"\xef\xbb\xbf", "Schlüssel der Föderation\r\n".encode("latin-1")])
def test_certificate_file_is_read_as_federations_have_it(before: bytes, tmp_path: Path) -> None:
    (tmp_path / "signer.pem").write_bytes(before + pem().replace(b"\n", b"\r\n"))
    connector = from_file(tmp_path, signed(entity()), certificate_file=tmp_path / "signer.pem")
    value: Any = connector.read(Metadata(entity_id=ID)).value
    assert value["signed"] is True


@pytest.mark.parametrize("raw", [pem().decode().encode("utf-16"), b"", b"no certificate", pem()[:-40]])
def test_open_refuses_a_certificate_file_that_can_not_be_read(raw: bytes, tmp_path: Path) -> None:
    (tmp_path / "signer.pem").write_bytes(raw)
    with pytest.raises(Misconfigured, match="certificate_file"):
        from_file(tmp_path, signed(entity()), certificate_file=tmp_path / "signer.pem")


def test_read_refuses_unsigned_metadata_where_a_certificate_is_configured(tmp_path: Path) -> None:
    (tmp_path / "signer.pem").write_bytes(pem())

    with pytest.raises(ReadFailed) as failed:
        from_file(tmp_path, entity().encode(), certificate_file=tmp_path / "signer.pem").read(Metadata(entity_id=ID))
    assert (failed.value.code, failed.value.retryable) == ("bad-signature", False)


def test_read_holds_a_certificate_of_version_2_with_a_reason(tmp_path: Path) -> None:
    with pytest.raises(ReadFailed) as failed:
        from_file(tmp_path, entity(signing=of_version_2()).encode()).read(Metadata(entity_id=ID))
    assert (failed.value.code, failed.value.retryable) == ("bad-certificate", False)


def test_expired_certificate_file_still_verifies_and_check_says_so(tmp_path: Path) -> None:
    (tmp_path / "signer.pem").write_bytes(pair("signer", -4000, -3000)[1].public_bytes(Encoding.PEM))
    connector = from_file(tmp_path, signed(entity()), certificate_file=tmp_path / "signer.pem")

    value = connector.read(Metadata(entity_id=ID)).value

    assert isinstance(value, dict)
    assert value["signed"] is True
    _, advice = connector.check()
    assert f"expired on {NOW - timedelta(days=3000):%Y-%m-%d}" in advice.message
    assert advice.ok
    assert advice.fix


def test_open_refuses_a_certificate_file_of_version_2(tmp_path: Path) -> None:
    body = base64.encodebytes(of_version_2()).decode()
    (tmp_path / "signer.pem").write_text(f"-----BEGIN CERTIFICATE-----\n{body}-----END CERTIFICATE-----\n")
    with pytest.raises(Misconfigured, match=r"connectors\.federation: certificate_file"):
        from_file(tmp_path, b"", certificate_file=tmp_path / "signer.pem")


def test_read_over_http_says_when_the_cache_had_it() -> None:
    cached = response(200, entity().encode(), "Age: 3600", content_type="application/samlmetadata+xml")
    with peer(answering(cached)) as server:
        reading = opened(kind="saml", base_url=server.url).read(Metadata(entity_id=ID))
        assert b"cache-control: no-cache" in server.requests[0].lower()
    assert timedelta(minutes=59) < datetime.now(UTC) - reading.read_at < timedelta(minutes=70)


def test_read_over_http_takes_no_part_of_a_document() -> None:
    part = response(206, entity().encode(), "Content-Range: bytes 0-99/5000")
    with peer(answering(part)) as server, pytest.raises(ReadFailed) as failed:
        opened(kind="saml", base_url=server.url).read(Metadata(entity_id=ID))
    assert failed.value.http_status == 206


def test_read_over_http_takes_the_path_of_the_operation() -> None:
    with peer(answering(response(200, entity().encode(), content_type="application/samlmetadata+xml"))) as server:
        reading = opened(kind="saml", base_url=server.url).read(Metadata(path="/entities/idp"))

    assert b"GET /entities/idp HTTP/1.1" in server.requests[0]
    assert isinstance(reading.value, dict)
    assert reading.value["entity_id"] == ID


@pytest.mark.parametrize(("status", "retryable"), [(404, False), (503, True)])
def test_read_over_http_says_whether_asking_again_may_help(status: int, retryable: bool) -> None:
    with peer(answering(response(status, b""))) as server, pytest.raises(ReadFailed) as failed:
        opened(kind="saml", base_url=server.url).read(Metadata(entity_id=ID))
    assert (failed.value.http_status, failed.value.retryable) == (status, retryable)


def test_read_over_http_stops_at_max_bytes() -> None:
    with peer(answering(response(200, b"x" * 2000))) as server, pytest.raises(ReadFailed) as failed:
        opened(kind="saml", base_url=server.url, max_bytes=1000).read(Metadata(entity_id=ID))
    assert failed.value.failure is Failure.TOO_LARGE


def test_read_refuses_a_file_over_max_bytes(tmp_path: Path) -> None:
    with pytest.raises(ReadFailed) as failed:
        from_file(tmp_path, b" " * 2000, max_bytes=1000).read(Metadata(entity_id=ID))
    assert failed.value.code == "too-large"


def test_read_says_that_the_file_is_missing(tmp_path: Path) -> None:
    connector = opened(kind="saml-file", file=tmp_path / "none.xml")

    with pytest.raises(ReadFailed, match="can't be opened"):
        connector.read(Metadata(entity_id=ID))
    assert [finding.ok for finding in connector.check()] == [False]


def test_read_refuses_operations_of_other_kinds(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured):
        from_file(tmp_path, b"").read(Get(path="/"))


def test_open_refuses_a_certificate_file_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "signer.pem").write_text("no certificate")

    with pytest.raises(Misconfigured, match=r"connectors\.federation: certificate_file"):
        from_file(tmp_path, b"", certificate_file=tmp_path / "signer.pem")


def test_metadata_asks_for_an_entity_or_a_path() -> None:
    with pytest.raises(ValueError, match="entity_id, path, or both"):
        Metadata()


def test_read_of_every_entity_keeps_what_is_sound_and_says_what_is_not(tmp_path: Path) -> None:
    data = group(entity(), entity("https://broken.example", signing=b"no certificate"), entity("https://c.example"))

    value = from_file(tmp_path, data.encode()).read(Metadata(every=True)).value

    assert isinstance(value, dict)
    entities: Any = value["entities"]
    assert [one["entity_id"] for one in entities] == [ID, "https://broken.example", "https://c.example"]
    assert [one.get("refused") for one in entities] == [None, "bad-certificate", None]
    assert entities[0] == from_file(tmp_path, entity().encode()).read(Metadata(entity_id=ID)).value


def test_read_of_every_entity_of_a_whole_federation_is_refused(tmp_path: Path) -> None:
    data = group(*(entity(f"https://{number}.example") for number in range(201))).encode()
    with pytest.raises(ReadFailed) as refusal:
        from_file(tmp_path, data).read(Metadata(every=True))
    assert refusal.value.code == "too-many-entities"
