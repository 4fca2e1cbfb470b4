"""``har/v1``: an HTTP archive (HAR 1.2) rebuilt from an allow-list. http://www.softwareishard.com/blog/har-12-spec/

Nothing stays because it wasn't known to be bad; each value is built because its place and form are known to be safe.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Set
from http import HTTPStatus
from itertools import chain
from typing import Any

from handrail.packets.sanitise.context import SanitiseContext
from handrail.packets.sanitise.headers import Headers, mime
from handrail.packets.sanitise.redaction import Redaction, json_text
from handrail.packets.sanitise.urls import VALUE, Parameter, Urls
from handrail.packets.sanitise.vocabulary import METHODS, PROTOCOLS, words

CONTENT_TYPES = frozenset({"application/json", "application/har+json", "text/json", "application/octet-stream"})
_WHEN = re.compile(
    r"([0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-6][0-9](?:\.[0-9]{1,6})?)[0-9]{0,6}(Z|[+-][0-9]{2}:?[0-9]{2})"
)
_VERSION = re.compile(r"(?=(?:\.?[0-9]){1,11}$)[0-9]{1,3}(?:\.[0-9]{1,4}){0,3}")  # 12 digits are a card's number
_LARGEST = 1e11
_PAIR = frozenset({"name", "value"})
_PHASES = words(
    """
blocked dns connect send wait receive ssl _queued _blocked_queueing _blocked_proxy _workerStart _workerReady
"""
)
_PRODUCERS = (
    "WebInspector", "WebKit Web Inspector", "Chrome HAR Capturer", "Firefox", "Firebug", "Chrome", "Chromium", "Safari",
    "Edge", "Microsoft Edge", "Fiddler", "Charles Proxy", "mitmproxy har_dump.py", "mitmproxy", "Playwright", "webkit",
    "chromium", "firefox", "BrowserMob Proxy", "Proxyman", "Insomnia", "HTTP Toolkit", "Internet Explorer",
)  # fmt: skip
_ENTRY_WORDS = {
    "_priority": words("VeryLow Low Medium High VeryHigh Lowest Highest"),
    "_resourceType": words(
        "document stylesheet image media font script xhr fetch prefetch eventsource websocket manifest ping other "
        "preflight csp-report signed-exchange"
    ),
    "_fromCache": frozenset({"disk", "memory"}),
    "_fetchType": frozenset({"Network Load", "Memory Cache", "Disk Cache", "Service Worker"}),
    "_securityState": frozenset({"secure", "insecure", "broken", "weak"}),
}
_ERRORS = frozenset(
    f"net::ERR_{error}"
    for error in words(
        """
ABORTED ACCESS_DENIED BLOCKED_BY_CLIENT BLOCKED_BY_RESPONSE CACHE_MISS CERT_AUTHORITY_INVALID
CERT_COMMON_NAME_INVALID CERT_DATE_INVALID CERT_INVALID CERT_REVOKED CONNECTION_ABORTED CONNECTION_CLOSED
CONNECTION_REFUSED CONNECTION_RESET CONNECTION_TIMED_OUT EMPTY_RESPONSE FAILED HTTP2_PROTOCOL_ERROR
INTERNET_DISCONNECTED NAME_NOT_RESOLVED NETWORK_CHANGED QUIC_PROTOCOL_ERROR SSL_PROTOCOL_ERROR
SSL_VERSION_OR_CIPHER_MISMATCH TIMED_OUT TOO_MANY_REDIRECTS TUNNEL_CONNECTION_FAILED
"""
    )
)
_REQUEST_SAFE = words("method url httpVersion cookies headers queryString postData headersSize bodySize")
_RESPONSE_SAFE = words(
    """
status statusText httpVersion cookies headers content redirectURL headersSize bodySize _transferSize _error
"""
)
_ENTRY_SAFE = words(
    """
