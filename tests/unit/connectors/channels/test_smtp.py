"""E-mail against a real server with TLS, and against servers that break off, lie or dawdle."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from handrail.connectors.channels import ChannelMessage, EmailChannel, SentVerdict
from handrail.connectors.channels.config import MailSection
from tests.factories.receivers import Mailbox, mail_server, smtp
from tests.unit.connectors.peers import certificate

MESSAGE = ChannelMessage(
    key="NTF-7K3M9QX2ZA",
    title="A run stopped: EXC-1 (flip-switch: owner-mismatch)",
    lines=("Nobody has it.", ".a line that begins with a dot"),
    link="https://handrail.example.com/admin/exceptions/EXC-1",
    values={"owner": "<b>ten & two</b>"},
)
TO = ("on-call@example.com",)
Script = Callable[[socket.socket], None]


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> tuple[object, Path]:
    return certificate(tmp_path_factory.mktemp("tls"))


@pytest.mark.parametrize("mode", ["starttls", "implicit"])
def test_a_message_is_taken_once_over_tls_as_text_and_html(tls: tuple[object, Path], mode: str) -> None:
    context, ca_file = tls
    mailbox = Mailbox()
    with mail_server(mailbox, context, implicit=mode == "implicit", login=mode == "starttls") as port:  # type: ignore[arg-type]
        own = {} if mode == "starttls" else {"username": None, "password": None}
        sent = EmailChannel(smtp(port, ca_file, tls=mode, **own), TO).send(MESSAGE)
    assert (sent.verdict, sent.words, sent.receipt) == (SentVerdict.DELIVERED, "", "queued as 4XyZ")
    (mail,) = mailbox.messages
    assert mail["Message-ID"] == "<NTF-7K3M9QX2ZA@example.com>"
    assert mail["Auto-Submitted"] == "auto-generated"
    text, html = (mail.get_body(kind) for kind in (("plain",), ("html",)))
    assert text is not None
    assert html is not None
    assert MESSAGE.link in text.get_content()
    assert "\n.a line that begins with a dot" in text.get_content()
    assert f'href="{MESSAGE.link}"' in html.get_content()
    assert "&lt;b&gt;ten &amp; two&lt;/b&gt;" in html.get_content()


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        ("451 try again later", SentVerdict.LATER),
        ("552 too large", SentVerdict.REFUSED),
        ("421 shutting down", SentVerdict.LATER),
    ],
)
def test_what_the_server_says_at_the_end_counts(tls: tuple[object, Path], answer: str, verdict: SentVerdict) -> None:
    context, ca_file = tls
    mailbox = Mailbox(answers=[answer])
    with mail_server(mailbox, context) as port:  # type: ignore[arg-type]
        sent = EmailChannel(smtp(port, ca_file), TO).send(MESSAGE)
    assert (sent.verdict, sent.words) == (verdict, f"it answered with code {answer[:3]}")


def test_an_answer_too_long_to_read_says_nothing_of_a_message_that_was_sent(tls: tuple[object, Path]) -> None:
    context, ca_file = tls
    mailbox = Mailbox(answers=["250 " + "x" * 9000])
    with mail_server(mailbox, context) as port:  # type: ignore[arg-type]
        sent = EmailChannel(smtp(port, ca_file), TO).send(MESSAGE)
    assert sent.verdict is SentVerdict.UNKNOWN


def test_no_server_is_given_eight_bits(tls: tuple[object, Path]) -> None:
    context, ca_file = tls
    mailbox = Mailbox()
    message = replace(MESSAGE, title="Ärger …", lines=("… and 3 more.",), values={"owner": "Übung"})
    with mail_server(mailbox, context) as port:  # type: ignore[arg-type]
        assert EmailChannel(smtp(port, ca_file), TO).send(message).verdict is SentVerdict.DELIVERED
    assert mailbox.raw[0].isascii()
    assert mailbox.messages[0]["Subject"] == "Ärger …"
    assert all("Übung" in part.get_content() for part in mailbox.messages[0].iter_parts())  # type: ignore[attr-defined]


def test_those_who_can_be_reached_are_and_the_others_are_counted(tls: tuple[object, Path]) -> None:
    context, ca_file = tls
    mailbox = Mailbox(refused=frozenset({"gone@example.com"}))
    with mail_server(mailbox, context) as port:  # type: ignore[arg-type]
        both = EmailChannel(smtp(port, ca_file), (*TO, "gone@example.com")).send(MESSAGE)
        nobody = EmailChannel(smtp(port, ca_file), ("gone@example.com",)).send(MESSAGE)
    assert (both.verdict, both.words) == (SentVerdict.DELIVERED, "1 of 2 recipients were not accepted")
    assert nobody.verdict is SentVerdict.REFUSED
    assert len(mailbox.messages) == 1


def test_a_wrong_password_and_an_unknown_certificate_send_nothing(tls: tuple[object, Path]) -> None:
    context, ca_file = tls
    mailbox = Mailbox()
    with mail_server(mailbox, context) as port:  # type: ignore[arg-type]
        stranger = EmailChannel(smtp(port, None), TO)
        assert stranger.send(MESSAGE).verdict is SentVerdict.LATER
        assert [one.ok for one in stranger.check()] == [False]
        assert [one.ok for one in EmailChannel(smtp(port, ca_file), TO).check()] == [True]
        wrong = smtp(port, ca_file, username="somebody", password="env:MAIL")
        wrong._password = None  # as if nobody had logged in
        assert EmailChannel(wrong, TO).send(MESSAGE).verdict is not SentVerdict.DELIVERED
    assert mailbox.messages == []


@contextmanager
def scripted(script: Script) -> Iterator[int]:
    """A server that speaks plainly and does as ``script`` says with its one connection."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError):
            connection, _ = listening.accept()
            with connection:
                script(connection)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listening.getsockname()[1]
    finally:
        listening.close()
        thread.join(5)


