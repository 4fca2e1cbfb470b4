from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from handrail.connectors.saml.document import MetadataRefused, trusted_root
from handrail.connectors.saml.entity import describe, find_entity
from tests.unit.connectors.saml.making import NOW, der, entity, group, of_version_2, pair, signed

DATA = Path(__file__).parents[5] / "shared" / "data"
LIMIT = 1024 * 1024


def root(data: bytes | str, *, sealed: bool = False) -> etree._Element:
    raw = data.encode() if isinstance(data, str) else data
    return trusted_root(raw, certificate=pair("signer")[1] if sealed else None, max_bytes=LIMIT, at=NOW)


def refusal(data: bytes | str, *, sealed: bool = False) -> str:
    with pytest.raises(MetadataRefused) as refused:
        root(data, sealed=sealed)
    return refused.value.code


LAUGHS = '<!DOCTYPE x [<!ENTITY a "ha">' + "".join(
    f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(9)
) + "]>"  # fmt: skip


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ('<!DOCTYPE x SYSTEM "http://127.0.0.1:1/x.dtd">' + entity(), "dtd"),
        ('<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>' + entity(inside="<md:x>&a;</md:x>"), "dtd"),
        (LAUGHS + entity(inside="<md:x>&j;</md:x>"), "dtd"),
        (entity().encode("utf-16"), "not-utf8"),
        (b'<?xml version="1.0" encoding="utf-7"?>+ADwAIQ-DOCTYPE x>', "not-utf8"),
        (b"\xff", "not-utf8"),
        (entity(inside="<md:x>" * 400 + "</md:x>" * 400), "not-xml"),
        ("<md:EntityDescriptor", "not-xml"),
        (entity(inside="&undefined;"), "not-xml"),
        ("", "not-xml"),
        ("<html/>", "not-metadata"),
        (" " * (LIMIT + 1), "too-large"),
        (entity(attributes='validUntil="2026-11-22T11:59:59Z"'), "metadata-expired"),
        (entity(attributes='validUntil="2026-11-22T11:59:59"'), "metadata-expired"),
        (entity(attributes='validUntil="soon"'), "bad-valid-until"),
    ],
)
def test_trusted_root_refuses_hostile_documents(data: bytes | str, code: str) -> None:
    assert refusal(data) == code


def test_trusted_root_takes_valid_metadata_before_its_term() -> None:
    assert (
        root(entity(attributes='validUntil="2026-11-22T12:00:01Z"')).get("entityID") == "https://idp.example.com/saml"
    )


def test_trusted_root_includes_no_other_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("<md:hidden/>")
    include = f'<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="file://{tmp_path}/secret"/>'

    made = root(entity(inside=include))

    assert b"hidden" not in etree.tostring(made)


def test_trusted_root_is_quick_with_many_entities() -> None:
    started = time.monotonic()

    root(group(*[f'<md:EntityDescriptor entityID="e{n}"/>' for n in range(20_000)]))

    assert time.monotonic() - started < 10


def test_trusted_root_takes_a_good_signature() -> None:
    assert root(signed(entity()), sealed=True).get("entityID") == "https://idp.example.com/saml"


@pytest.mark.parametrize("name", ["another"])
def test_trusted_root_refuses_another_key(name: str) -> None:
    assert refusal(signed(entity(), name), sealed=True) == "bad-signature"


def test_trusted_root_refuses_metadata_without_a_signature() -> None:
    assert refusal(entity(), sealed=True) == "bad-signature"


def test_trusted_root_refuses_changed_metadata() -> None:
    assert refusal(signed(entity()).replace(b"/sso", b"/evil"), sealed=True) == "bad-signature"


def test_trusted_root_refuses_a_wrapped_document() -> None:
    evil = etree.fromstring(entity("https://evil.example").encode())
    evil.append(etree.fromstring(signed(entity())))

    assert refusal(etree.tostring(evil), sealed=True) == "bad-signature"


def test_trusted_root_believes_only_what_a_moved_signature_covers() -> None:
    good = etree.fromstring(signed(entity(attributes='ID="good"')))
    signature = good.find("{http://www.w3.org/2000/09/xmldsig#}Signature")
    evil = etree.fromstring(group(entity("https://evil.example")).encode())
    evil.append(good)
    evil.insert(0, signature)

    believed = root(etree.tostring(evil), sealed=True)

    assert believed.get("ID") == "good"
    assert b"evil" not in etree.tostring(believed)


