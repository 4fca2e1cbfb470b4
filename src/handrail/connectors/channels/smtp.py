"""One e-mail to an SMTP server: all of it on one clock, and an honest word on whether it was taken.

Until the server has the whole message (RFC 5321, the answer to the final dot) it has nothing. So what fails before the
message begins to be sent was certainly not taken, and what is lost after that may have been.
"""

from __future__ import annotations

import os
import re
import smtplib
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from time import monotonic

from handrail.connectors.channels.config import MailSection
from handrail.connectors.channels.message import RECEIPT_LIMIT, Sent, SentVerdict
from handrail.connectors.http import describe
from handrail.connectors.http.clock import Clock, NotReached, OutOfTime, current_clock, running
from handrail.connectors.http.network import TimedBackend
from handrail.connectors.http.resolver import Resolver
from handrail.connectors.outcome import Failure
from handrail.kernel.errors import Misconfigured
from handrail.kernel.hostile import clean_text
from handrail.kernel.secrets import KeptSecret, Secrets

_RESOLVER = Resolver()
_GO_ON, _TAKEN, _TEMPORARY, _PERMANENT, _LAST, _WRONG_LOGIN = 354, 250, 400, 500, 599, 535
_DOT = re.compile(rb"(?m)^\.")


class _Connection(smtplib.SMTP):
    """``smtplib``'s, over a socket whose waits together take no longer than the clock allows: it is cut when the
    deadline has come, since a server that answers a byte at a time never lets a socket's own time limit pass."""

    def __init__(self, host: str, port: int, context: ssl.SSLContext | None) -> None:
        self._wrapped_by = context
        self._twin: socket.socket | None = None
        self._timer: threading.Timer | None = None
        try:
            super().__init__(host, port)
        except BaseException:
            self.end()
            raise

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:  # noqa: ARG002 - smtplib's
        clock, stream = current_clock(), TimedBackend(_RESOLVER).connect_tcp(host, port)
        if self._wrapped_by is not None:
            stream = stream.start_tls(self._wrapped_by, host)
        found: socket.socket = stream.get_extra_info("socket")
        found.settimeout(clock.remaining_seconds())
        self._twin = socket.socket(fileno=os.dup(found.fileno()))
        self._timer = threading.Timer(clock.remaining_seconds(), self._cut)
        self._timer.daemon = True
        self._timer.start()
        return found

    def end(self) -> None:
        """Closes it, and stops its clock."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer.join()
        if self._twin is not None:
            self._twin.close()
        self.close()

    def _cut(self) -> None:
        if self._twin is not None:
            with suppress(OSError):
                self._twin.shutdown(socket.SHUT_RDWR)


class Smtp:
    """The configured server. Safe to share between threads; each message has a connection of its own."""

    def __init__(self, section: MailSection, secrets: Secrets) -> None:
        """Resolves the password and reads the CA file; calls nobody. Raises Misconfigured."""
        self.section = section
        self._password = KeptSecret(section.password, secrets) if section.password else None
        try:
            self._context = ssl.create_default_context(cafile=str(section.ca_file) if section.ca_file else None)
        except (OSError, ssl.SSLError) as error:
            message = f"ca_file {section.ca_file} can't be used: {type(error).__name__}. It must be a PEM file."
            raise Misconfigured(message, code="ca-file") from None
        self._context.minimum_version = ssl.TLSVersion.TLSv1_2

    def send(self, content: bytes, recipients: tuple[str, ...]) -> Sent:
        """``content``: the message with CRLF line ends. Once; never raises for what the server or network does."""
        begun = [False]
        try:
            with self._connected() as connection:
                refused = self._addressed(connection, recipients)
                if isinstance(refused, Sent):
                    return refused
                begun[0] = True
                return _given(connection, content, refused, len(recipients))
        except NotReached as error:
            return Sent(SentVerdict.LATER, describe(error.failure))
        except (OutOfTime, TimeoutError):
            failure = Failure.TIMEOUT_AFTER_SEND if begun[0] else Failure.TIMEOUT_BEFORE_SEND
            return Sent(SentVerdict.UNKNOWN if begun[0] else SentVerdict.LATER, describe(failure))
        except smtplib.SMTPResponseException as error:
            return _answered(error.smtp_code)
        except smtplib.SMTPNotSupportedError:
            return Sent(SentVerdict.LATER, "it does not offer what [mail] asks for: STARTTLS or a login")
        except ssl.SSLError:
            return Sent(SentVerdict.UNKNOWN if begun[0] else SentVerdict.LATER, describe(Failure.TLS))
        except (OSError, smtplib.SMTPException):
            lost = "the connection was lost before the message was taken"
            return Sent(SentVerdict.UNKNOWN if begun[0] else SentVerdict.LATER, lost)

    def probe(self) -> str:
        """Connects and logs in, and sends nothing. Empty where that works, else why not, as the end of a sentence."""
        try:
            with self._connected():
                return ""
        except NotReached as error:
            return describe(error.failure)
        except smtplib.SMTPResponseException as error:
            return _answered(error.smtp_code).words
        except (OutOfTime, TimeoutError):
            return describe(Failure.TIMEOUT_BEFORE_SEND)
        except smtplib.SMTPNotSupportedError:
            return "it does not offer what [mail] asks for: STARTTLS or a login"
        except ssl.SSLError:
            return describe(Failure.TLS)
        except (OSError, smtplib.SMTPException):
            return "it hung up"

    @contextmanager
    def _connected(self) -> Iterator[_Connection]:
        """A connection that is encrypted and logged in as configured. It is cut when the deadline has come."""
        section, clock = self.section, Clock(monotonic() + self.section.deadline_seconds)
        implicit = self._context if section.tls == "implicit" else None
        with running(clock):
            connection = _Connection(section.host, section.port, implicit)
            try:
                connection.ehlo_or_helo_if_needed()
                if section.tls == "starttls":
                    connection.starttls(context=self._context)
                    connection.ehlo_or_helo_if_needed()
                if section.username is not None and self._password is not None:
                    connection.login(section.username, self._password.current().reveal())
                yield connection
            finally:
                connection.end()

    def _addressed(self, connection: _Connection, recipients: tuple[str, ...]) -> int | Sent:
        """How many recipients were refused; what came of it where nobody is left or the server is not willing."""
        code, _ = connection.mail(self.section.sender)
        if code != _TAKEN:
            return _answered(code)
        codes = [connection.rcpt(recipient)[0] for recipient in recipients]
        refused = [code for code in codes if code not in (_TAKEN, _TAKEN + 1)]
        if len(refused) == len(codes):
            return _answered(min(refused))
        code, _ = connection.docmd("DATA")
        return len(refused) if code == _GO_ON else _answered(code)


def _given(connection: _Connection, content: bytes, refused: int, many: int) -> Sent:
    connection.send(_DOT.sub(b"..", content) + (b"" if content.endswith(b"\r\n") else b"\r\n") + b".\r\n")
    try:
        code, text = connection.getreply()
    except smtplib.SMTPResponseException:  # a line longer than smtplib reads, whatever it says
        return Sent(SentVerdict.UNKNOWN, describe(Failure.CONNECTION_LOST))
    if _TEMPORARY <= code <= _LAST:
        return _answered(code)
    if code != _TAKEN:  # an answer that was cut short says nothing
        return Sent(SentVerdict.UNKNOWN, describe(Failure.CONNECTION_LOST))
    with suppress(OSError, smtplib.SMTPException):
        connection.quit()
    words = f"{refused} of {many} recipients were not accepted" if refused else ""
    return Sent(SentVerdict.DELIVERED, words, receipt=clean_text(text.decode("utf-8", "replace"), limit=RECEIPT_LIMIT))


def _answered(code: int) -> Sent:
    words = f"it answered with code {code}"
    if code == _WRONG_LOGIN:
        return Sent(SentVerdict.LATER, f"{words}: the credentials are wrong")
    return Sent(SentVerdict.REFUSED if code >= _PERMANENT else SentVerdict.LATER, words)
