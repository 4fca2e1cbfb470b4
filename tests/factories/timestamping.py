"""A time-stamp service: ``openssl ts -reply`` behind a small HTTP server, with a certificate authority of its own."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import ThreadingHTTPServer
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from handrail.anchoring.services import AnchorServices, configured
from handrail.audit import anchors
from handrail.audit.anchors import AnchorTrust
from handrail.audit.stamps import ANSWER_TYPE, StampTrust
from handrail.connectors.anchors import TimestampService
from tests.factories.http_server import JsonHandler, running
from tests.factories.witnesses import client

POLICY = "1.3.6.1.4.1.99999.1"
CONFIG = f"""
[tsa]
default_tsa = it
[it]
serial = ./serial
signer_digest = sha256
default_policy = {POLICY}
digests = sha256, sha512
accuracy = secs:1, millisecs:500
ess_cert_id_alg = sha256
"""


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


@dataclass(frozen=True)
class Authority:
    """Files in ``folder``: ``ca.pem``, ``tsa.pem``, ``tsa.key`` and OpenSSL's configuration."""

    folder: Path

    @classmethod
    def made(cls, folder: Path, *, ended: bool = False, usage: bool = True) -> Authority:
        """``ended``: its certificate has expired. ``usage``: it is for time stamps."""
        folder.mkdir()
        now = datetime.now(UTC)
        root, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
        until = now - timedelta(days=1) if ended else now + timedelta(days=9)
        ca = _builder("authority", "authority", root.public_key(), now + timedelta(days=9)).add_extension(
            x509.BasicConstraints(ca=True, path_length=None), critical=True
        )
        tsa = _builder("service", "authority", key.public_key(), until)
        if usage:
            tsa = tsa.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True)
        (folder / "ca.pem").write_bytes(ca.sign(root, hashes.SHA256()).public_bytes(Encoding.PEM))
        (folder / "tsa.pem").write_bytes(tsa.sign(root, hashes.SHA256()).public_bytes(Encoding.PEM))
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (folder / "tsa.key").write_bytes(pem)
        (folder / "tsa.conf").write_text(CONFIG)
        (folder / "serial").write_text("01")
        return cls(folder)

    def trust(self, policy: str = POLICY) -> StampTrust:
        return StampTrust(x509.load_pem_x509_certificates((self.folder / "ca.pem").read_bytes()), policy)

    def reply(self, query: bytes) -> bytes:
        """What the service answers to a TimeStampReq."""
        (self.folder / "query").write_bytes(query)
        files = "-config tsa.conf -queryfile query -signer tsa.pem -inkey tsa.key -chain ca.pem -out reply"
        subprocess.run(["openssl", "ts", "-reply", *files.split()], cwd=self.folder, check=True, capture_output=True)
        return (self.folder / "reply").read_bytes()


def _builder(subject: str, issuer: str, key: ec.EllipticCurvePublicKey, until: datetime) -> x509.CertificateBuilder:
    begin = datetime.now(UTC) - timedelta(days=20)
    return (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(issuer))
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(until)
    )


Answer = Callable[[bytes], tuple[int, str, bytes]]


class _Service(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, answer: Answer) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer = answer
        self.asked: list[bytes] = []


class _Handler(JsonHandler):
    server: _Service

    def do_POST(self) -> None:
        query = self.rfile.read(int(self.headers["content-length"]))
        assert self.headers["content-type"] == "application/timestamp-query"
        self.server.asked.append(query)
        status, kind, body = self.server.answer(query)
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def honest(authority: Authority) -> Answer:
    return lambda query: (200, ANSWER_TYPE, authority.reply(query))


@contextmanager
def stamping(answer: Answer, trust: StampTrust, *, every: float = 3600) -> Iterator[list[bytes]]:
    """This process has its checkpoints stamped; gives the requests."""
    with running(_Service(answer)) as server:
        url = f"http://127.0.0.1:{server.server_address[1]}/tsr"
        services = AnchorServices({}, {"tsa": TimestampService("tsa", client(url), every_seconds=every)})
        with anchors.trust.use(AnchorTrust(services={"tsa": trust})), configured.use(services):
            yield server.asked
