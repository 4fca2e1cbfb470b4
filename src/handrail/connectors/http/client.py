"""The one way out of Handrail over HTTP: one total deadline per call, and an honest word on whether it was sent.

- Name look-up, connect, TLS, sending, and every byte of the answer run on one clock (``network``, ``resolver``).
- Redirects are never followed, proxies in the environment never used, certificates always verified.
- Safe methods ask caches on the way to ask the origin (``freshness``), unless the caller gives other headers.
- Only the allowed origins are called (``urls``); the decoded body is capped (``body``).
- Credentials from a file are read again once it has changed (``credentials``). A safe method that meets a 401 while
  they change is asked once more with the new ones, within the same deadline; no other method is sent twice.
- Safe methods share kept-alive connections between threads. A kept connection that turns out to be dead is replaced
  once, within the same deadline. Any other method opens a connection of its own: on a kept one, "lost" could mean that
  the server had closed it before our request, and the verdict would be "unknown" for nothing.
- The pool has no size limit and so no queue: calls that hang on one peer never make others wait. How many calls there
  are at once is bounded by the threads of the process, each call by its deadline.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from time import monotonic
from typing import cast

import httpcore2
import httpx2

from handrail.connectors.config import MAX_DEADLINE_SECONDS, HttpConfig
from handrail.connectors.http import freshness, pacing
from handrail.connectors.http.body import Garbled, TooLarge, gather
from handrail.connectors.http.clock import Clock, NotReached, OutOfTime, running
from handrail.connectors.http.credentials import Credentials
from handrail.connectors.http.network import TimedBackend
from handrail.connectors.http.resolver import Resolver
from handrail.connectors.http.urls import QueryValues, target_url
from handrail.connectors.outcome import Failure
from handrail.kernel.errors import Misconfigured
from handrail.kernel.secrets import Secrets

USER_AGENT = "handrail"
KEEP_ALIVE_SECONDS = 4.0  # under the 5 s after which common servers hang up
MAX_IDLE = 16
MAX_HEADER = 2000
# Long where cursors are long; without it, the first page of a list would look like the whole.
_LONG_HEADERS = frozenset({"link", "x-pagination"})
_SAFE_METHODS = frozenset({"GET", "HEAD"})
_NOT_MODIFIED = 304
_UNAUTHORIZED = 401

# One for the process: a name whose server is silent is then asked for once, for all callers.
_RESOLVER = Resolver()


@dataclass(frozen=True, slots=True)
class Exchange:
    """What came of one call, before anybody understood the body.

    ``status``, ``headers`` (lower-case names; repeated ones joined by ", "; values over 2000 characters left out, but
    ``link``) and ``body`` (decoded) are there when ``failure`` is None; ``status`` and ``headers`` also when
    ``failure.answered``. ``may_pass``: the target refused credentials that come from a file, and may be ahead of it.
    """

    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    failure: Failure | None = None
    seconds: float = 0.0
    may_pass: bool = False


class Client:
    """Calls one configured target. Safe to share between threads."""

    def __init__(self, config: HttpConfig, secrets: Secrets, *, resolver: Resolver = _RESOLVER) -> None:
        """Resolves the secrets and reads the CA file; calls nobody. Raises Misconfigured."""
        self._config = config
        self._credentials = Credentials(config.auth, secrets)
        context, backend = _ssl_context(config), TimedBackend(resolver)
        self._kept = httpcore2.ConnectionPool(
            ssl_context=context,
            network_backend=backend,
            max_connections=None,
            max_keepalive_connections=MAX_IDLE,
            keepalive_expiry=KEEP_ALIVE_SECONDS,
        )
        self._single = httpcore2.ConnectionPool(
            ssl_context=context, network_backend=backend, max_connections=None, max_keepalive_connections=0
        )

    @property
    def config(self) -> HttpConfig:
        return self._config

    def send(
        self,
        method: str,
        path: str,
        *,
        query: QueryValues | None = None,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        deadline_seconds: float | None = None,
        max_bytes: int | None = None,
    ) -> Exchange:
        """One call: ``path`` below the base URL (already percent-encoded), or an absolute URL of an allowed origin.

        ``deadline_seconds`` and ``max_bytes`` stand in for the configured ones; the deadline is at most 60 s. Returns
        whatever happened on the wire; raises Misconfigured only for what could not be sent at all: ``refused-path``,
        ``refused-origin``, ``refused-headers``; and NoTurn (``pacing``) for a further request that came too late.
        """
        waited = pacing.next_request()
        started = monotonic()
        url = target_url(self._config.base_url, self._config.origins, path, query)
        limit = self._config.max_bytes if max_bytes is None else max_bytes
        within = min(deadline_seconds or self._config.deadline_seconds, MAX_DEADLINE_SECONDS) - waited
        safe = method in _SAFE_METHODS

        def once(auth: Mapping[str, str]) -> Exchange:
            sent = self._headers(url, headers or {}, content, auth, close=not safe)
            request = httpcore2.Request(method, url, headers=sent, content=content or b"")
            return self._over(request, safe=safe, limit=limit, until=started + within)

        auth = self._credentials.headers()
        exchange = once(auth)
        if exchange.status == _UNAUTHORIZED and self._credentials.rotate:
            fresh = self._credentials.headers()
            if safe and fresh != auth:
                exchange = once(fresh)
            exchange = replace(exchange, may_pass=exchange.status == _UNAUTHORIZED)
        return replace(exchange, seconds=monotonic() - started)

    def _over(self, request: httpcore2.Request, *, safe: bool, limit: int, until: float) -> Exchange:
        call = _Call(request=request, limit=limit, clock=Clock(until))
        exchange = call.over(self._kept if safe else self._single)
        if safe and exchange.failure is not None and call.met_dead_connection(exchange.failure):
            exchange = _Call(request=request, limit=limit, clock=Clock(until)).over(self._single)
        return exchange

    def close(self) -> None:
        """Close idle connections. The client may be used again afterwards."""
        self._kept.close()
        self._single.close()

    def _headers(
        self,
        url: httpcore2.URL,
        given: Mapping[str, str],
        content: bytes | None,
        auth: Mapping[str, str],
        *,
        close: bool,
    ) -> list[tuple[bytes, bytes]]:
        merged = {
            "host": _host(url),
            "user-agent": USER_AGENT,
            "accept": "*/*",
            "accept-encoding": "gzip",
            **({"connection": "close"} if close else freshness.ASK_ORIGIN),
            **{name.lower(): value for name, value in given.items()},
            **({"content-length": str(len(content or b""))} if content is not None or close else {}),
            **auth,
        }
        try:
            return [(name.encode("ascii"), value.encode("ascii")) for name, value in merged.items()]
        except UnicodeEncodeError:
            raise Misconfigured("A header of a call is not plain ASCII.", code="refused-headers") from None


@dataclass(frozen=True, slots=True)
class _Call:
    request: httpcore2.Request
    limit: int
    clock: Clock

    def over(self, pool: httpcore2.ConnectionPool) -> Exchange:
        """Makes the call. Every way in which the wire can fail becomes an Exchange."""
        with running(self.clock):
            try:
                return self._exchange(pool)
            except OutOfTime:
                sent = self.clock.sent
                return Exchange(failure=Failure.TIMEOUT_AFTER_SEND if sent else Failure.TIMEOUT_BEFORE_SEND)
            except NotReached as error:
                return Exchange(failure=error.failure)
            except httpcore2.LocalProtocolError:
                if not self.clock.sent:
                    raise Misconfigured(
                        "A header of a call holds what HTTP does not allow.", code="refused-headers"
                    ) from None
                return Exchange(failure=Failure.CONNECTION_LOST)
            except (httpcore2.NetworkError, httpcore2.ProtocolError, Garbled):
                return Exchange(failure=Failure.CONNECTION_LOST if self.clock.sent else Failure.CONNECT)

    def met_dead_connection(self, failure: Failure) -> bool:
        """Whether a kept connection ended without a word, which says nothing about the server as it is now."""
        unheard = not self.clock.opened and not self.clock.heard
        return unheard and failure in {Failure.CONNECTION_LOST, Failure.CONNECT}

    def _exchange(self, pool: httpcore2.ConnectionPool) -> Exchange:
        response = pool.handle_request(self.request)
        try:
            headers = _headers_of(response.headers)
            status = response.status
            if 300 <= status < 400 and status != _NOT_MODIFIED:  # noqa: PLR2004 - the redirect class of HTTP
                return Exchange(status, headers, failure=Failure.REDIRECT)
            try:
                body = gather(
                    cast("Iterable[bytes]", response.stream),
                    encoding=headers.get("content-encoding", ""),
                    declared=headers.get("content-length"),
                    limit=self.limit,
                )
            except TooLarge:
                return Exchange(status, headers, failure=Failure.TOO_LARGE)
            return Exchange(status, headers, body)
        finally:
            response.close()


def _headers_of(raw: list[tuple[bytes, bytes]]) -> dict[str, str]:
    joined: dict[str, str] = {}
    for name_bytes, value_bytes in raw:
        name, value = name_bytes.decode("ascii").lower(), value_bytes.decode("latin-1")
        joined[name] = f"{joined[name]}, {value}" if name in joined else value
    return {name: value for name, value in joined.items() if len(value) <= MAX_HEADER or name in _LONG_HEADERS}


def _host(url: httpcore2.URL) -> str:
    host = url.host.decode("ascii")
    host = f"[{host}]" if ":" in host else host
    return host if (url.scheme, url.port) in {(b"http", 80), (b"https", 443)} else f"{host}:{url.port}"


def _ssl_context(config: HttpConfig) -> ssl.SSLContext:
    """``ca_file`` alone where it is given, the system's trust store otherwise; never what the environment says."""
    if config.ca_file is None:
        return _system_context()
    try:
        context = ssl.create_default_context(cafile=str(config.ca_file))
    except (OSError, ssl.SSLError) as error:
        raise Misconfigured(
            f"ca_file {config.ca_file} can't be used: {type(error).__name__}. It must be a PEM file.",
            code="ca-file",
        ) from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


@cache
def _system_context() -> ssl.SSLContext:
    """One for all clients of the process: reading the system's trust store takes longer than a call."""
    context = httpx2.create_ssl_context(trust_env=False)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
