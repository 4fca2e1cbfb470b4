"""SAML messages and tokens of the corpus's site: really signed, with keys of this run."""

from __future__ import annotations

import base64
import datetime
import json
import secrets
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, urlencode

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID
from lxml import etree
from signxml.signer import XMLSigner

_PROTOCOL = "urn:oasis:names:tc:SAML:2.0:protocol"
_ASSERTION = "urn:oasis:names:tc:SAML:2.0:assertion"
_STATUS = "urn:oasis:names:tc:SAML:2.0:status:"
RSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
SHORT = datetime.timedelta(minutes=5)


def now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


def instant(at: datetime.datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass
class Identity:
    """A key with a certificate for some host names. ``issuer``: whose key signed it, None for its own."""

    names: tuple[str, ...]
    key: rsa.RSAPrivateKey = field(default_factory=lambda: rsa.generate_private_key(65537, 2048))
    certificate: x509.Certificate = field(init=False)

    def __post_init__(self) -> None:
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self.names[0])])
        self.certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(self.key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now() - SHORT)
            .not_valid_after(now() + datetime.timedelta(days=30))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(one) for one in self.names]), critical=False)
            .sign(self.key, hashes.SHA256())
        )

    def write(self, folder: Path) -> tuple[Path, Path]:
        """Certificate and key as files."""
        certificate, key = folder / "site.pem", folder / "site.key"
        certificate.write_bytes(self.pem)
        key.write_bytes(self._private)
        return certificate, key

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def _private(self) -> bytes:
        return self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    def signed(self, document: str) -> bytes:
        signer = XMLSigner(signature_algorithm="rsa-sha256", digest_algorithm="sha256")
        root = signer.sign(etree.fromstring(document.encode()), key=self._private, cert=self.pem.decode())
        found: bytes = etree.tostring(root)
        return found

    def jwt(self, claims: dict[str, object], *, kid: str) -> str:
        parts = [{"alg": "RS256", "typ": "JWT", "kid": kid}, claims]
        text = ".".join(_url(json.dumps(part).encode()) for part in parts)
        return f"{text}.{_url(self.key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


def _url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def request(issuer: str, destination: str) -> str:
    return (
        f'<samlp:AuthnRequest xmlns:samlp="{_PROTOCOL}" xmlns:saml="{_ASSERTION}" ID="_{secrets.token_hex(16)}" '
        f'Version="2.0" IssueInstant="{instant(now())}" Destination="{destination}" '
        f'AssertionConsumerServiceURL="{issuer}/acs" ProtocolBinding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST">'
        f"<saml:Issuer>{issuer}/metadata</saml:Issuer></samlp:AuthnRequest>"
    )


def redirect(identity: Identity, message: str, name: str, relay: str) -> str:
    """The query of the redirect binding, with its signature."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = packer.compress(message.encode()) + packer.flush()
    query = urlencode({name: base64.b64encode(packed).decode(), "RelayState": relay, "SigAlg": RSA_SHA256})
    signature = identity.key.sign(query.encode(), padding.PKCS1v15(), hashes.SHA256())
    return f"{query}&Signature={quote(base64.b64encode(signature).decode(), safe='')}"


def response(identity: Identity, issuer: str, audience: str, *, status: str = "Success", skew: int = 0) -> str:
    """A signed response in base64. ``status``: ``Success``, or a status and its second level, such as
    ``Responder/AuthnFailed``. ``skew``: by how many seconds the issuer's clock is ahead."""
    first, _, second = status.partition("/")
    inner = f'<samlp:StatusCode Value="{_STATUS}{second}"/>' if second else ""
    at = now() + datetime.timedelta(seconds=skew)
    body = _assertion(issuer, audience, at) if first == "Success" else ""
    document = (
        f'<samlp:Response xmlns:samlp="{_PROTOCOL}" xmlns:saml="{_ASSERTION}" ID="_{secrets.token_hex(16)}" '
        f'Version="2.0" IssueInstant="{instant(at)}" Destination="{audience}/acs" '
        f'InResponseTo="_{secrets.token_hex(16)}">'
        f'<saml:Issuer>{issuer}</saml:Issuer><samlp:Status><samlp:StatusCode Value="{_STATUS}{first}">{inner}'
        f"</samlp:StatusCode></samlp:Status>{body}</samlp:Response>"
    )
    return base64.b64encode(identity.signed(document)).decode()


def _assertion(issuer: str, audience: str, at: datetime.datetime) -> str:
    values = {"mail": "maria.lind@cedar.example", "eduPersonEntitlement": "urn:mace:cedar.example:staff"}
    attributes = "".join(
        f'<saml:Attribute Name="{name}"><saml:AttributeValue>{value}</saml:AttributeValue></saml:Attribute>'
        for name, value in values.items()
    )
    return (
        f'<saml:Assertion ID="_{secrets.token_hex(16)}" Version="2.0" IssueInstant="{instant(at)}">'
        f"<saml:Issuer>{issuer}</saml:Issuer><saml:Subject><saml:NameID>{secrets.token_urlsafe(18)}</saml:NameID>"
        f"</saml:Subject>"
        f'<saml:Conditions NotBefore="{instant(at)}" NotOnOrAfter="{instant(at + SHORT)}"><saml:AudienceRestriction>'
        f"<saml:Audience>{audience}/metadata</saml:Audience></saml:AudienceRestriction></saml:Conditions>"
        f"<saml:AttributeStatement>{attributes}</saml:AttributeStatement></saml:Assertion>"
    )
