"""The channels that speak HTTP: one POST through the transport of the connectors, and what its answer means."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from urllib.parse import parse_qsl, urlsplit

from pydantic import ValidationError

from handrail.connectors.channels.config import HttpChannelSection
from handrail.connectors.channels.message import Sent, SentVerdict
from handrail.connectors.config import HttpConfig
from handrail.connectors.finding import Finding
from handrail.connectors.http import Client, describe, judge, retry_after_seconds
from handrail.connectors.http.client import Exchange
from handrail.kernel.clock import now
from handrail.kernel.errors import Misconfigured
from handrail.kernel.secrets import Secrets

MAX_ANSWER = 64 * 1024
_OK, _REDIRECT, _ERROR = 200, 300, 500
# "Not now": it was turned away before anything was done.
_LATER = frozenset({423, 425, 429})
_UNAVAILABLE = 503
# A wrong credential is corrected on this side.
_OURS_TO_FIX = frozenset({401, 403, 407})
_TIMED_OUT = 408
Understand = Callable[[Exchange], str]


class Post:
    """One address. Safe to share between threads. The address may be a secret, so no message quotes it."""

    def __init__(self, section: HttpChannelSection, secrets: Secrets, *, url: str = "") -> None:
        """``url`` stands in for that of the section. Raises Misconfigured."""
        given = url or section.url
        self._address = secrets.resolve(given).reveal() if given.startswith(("env:", "file:")) else given
        parts = urlsplit(self._address)
        self._query = dict(parse_qsl(parts.query))
        try:
            config = HttpConfig(
                kind="channel",
                base_url=f"{parts.scheme}://{parts.netloc}",
                deadline_seconds=section.deadline_seconds,
                max_bytes=MAX_ANSWER,
                ca_file=section.ca_file,
                allow_plain_http=section.allow_plain_http,
            )
        except (ValidationError, ValueError) as error:
            raise Misconfigured(_unquoted(error, self._address), code="channel-url") from None
        self._path = parts.path or "/"
        self._client = Client(config, secrets)
        self.deadline_seconds = section.deadline_seconds

    def send(
        self,
        content: bytes,
        headers: Mapping[str, str],
        *,
        repeatable: bool,
        path: str | None = None,
        understood: Understand = lambda _: "",
    ) -> Sent:
        """``understood``: what a 2xx answer says against having been taken, in words; empty where it was."""
        exchange = self._client.send(
            "POST", self._path if path is None else path, query=self._query, headers=headers, content=content
        )
        return _sent(exchange, repeatable=repeatable, understood=understood)

    def check(self, name: str) -> list[Finding]:
        """A GET of the origin: whether it resolves, connects and has a valid certificate. Any answer will do."""
        exchange = self._client.send("GET", "/")
        if exchange.failure is not None and not exchange.failure.answered:
            return [judge(name, exchange, "/", must_exist=False)]
        return [Finding(name, ok=True, message="It can be reached. Nothing was sent.")]


def _sent(exchange: Exchange, *, repeatable: bool, understood: Understand) -> Sent:
    status, asked = exchange.status, retry_after_seconds(exchange.headers.get("retry-after"), now())
    if exchange.failure is not None and not exchange.failure.answered:
        words = describe(exchange.failure)
        lost = exchange.failure.sent and not repeatable
        return Sent(SentVerdict.UNKNOWN if lost else SentVerdict.LATER, words)
    assert status is not None  # it answered
    words = f"it answered with status {status}"
    if status in _LATER or status == _UNAVAILABLE:
        return Sent(SentVerdict.LATER, words, retry_after_seconds=asked)
    if status >= _ERROR or status == _TIMED_OUT:
        # It, or a proxy before it, may fail after the message was taken.
        return Sent(SentVerdict.LATER if repeatable else SentVerdict.UNKNOWN, words, retry_after_seconds=asked)
    if status in _OURS_TO_FIX:
        return Sent(
            SentVerdict.LATER, f"{words}: the credentials are wrong, or lack permission", retry_after_seconds=asked
        )
    if not _OK <= status < _REDIRECT:
        return Sent(SentVerdict.REFUSED, words)
    if against := understood(exchange):
        return Sent(SentVerdict.REFUSED, f"it answered with status {status}, and {against}")
    return Sent(SentVerdict.DELIVERED)


def _unquoted(error: Exception, address: str) -> str:
    """What is wrong with an address, without the address."""
    if "not encrypted" in str(error):
        return "The address is not encrypted; use https://, or set allow_plain_http = true if that network is trusted."
    scheme = urlsplit(address).scheme
    return f"The address can't be used: it must be an absolute https:// URL without user name, not {scheme or 'this'}."