pageref startedDateTime time request response cache timings serverIPAddress connection _fromServiceWorker
"""
)
# Every key that an entry may keep.
KEYS = (
    _REQUEST_SAFE | _RESPONSE_SAFE | _ENTRY_SAFE | _PHASES | _ENTRY_WORDS.keys()
    | words("pageTimings onContentLoad onLoad beforeRequest afterRequest lastAccess hitCount compression")
)  # fmt: skip
# What a dropped key is called in the report; any other name is only "unlisted-key" or "vendor-key".
_ENTRY_RULES = {"_initiator": "initiator", "_webSocketMessages": "websocket-message", "comment": "comment"}


class Har:
    """One rebuilding. ``suspects`` are texts in which a first pass found a dropped value."""

    def __init__(self, context: SanitiseContext, suspects: frozenset[str] = frozenset()) -> None:
        self.redaction = Redaction(context)
        self.urls = Urls(self.redaction, suspects)
        self.headers = Headers(self.redaction, self.urls)
        self.fields: Counter[str] = Counter()
        self._pages: dict[str, str] = {}
        self._connections: dict[str, str] = {}
        self._mimes: dict[str, tuple[str | None, tuple[str, ...]]] = {}

    def rebuild(self, document: Any) -> str | None:
        """The safe HAR as JSON, or None when ``document`` isn't one (an object with ``log.entries``)."""
        log = document.get("log") if type(document) is dict else None
        entries = log.get("entries") if type(log) is dict else None
        if type(log) is not dict or type(entries) is not list or any(type(e) is not dict for e in entries):
            return None
        self._rest(document, {"log"}, "document")
        self._rest(log, {"version", "creator", "browser", "pages", "entries"}, "log")
        kept: dict[str, Any] = {"version": "1.2", "creator": self._producer(log.get("creator"))}
        if "browser" in log:
            kept["browser"] = self._producer(log["browser"])
        kept["pages"] = [self._page(self._dict(page, "pages")) for page in self._list(log.get("pages"), "pages")]
        kept["entries"] = [self._entry(entry) for entry in entries]
        self.fields.update(chain.from_iterable(kept["entries"]))
        return self.headers.splice(json_text({"log": kept}))

    def _producer(self, value: Any) -> dict[str, str]:
        found = self._dict(value, "creator")
        self._rest(found, {"name", "version"}, "creator")
        name, version = found.get("name"), found.get("version")
        known = name in _PRODUCERS if type(name) is str else False
        if not known and name:
            self.redaction.drop("unsafe-value", "creator", name)
        safe = version if type(version) is str and _VERSION.fullmatch(version) else ""
        if version and not safe:
            self.redaction.drop("unsafe-value", "creator", version)
        return {"name": str(name) if known else "other", "version": safe}

    def _page(self, page: dict[str, Any]) -> dict[str, Any]:
        self._rest(page, {"startedDateTime", "id", "title", "pageTimings"}, "pages")
        if page.get("title"):
            self.redaction.drop("title", "pages", page["title"])
        timings = self._dict(page.get("pageTimings"), "pages")
        return {
            "startedDateTime": self._when(page.get("startedDateTime"), "pages"),
            "id": self._page_id(page.get("id")),
            "title": "",
            "pageTimings": self._numbers(timings, {"onContentLoad", "onLoad", "_startRender", "_firstPaint"}, "pages"),
        }

    def _entry(self, entry: dict[str, Any]) -> dict[str, Any]:
        drop = self.redaction.drop
        kept: dict[str, Any] = {"pageref": self._page_id(entry["pageref"])} if "pageref" in entry else {}
        kept["startedDateTime"] = self._when(entry.get("startedDateTime"), "entries")
        kept["time"] = self._number(entry.get("time"), "entries", -1)
        self.headers.vendor = self._host_class(entry.get("request")) == "vendor"
        kept["request"] = self._request(self._dict(entry.get("request"), "request"))
        kept["response"] = self._response(self._dict(entry.get("response"), "response"))
        kept["cache"] = self._cache(self._dict(entry.get("cache"), "cache"))
        kept["timings"] = self._numbers(self._dict(entry.get("timings"), "timings"), _PHASES, "timings")
        if address := entry.get("serverIPAddress"):
            self._keep(kept, "serverIPAddress", address, self.urls.address(address) if type(address) is str else None)
        if connection := entry.get("connection"):
            kept["connection"] = self._connections.setdefault(str(connection), str(len(self._connections) + 1))
        if type(entry.get("_fromServiceWorker")) is bool:
            kept["_fromServiceWorker"] = entry["_fromServiceWorker"]
        for key, value in entry.items():
            if key in _ENTRY_WORDS:
                self._keep(kept, key, value, value if type(value) is str and value in _ENTRY_WORDS[key] else None)
            elif key not in _ENTRY_SAFE:
                drop(_ENTRY_RULES.get(key) or _unlisted(key), "entries", {key: value})
        return kept

    def _host_class(self, request: Any) -> str:
        url = request.get("url") if type(request) is dict else None
        return self.urls.class_of(url) if type(url) is str else "other"

    def _keep(self, kept: dict[str, Any], key: str, raw: Any, safe: Any) -> None:
        if safe is None:
            self.redaction.drop("unsafe-value", "entries", raw)
        else:
            kept[key] = safe

    def _request(self, request: dict[str, Any]) -> dict[str, Any]:
        self._rest(request, _REQUEST_SAFE, "request")
        kept: dict[str, Any] = {
            "method": self._listed(request.get("method"), METHODS, "request.method"),
            "url": self._url(request.get("url"), "request.url"),
            "httpVersion": self._protocol(request.get("httpVersion"), "request"),
            "cookies": self._no_cookies(request.get("cookies"), "request.cookies"),
            "headers": self.headers.rebuild(request.get("headers"), "request.headers"),
            "queryString": self._parameters(request.get("queryString"), "request.queryString"),
            "headersSize": self._number(request.get("headersSize"), "request", -1),
            "bodySize": self._number(request.get("bodySize"), "request", -1),
        }
        if request.get("postData"):
            kept["postData"] = self._post(self._dict(request["postData"], "request.postData"))
        return kept

    def _post(self, post: dict[str, Any]) -> dict[str, Any]:
        self._rest(post, {"mimeType", "params", "text"}, "request.postData")
        if post.get("text"):
            self.redaction.drop("body", "request.postData", post["text"])
        # HAR wants text or params; the names of known form fields tell a SAML post from a log-in form.
        return {
            "mimeType": self._mime(post.get("mimeType"), "request.postData"),
            "params": self._parameters(post.get("params"), "request.postData"),
        }

    def _parameters(self, items: Any, place: str) -> list[dict[str, str]]:
        kept, rules = [], []
        for item in self._list(items, place):
            try:
                found = self.urls.parameters.get((item["name"], item["value"])) or self._parameter(item)
            except (KeyError, TypeError):  # not of this form
                found = self._parameter(item)
            shown, rule = found
            if shown is not None:
                kept.append(shown)
            if rule is not None:
                rules.append(rule)
            if type(item) is dict and len(item) > 2:  # noqa: PLR2004 # more than a name and a value
                self._rest(item, _PAIR, place)
        self.redaction.count(rules, place)
        return kept

    def _parameter(self, item: Any) -> Parameter:
        name, value = (item.get("name"), item.get("value", "")) if type(item) is dict else (None, None)
        if type(name) is str and type(value) is str:
            return self.urls.parameter(name, value)
        self.redaction.remember("malformed", item)
        return Parameter(None, "malformed")

    def _response(self, response: dict[str, Any]) -> dict[str, Any]:
        self._rest(response, _RESPONSE_SAFE, "response")
        status = self._number(response.get("status"), "response.status", 0)
        kept = {
            "status": status if type(status) is int and status in _STATUSES else 0,
            "statusText": self._reason(status, response.get("statusText")),
            "httpVersion": self._protocol(response.get("httpVersion"), "response"),
            "cookies": self._no_cookies(response.get("cookies"), "response.cookies"),
            "headers": self.headers.rebuild(response.get("headers"), "response.headers"),
            "content": self._content(self._dict(response.get("content"), "response.content")),
            "redirectURL": self._url(response.get("redirectURL"), "response.redirectURL"),
            "headersSize": self._number(response.get("headersSize"), "response", -1),
            "bodySize": self._number(response.get("bodySize"), "response", -1),
        }
        if "_transferSize" in response:
            kept["_transferSize"] = self._number(response["_transferSize"], "response", -1)
        if error := response.get("_error"):
            kept["_error"] = self._listed(error, _ERRORS, "response._error")
        return kept

    def _content(self, content: dict[str, Any]) -> dict[str, Any]:
        self._rest(content, {"size", "compression", "mimeType", "text", "encoding"}, "response.content")
        if content.get("text"):
            self.redaction.drop("body", "response.content", content["text"])
        if content.get("encoding") not in (None, "base64", ""):
            self.redaction.drop("unsafe-value", "response.content", content["encoding"])
        kept = self._numbers(content, {"size", "compression"}, "response.content")
        return kept | {"mimeType": self._mime(content.get("mimeType"), "response.content")}

    def _cache(self, cache: dict[str, Any]) -> dict[str, Any]:
        kept: dict[str, Any] = {}
        self._rest(cache, {"beforeRequest", "afterRequest"}, "cache")
        for key in ("beforeRequest", "afterRequest"):
            state = cache.get(key)
            if type(state) is dict:
                self._rest(state, {"expires", "lastAccess", "hitCount"}, "cache")
                kept[key] = self._numbers(state, {"hitCount"}, "cache")
                kept[key] |= {k: self._when(state[k], "cache") for k in ("expires", "lastAccess") if k in state}
            elif state is not None:
                self.redaction.drop("malformed", "cache", state)
        return kept

    # The smallest pieces: a value of known form, or its neutral stand-in and a count.

    def _url(self, value: Any, place: str) -> str:
        if type(value) is str:
            return self.urls.clean(value, place) if value else ""
        return self._gone(value, place)

    def _mime(self, value: Any, place: str) -> str:
        if type(value) is not str:
            return self._gone(value, place)
        safe, rules = self._mimes.get(value) or self._first_mime(value)
        self.redaction.count(rules, place)
        return safe if safe is not None else self._gone(value, place)

    def _first_mime(self, value: str) -> tuple[str | None, tuple[str, ...]]:
        safe = mime(value)
        found = self._mimes[value] = safe, () if safe in (None, value) else self.redaction.narrowed(value, safe)
        return found

    def _protocol(self, value: Any, place: str) -> str:
        safe = PROTOCOLS.get(value.lower()) if type(value) is str else None
        return safe if safe is not None else self._gone(value, place)

    def _listed(self, value: Any, known: frozenset[str], place: str) -> str:
        return str(value) if type(value) is str and value in known else self._gone(value, place) or VALUE

    def _reason(self, status: Any, value: Any) -> str:
        return str(value) if value and value == _STATUSES.get(status) else self._gone(value, "response.statusText")

    def _when(self, value: Any, place: str) -> str:
        found = _WHEN.fullmatch(value) if type(value) is str else None
        return found[1] + found[2] if found is not None else self._gone(value, place)

    def _gone(self, value: Any, place: str) -> str:
        if value not in (None, ""):
            self.redaction.drop("unsafe-value", place, value)
        return ""

    def _number(self, value: Any, place: str, neutral: int) -> int | float:
        if type(value) is float and -1 <= value <= _LARGEST:
            return round(value, 3)
        if type(value) is int and -1 <= value <= _LARGEST:
            return value
        self._gone(value, place)
        return neutral

    def _numbers(self, source: dict[str, Any], names: Set[str], place: str) -> dict[str, Any]:
        if place in {"timings", "pages"}:
            self._rest(source, names, place)
        return {
            k: v if type(v) is int and -1 <= v <= _LARGEST else self._number(v, place, -1)
            for k, v in source.items()
            if k in names and v is not None
        }

    def _no_cookies(self, value: Any, place: str) -> list[Any]:
        for cookie in self._list(value, place):
            self.redaction.drop("cookie", place, cookie)
        return []

    def _page_id(self, value: Any) -> str:
        raw = str(value)
        if raw not in self._pages:
            self.redaction.dropped.add(raw)
            self._pages[raw] = f"page_{len(self._pages) + 1}"
        return self._pages[raw]

    def _dict(self, value: Any, place: str) -> dict[str, Any]:
        if type(value) is dict:
            return value
        if value is not None:
            self.redaction.drop("malformed", place, value)
        return {}

    def _list(self, value: Any, place: str) -> list[Any]:
        if type(value) is list:
            return value
        if value is not None:
            self.redaction.drop("malformed", place, value)
        return []

    def _rest(self, source: dict[str, Any], known: Set[str], place: str) -> None:
        if source.keys() <= known:
            return
        for key in source.keys() - known:
            self.redaction.drop(_unlisted(key), place, {key: source[key]})


_STATUSES = {int(s): s.phrase for s in HTTPStatus} | {302: "Found", 413: "Payload Too Large", 0: ""}


def _unlisted(key: str) -> str:
    return "comment" if key == "comment" else "vendor-key" if key.startswith("_") else "unlisted-key"
