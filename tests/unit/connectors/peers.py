"""Outside systems that misbehave on real sockets."""

from __future__ import annotations

import datetime
import ipaddress
import json
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from handrail.connectors.config import HttpConfig
from handrail.connectors.http import Client
from handrail.kernel.secrets import Secrets

Handler = Callable[["Peer", socket.socket], None]


class Peer:
    """A server that does with each connection what the test says, and remembers what it was sent."""

    def __init__(self, handler: Handler, *, tls: ssl.SSLContext | None = None) -> None:
        self._handler = handler
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        self.connections = 0
        self.requests: list[bytes] = []
        self.over = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                conn, _ = self._listener.accept()
                self.connections += 1
                threading.Thread(target=self._serve, args=(conn,), daemon=True).start()

    def _serve(self, conn: socket.socket) -> None:
        with suppress(OSError), conn:
            if self._tls is not None:
                conn = self._tls.wrap_socket(conn, server_side=True)
            with conn:
                self._handler(self, conn)

    def hear(self, conn: socket.socket) -> bytes:
        """One whole request; empty when the other side hung up."""
        data = b""
        while b"\r\n\r\n" not in data:
            more = conn.recv(65536)
            if not more:
                return b""
            data += more
        head, _, body = data.partition(b"\r\n\r\n")
        length = next(
            (int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0
        )
        while len(body) < length:
            body += conn.recv(65536)
        self.requests.append(head + b"\r\n\r\n" + body)
        return self.requests[-1]

    def close(self) -> None:
        self.over.set()
        # Waking the accept is what lets its thread end.
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@contextmanager
def peer(handler: Handler, *, tls: ssl.SSLContext | None = None) -> Iterator[Peer]:
    server = Peer(handler, tls=tls)
    try:
        yield server
    finally:
        server.close()


def client(url: str, **settings: Any) -> Client:
    secrets = settings.pop("secrets", Secrets({}))
    extra = {key: settings.pop(key) for key in ("resolver",) if key in settings}
    settings.setdefault("deadline_seconds", 5.0)
    return Client(HttpConfig(kind="rest", base_url=url, **settings), secrets, **extra)


def response(status: int = 200, body: bytes = b"{}", *headers: str, content_type: str = "application/json") -> bytes:
    lines = [f"HTTP/1.1 {status} Some", f"Content-Length: {len(body)}", f"Content-Type: {content_type}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


def answering(*answers: bytes) -> Handler:
    """Each request gets the next answer; the last one again and again. Connections are kept."""
    turn = iter(answers)
    last = answers[-1]

    def handle(server: Peer, conn: socket.socket) -> None:
        while server.hear(conn):
            conn.sendall(next(turn, last))

    return handle


def answering_json(value: Any, status: int = 200, *headers: str) -> Handler:
    return answering(response(status, json.dumps(value).encode(), *headers))


def hear_then_hang(server: Peer, conn: socket.socket) -> None:
    server.hear(conn)
    server.over.wait(30)


def hang(server: Peer, conn: socket.socket) -> None:
    server.over.wait(30)


def reset(conn: socket.socket) -> None:
    """End the connection with RST rather than FIN."""
    conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    conn.close()


def dripping(start: bytes, byte: bytes = b"x", every_seconds: float = 0.05) -> Handler:
    """``start`` at once, then one byte every so often, for ever."""

    def handle(server: Peer, conn: socket.socket) -> None:
        server.hear(conn)
        conn.sendall(start)
        while not server.over.wait(every_seconds):
            conn.sendall(byte)

    return handle


def certificate(directory: Path, *, host: str = "127.0.0.1") -> tuple[ssl.SSLContext, Path]:
    """A server context with a self-signed certificate for ``host``, and the PEM file that would make it trusted."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "peer")])
    try:
        alternative: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        alternative = x509.DNSName(host)
    now = datetime.datetime.now(datetime.UTC)
    cert = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([alternative]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    cert_file, key_file = directory / "cert.pem", directory / "key.pem"
    cert_file.write_bytes(cert.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert_file, key_file)
    return context, cert_file
