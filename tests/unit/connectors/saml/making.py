"""Metadata of our own making, with certificates of our own."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from lxml import etree
from signxml import XMLSigner

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
_NS = 'xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" xmlns:ds="http://www.w3.org/2000/09/xmldsig#"'


@cache
def key_of(name: str) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@cache
def pair(name: str, begins: int = -30, ends: int = 300) -> tuple[rsa.RSAPrivateKey, x509.Certificate]:
    """The key of that name and a certificate of it, valid from ``begins`` to ``ends``, in days from NOW."""
    key = key_of(name)
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    made = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW + timedelta(days=begins)).not_valid_after(NOW + timedelta(days=ends))
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    return key, made


def pem(name: str = "signer") -> bytes:
    return pair(name)[1].public_bytes(serialization.Encoding.PEM)


def der(name: str = "idp") -> bytes:
    return pair(name)[1].public_bytes(serialization.Encoding.DER)


def of_version_2() -> bytes:
    """A certificate (DER) that says version 2, as tools write that mean "1" counted from one. Nobody checks it."""
    made = der()
    version = bytes.fromhex("a003020102")  # [0] INTEGER 2, which is X.509 version 3
    assert made.count(version) == 1
    return made.replace(version, bytes.fromhex("a003020101"))


def entity(
    entity_id: str = "https://idp.example.com/saml",
    attributes: str = "",
    inside: str = "",
    signing: bytes | None = None,
) -> str:
    certificate = base64.encodebytes(der() if signing is None else signing).decode()
    return f"""<md:EntityDescriptor {_NS} entityID="{entity_id}" {attributes}>
  <md:Extensions><mdrpi:RegistrationInfo xmlns:mdrpi="urn:oasis:names:tc:SAML:metadata:rpi"
    registrationAuthority="https://registrar.example.org"/></md:Extensions>
  <md:IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">
    <md:KeyDescriptor use="signing"><ds:KeyInfo><ds:X509Data><ds:X509Certificate>{certificate}</ds:X509Certificate>
    </ds:X509Data></ds:KeyInfo></md:KeyDescriptor>
    <md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="{entity_id}/sso"/>
  </md:IDPSSODescriptor>{inside}
</md:EntityDescriptor>"""


def group(*entities: str, attributes: str = "") -> str:
    return f"<md:EntitiesDescriptor {_NS} {attributes}>{''.join(entities)}</md:EntitiesDescriptor>"


def signed(text: str, name: str = "signer") -> bytes:
    key, certificate = pair(name)
    root = XMLSigner(c14n_algorithm="http://www.w3.org/2001/10/xml-exc-c14n#").sign(
        etree.fromstring(text.encode()), key=key, cert=[certificate]
    )
    return etree.tostring(root)