def spoken(*, until: str, then: Script) -> Script:
    """Answers each line as a server does; at the command ``until`` it does ``then``."""

    def script(connection: socket.socket) -> None:
        file = connection.makefile("rb")
        connection.sendall(b"220 here\r\n")
        data = False
        while line := file.readline():
            if data:
                if line == b".\r\n":
                    then(connection)
                    return
                continue
            word = line.split()[0].upper().decode()
            if word == until:
                then(connection)
                return
            if word == "DATA":
                data = True
                connection.sendall(b"354 go on\r\n")
            else:
                connection.sendall(b"250 OK\r\n")

    return script


def hang_up(connection: socket.socket) -> None:
    connection.shutdown(socket.SHUT_RDWR)


def dawdle(connection: socket.socket) -> None:
    """A byte at a time, so that no single wait is ever long."""
    for _ in range(100):
        connection.sendall(b"2")
        time.sleep(0.05)


PLAIN = {"tls": "none", "username": None, "password": None, "deadline_seconds": 0.6}


@pytest.mark.parametrize(
    ("until", "then", "verdict"),
    [
        ("MAIL", hang_up, SentVerdict.LATER),
        ("RCPT", hang_up, SentVerdict.LATER),
        ("DATA", hang_up, SentVerdict.LATER),
        (".", hang_up, SentVerdict.UNKNOWN),
        ("EHLO", dawdle, SentVerdict.LATER),
        (".", dawdle, SentVerdict.UNKNOWN),
    ],
)
def test_a_server_that_breaks_off_has_nothing_before_the_end_and_perhaps_all_at_it(
    until: str, then: Script, verdict: SentVerdict
) -> None:
    with scripted(spoken(until=until, then=then)) as port:
        sent = EmailChannel(smtp(port, None, **PLAIN), TO).send(MESSAGE)
    assert sent.verdict is verdict
    assert sent.words


def test_a_server_that_dawdles_over_its_first_word_is_left_at_the_deadline() -> None:
    with scripted(dawdle) as port:
        sent = EmailChannel(smtp(port, None, **PLAIN), TO).send(MESSAGE)
    assert sent.verdict is SentVerdict.LATER


def test_an_address_that_mail_can_not_have_is_refused() -> None:
    assert EmailChannel(smtp(1, None, **PLAIN), ("börk@example.com",)).send(MESSAGE).verdict is SentVerdict.REFUSED


def test_encryption_that_is_asked_for_is_never_left_out() -> None:
    seen: list[bytes] = []

    def script(connection: socket.socket) -> None:
        file = connection.makefile("rb")
        connection.sendall(b"220 here\r\n")
        while line := file.readline():
            seen.append(line)
            connection.sendall(b"250 OK\r\n")

    with scripted(script) as port:
        sent = EmailChannel(smtp(port, None, tls="starttls", deadline_seconds=2.0), TO).send(MESSAGE)
    assert sent.verdict is SentVerdict.LATER
    assert not any(line.upper().startswith((b"AUTH", b"MAIL")) for line in seen)


def test_nobody_listening_is_said_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    sent = EmailChannel(smtp(port, None, **PLAIN), TO).send(MESSAGE)
    assert (sent.verdict, sent.words) == (SentVerdict.LATER, "no connection could be made")


def test_plain_mail_is_for_this_machine_alone() -> None:
    with pytest.raises(ValueError, match="only for a server on this machine"):
        MailSection(host="smtp.example.com", tls="none", sender="handrail@example.com")
