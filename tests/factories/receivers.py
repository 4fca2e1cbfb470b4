"""Real receivers of notifications: a mail server, and an HTTP server that keeps what it is sent."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

from handrail.connectors.channels.config import MailSection
from handrail.connectors.channels.smtp import Smtp
from handrail.kernel.secrets import Secrets
from tests.factories.http_server import JsonHandler, running

PASSWORD = "correct horse"


@dataclass
class Mailbox:
    """What a mail server has taken. ``answers``: what the next messages meet at their end, then 250."""

    messages: list[EmailMessage] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)
    refused: frozenset[str] = frozenset()

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        if address in self.refused:
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if self.answers:
            return self.answers.pop(0)
        self.raw.append(envelope.content)
        found = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(found, EmailMessage)
        self.messages.append(found)
        return "250 queued as 4XyZ"


class _AnyPort(Controller):
    """On a port that the system chooses."""

    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@contextmanager
def mail_server(
    mailbox: Mailbox, context: ssl.SSLContext | None = None, *, implicit: bool = False, login: bool = True
) -> Iterator[int]:
    """A mail server on this machine, with TLS if there is a ``context``; its port."""

    def known(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        return AuthResult(success=isinstance(data, LoginPassword) and data.password == PASSWORD.encode())

    controller = _AnyPort(
        mailbox,
        hostname="127.0.0.1",
        port=0,
        ssl_context=context if implicit else None,
        tls_context=None if implicit else context,
        require_starttls=context is not None and not implicit,
        authenticator=known,
        auth_required=login and context is not None,
        ready_timeout=30,
        server_hostname="localhost",
    )
    controller.start()
    try:
        yield int(controller.port)
    finally:
        controller.stop()


def smtp(port: int, ca_file: Path | None, **own: Any) -> Smtp:
    given = {"host": "127.0.0.1", "port": port, "sender": "handrail@example.com", "ca_file": ca_file}
    login = {"username": "handrail", "password": "env:MAIL"}
    section = MailSection.model_validate({**given, **login, **own})
    return Smtp(section, Secrets({"MAIL": PASSWORD}))


@dataclass
class Heard:
    """A request as it came in."""

    path: str
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class HookServer(ThreadingHTTPServer):
    """Keeps what it is sent. ``answers``: status, headers and body of the next ones; then 200 and ``ok``."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Hook)
        self.heard: list[Heard] = []
        self.answers: list[tuple[int, dict[str, str], bytes]] = []
        self.usual: tuple[int, dict[str, str], bytes] = (200, {}, b"ok")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Hook(JsonHandler):
    server: HookServer

    def do_GET(self) -> None:
        self._answer(404, {}, b"")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", "0")))
        self.server.heard.append(Heard(self.path, {k.lower(): v for k, v in self.headers.items()}, body))
        self._answer(*(self.server.answers.pop(0) if self.server.answers else self.server.usual))

    def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        if status == 0:  # it hangs up
            self.connection.close()
            return
        self.send_response(status)
        for name, value in {**headers, "content-length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def hook_server() -> Iterator[HookServer]:
    with running(HookServer()) as server:
        yield server