def test_trusted_root_believes_only_the_referenced_element() -> None:
    from signxml import XMLSigner

    key, certificate = pair("signer")
    good = etree.fromstring(entity(attributes='ID="good"').encode())
    outer = etree.fromstring(group(entity("https://evil.example")).encode())
    outer.append(good)
    signed_outer = XMLSigner().sign(outer, key=key, cert=[certificate], reference_uri="#good")

    believed = root(etree.tostring(signed_outer), sealed=True)

    assert b"evil" not in etree.tostring(believed)


@pytest.mark.parametrize(("begins", "ends"), [(-800, -30), (30, 300)])
def test_trusted_root_takes_the_key_of_a_certificate_whatever_its_dates(begins: int, ends: int) -> None:
    certificate = pair("signer", begins, ends)[1]
    made = trusted_root(signed(entity()), certificate=certificate, max_bytes=LIMIT, at=NOW)
    assert made.get("entityID") == "https://idp.example.com/saml"


def test_trusted_root_refuses_another_key_in_an_expired_certificate() -> None:
    certificate = pair("another", -800, -30)[1]
    with pytest.raises(MetadataRefused) as refused:
        trusted_root(signed(entity()), certificate=certificate, max_bytes=LIMIT, at=NOW)
    assert refused.value.code == "bad-signature"


def test_find_entity_refuses_two_of_one_name() -> None:
    with pytest.raises(MetadataRefused) as refused:
        find_entity(root(group(entity(), entity())), "https://idp.example.com/saml", NOW)
    assert refused.value.code == "ambiguous-entity"


def test_find_entity_refuses_one_in_an_expired_group() -> None:
    inner = group(entity(), attributes='validUntil="2020-01-01T00:00:00Z"')
    with pytest.raises(MetadataRefused) as refused:
        find_entity(root(group(inner)), "https://idp.example.com/saml", NOW)
    assert refused.value.code == "metadata-expired"


def test_find_entity_sees_none_hidden_in_extensions() -> None:
    hidden = f"<md:Extensions>{entity('https://evil.example')}</md:Extensions>"
    with pytest.raises(MetadataRefused) as refused:
        find_entity(root(group(hidden, entity())), "https://evil.example", NOW)
    assert refused.value.code == "no-such-entity"


def test_describe_refuses_a_certificate_that_is_none() -> None:
    broken = entity().replace("<ds:X509Certificate>", "<ds:X509Certificate>!")
    with pytest.raises(MetadataRefused) as refused:
        describe(root(broken), NOW, signed=False)
    assert refused.value.code == "bad-certificate"


@pytest.mark.parametrize("broken", [of_version_2(), der()[:-20], der().replace(b"Z", b"X"), b"", b"0" * 40])
def test_describe_refuses_a_certificate_that_can_not_be_read(broken: bytes) -> None:
    with pytest.raises(MetadataRefused) as refused:
        describe(root(entity(signing=broken)), NOW, signed=False)
    assert refused.value.code == "bad-certificate"


def test_describe_reads_a_certificate_around_a_comment() -> None:
    split = entity().replace("<ds:X509Certificate>", "<ds:X509Certificate><!-- x -->")

    assert describe(root(split), NOW, signed=False) == describe(root(entity()), NOW, signed=False)


@given(st.binary(max_size=300))
def test_trusted_root_answers_any_bytes_with_a_refusal(data: bytes) -> None:
    assert refusal(data)


def test_find_entity_reads_a_real_federation() -> None:
    path = DATA / "swamid-1.0.xml"
    if not path.exists():
        pytest.skip("no real metadata beside the checkout")
    made = trusted_root(path.read_bytes(), certificate=None, max_bytes=LIMIT, at=datetime(2012, 1, 1, tzinfo=UTC))

    value = describe(find_entity(made, "https://order.kib.ki.se/shibboleth", NOW), NOW, signed=False)

    assert [r["role"] for r in value["roles"]] == ["sp"]  # type: ignore[union-attr,index,call-overload]


def test_describe_reads_a_real_identity_provider() -> None:
    path = DATA / "idp_example.xml"
    if not path.exists():
        pytest.skip("no real metadata beside the checkout")
    made = root(path.read_bytes())

    value = describe(find_entity(made, None, NOW), NOW, signed=False)

    assert value["entity_id"] == "http://localhost:8088/idp.xml"
