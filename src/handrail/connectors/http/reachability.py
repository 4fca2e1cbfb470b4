"""What one probing GET says about a target, and what to fix."""

from __future__ import annotations

from dataclasses import replace

from handrail.connectors.finding import Finding
from handrail.connectors.http import freshness
from handrail.connectors.http.answers import describe
from handrail.connectors.http.client import Client, Exchange
from handrail.connectors.outcome import Failure

_FIXES = {
    Failure.DNS: "Check the host name in base_url, and the name servers of this machine.",
    Failure.CONNECT: "Check host and port in base_url, that the service runs, and that no firewall refuses.",
    Failure.TLS: "Check that the certificate is valid for the host in base_url; for a private CA set ca_file.",
    Failure.TIMEOUT_BEFORE_SEND: "Check host and port in base_url, and that no firewall drops the packets.",
    Failure.TIMEOUT_AFTER_SEND: "The service accepts but does not answer: look at it, or raise deadline_seconds.",
    Failure.CONNECTION_LOST: "It hangs up: check that scheme and port in base_url are those of its HTTP server.",
    Failure.TOO_LARGE: "Set check_path to something smaller, or raise max_bytes.",
    Failure.NOT_JSON: "Check that base_url is the API and not a page for people.",
    Failure.REDIRECT: "Set base_url to where the redirect leads.",
}
_CACHED = "Let requests with Cache-Control: no-cache pass the gateway's cache: what is read from it doesn't count."
_UNAUTHORIZED = frozenset({401, 403})
_NOT_FOUND = 404
_SERVER_ERROR = 500


def probe(name: str, client: Client, path: str, *, must_exist: bool) -> Finding:
    """One GET of ``path``. Any answer but 401, 403, 5xx and redirects will do, and 404 unless it ``must_exist``."""
    exchange = client.send("GET", path)
    finding = judge(name, exchange, path, must_exist=must_exist)
    if finding.ok and freshness.is_from_before(exchange.headers, exchange.seconds):
        return replace(finding, message=f"{finding.message} It came out of a cache.", fix=_CACHED)
    return finding


def judge(name: str, exchange: Exchange, path: str, *, must_exist: bool) -> Finding:
    """The finding about an exchange that was made to see whether a target answers."""
    # The probe looks at reachability: a large page is an answer.
    if exchange.failure is not None and exchange.failure is not Failure.TOO_LARGE:
        words = describe(exchange.failure)
        return Finding(name, ok=False, message=f"Not usable: {words}.", fix=_FIXES[exchange.failure])
    status = exchange.status or 0
    message = f"GET {path} answered with status {status}."
    if status in _UNAUTHORIZED:
        return Finding(name, ok=False, message=message, fix="Check auth: the secret is wrong, or lacks permission.")
    if status >= _SERVER_ERROR:
        return Finding(name, ok=False, message=message, fix="The service has a fault of its own: ask its operator.")
    if must_exist and status == _NOT_FOUND:
        return Finding(name, ok=False, message=message, fix="Check the path in base_url and the paths beside it.")
    return Finding(name, ok=True, message=message)
