"""``har/v1``: an HTTP archive (HAR 1.2) rebuilt from an allow-list. http://www.softwareishard.com/blog/har-12-spec/

Nothing stays because it wasn't known to be bad; each value is built because its place and form are known to be safe.
"""

from __future__ import annotations

from collections import Counter
from itertools import chain
from typing import Any

from handrail.packets.sanitise import guard
from handrail.packets.sanitise.context import SanitiseContext
from handrail.packets.sanitise.harvalues import LARGEST, HarValues, unlisted
from handrail.packets.sanitise.headers import Headers
from handrail.packets.sanitise.known.captures import ENTRY_WORDS, PHASES, PRODUCERS, RELEASES, TLS_VERSIONS
from handrail.packets.sanitise.known.network import ERRORS
from handrail.packets.sanitise.redaction import Redaction, json_text
from handrail.packets.sanitise.structure import KEY as OWN_KEY
from handrail.packets.sanitise.structure import Structure
from handrail.packets.sanitise.urls import VALUE, Parameter, Urls
from handrail.packets.sanitise.versions import is_version
from handrail.packets.sanitise.vocabulary import METHODS, words

CONTENT_TYPES = guard.CONTENT_TYPES | {"application/har", "application/har+json"}

_LAST_PORT = 65_535
_PAIR = frozenset({"name", "value"})
_AT_ONCE, _END = 50, "]}}"  # entries; the end of the text around them
_REQUEST_SAFE = words("method url httpVersion cookies headers queryString postData headersSize bodySize")
_RESPONSE_SAFE = words(
    """
status statusText httpVersion cookies headers content redirectURL headersSize bodySize _transferSize _error
_failureText _fetchedViaServiceWorker
"""
)
_ENTRY_SAFE = words(
    """
pageref startedDateTime time request response cache timings serverIPAddress connection _fromServiceWorker
_securityDetails _serverPort _absent
"""
)
_PAGE_TIMES = words("onContentLoad onLoad _startRender _firstPaint")
# Every key that may be written.
KEYS = (
    _REQUEST_SAFE | _RESPONSE_SAFE | _ENTRY_SAFE | PHASES | _PAGE_TIMES | ENTRY_WORDS.keys()
    | words(
        "log version creator browser pages entries name value id title pageTimings beforeRequest afterRequest "
        "lastAccess expires hitCount size compression mimeType params protocol validFrom validTo"
    )
)  # fmt: skip
# Keys that readers of captures need. Where the value of one is not in this copy, something that they can read stands
# in its place, and the entry's (or page's) ``_absent`` names the key.
ABSENT = words(
    """
startedDateTime time request.headersSize request.bodySize response.status response.headersSize response.bodySize
response.content.size timings.send timings.wait timings.receive
"""
)
_MORE = words("_fromServiceWorker _serverPort _securityDetails")
_VALIDITY = words("validFrom validTo")
_DETAILS = _VALIDITY | {"protocol"}
_NEEDED_PHASES = words("send wait receive")
# What a dropped key is called in the report; any other name is only "unlisted-key" or "vendor-key".
_ENTRY_RULES = {"_initiator": "initiator", "_webSocketMessages": "websocket-message", "comment": "comment"}


class Har(HarValues):
    """One rebuilding. ``suspects`` are texts in which a first pass found a dropped value."""

    def __init__(self, context: SanitiseContext, suspects: frozenset[str] = frozenset()) -> None:
        redaction = Redaction(context)
        super().__init__(redaction, Urls(redaction, suspects))
        self.headers = Headers(self.redaction, self.urls)
        self.structure = Structure(self.redaction, self.urls)
        self.fields: Counter[str] = Counter()
        self.items = (0, 0)  # entries of the original, and of the copy
        self._pages: dict[str, str] = {}
        self._connections: dict[str, str] = {}

    def rebuild(self, document: Any) -> str | None:
        """The safe HAR as JSON, or None when ``document`` isn't one (an object with ``log.entries``)."""
        log = document.get("log") if type(document) is dict else None
        entries = log.get("entries") if type(log) is dict else None
        if type(log) is not dict or type(entries) is not list or any(type(e) is not dict for e in entries):
            return None
        self.rest(document, {"log"}, "document")
        self.rest(log, {"version", "creator", "browser", "pages", "entries"}, "log")
        self.items = len(entries) or self.lost, 0
        release = log.get("version")
        if type(release) is not str or release not in RELEASES:
            self.gone(release, "log.version")
            release = "1.2"  # which is what is written here
        kept: dict[str, Any] = {
            "version": release,
            "creator": self._producer(log.get("creator")),
        }
        if "browser" in log:
            kept["browser"] = self._producer(log["browser"])
        kept["pages"] = [self._page(self.as_dict(page, "pages")) for page in self.as_list(log.get("pages"), "pages")]
        head = json_text({"log": kept | {"entries": []}})
        texts = [self._entries(entries[at : at + _AT_ONCE]) for at in range(0, len(entries), _AT_ONCE)]
        return f"{head.removesuffix(_END)}{','.join(texts)}{_END}"

    def _entries(self, entries: list[dict[str, Any]]) -> str:
        """Some entries as JSON, with commas between: never all at once, since as objects they take many times more."""
        kept = [self._entry(entry) for entry in entries]
        self.fields.update(chain.from_iterable(kept))
        had, has = self.items
        self.items = had, has + len(kept)
        return self.headers.splice(json_text(kept))[1:-1]

    def _producer(self, value: Any) -> dict[str, str]:
        found = self.as_dict(value, "creator")
        self.rest(found, {"name", "version"}, "creator")
        name, version = found.get("name"), found.get("version")
        known = type(name) is str and name in PRODUCERS
        safe = version if type(version) is str and is_version(version) else ""
        if version and not safe:
            self.redaction.drop("unsafe-value", "creator", version)
        shown = {
            "name": str(name) if known else self.gone(name, "creator") and "other",
            "version": safe,
        }
        self.redaction.own.update(shown.values())
        return shown

    def _page(self, page: dict[str, Any]) -> dict[str, Any]:
        self.rest(page, {"startedDateTime", "id", "title", "pageTimings", "_absent"}, "pages")
        self.absent = self._carried(page.get("_absent"), "pages")
        title = page.get("title")
        if title:
            self.redaction.drop("title", "pages", title)
        timings = self.as_dict(page.get("pageTimings"), "pages")
        self.rest(timings, _PAGE_TIMES, "pages")
        kept: dict[str, Any] = {
            "startedDateTime": self.started(page.get("startedDateTime"), "pages"),
            "id": self._page_id(page.get("id")),
            "title": VALUE if title else "",
            "pageTimings": self.numbers(timings, _PAGE_TIMES, "pages"),
        }
        return self._marked(kept)

    def _carried(self, listed: Any, place: str) -> list[str]:
        """The mark of an earlier sanitising."""
        if type(listed) is list and all(type(name) is str and name in ABSENT for name in listed):
            return list(dict.fromkeys(listed))
        if listed is not None:
            self.redaction.drop("vendor-key", place, listed)
        return []

    def _marked(self, kept: dict[str, Any]) -> dict[str, Any]:
        if self.absent:
            kept["_absent"] = self.absent
        return kept

    def _entry(self, entry: dict[str, Any]) -> dict[str, Any]:
        drop = self.redaction.drop
        self.absent = self._carried(entry["_absent"], "entries") if "_absent" in entry else []
        kept: dict[str, Any] = {"pageref": self._page_id(entry["pageref"])} if "pageref" in entry else {}
        kept["startedDateTime"] = self.started(entry.get("startedDateTime"), "entries")
        kept["time"] = self.required(entry.get("time"), "time")
        self.headers.vendor = self._host_class(entry.get("request")) == "vendor"
        kept["request"] = self._request(self.as_dict(entry.get("request"), "request"))
        kept["response"] = self._response(self.as_dict(entry.get("response"), "response"))
        kept["cache"] = self._cache(self.as_dict(entry.get("cache"), "cache"))
        kept["timings"] = self._timings(self.as_dict(entry.get("timings"), "timings"))
        if address := entry.get("serverIPAddress"):
            self._keep(kept, "serverIPAddress", address, self.urls.address(address) if type(address) is str else None)
        if connection := entry.get("connection"):
            kept["connection"] = self._connections.setdefault(str(connection), str(len(self._connections) + 1))
        for key, value in entry.items():
            if key in ENTRY_WORDS:
                self._keep(kept, key, value, value if type(value) is str and value in ENTRY_WORDS[key] else None)
            elif key in _MORE:
                self._more(kept, key, value)
            elif key not in _ENTRY_SAFE:
                drop(_ENTRY_RULES.get(key) or unlisted(key), "entries", {key: value})
        if (digests := self.structure.of(entry)) is not None:
            kept[OWN_KEY] = digests
        return self._marked(kept)

    def _more(self, kept: dict[str, Any], key: str, value: Any) -> None:
        """Fields of one writer or another."""
        if key == "_fromServiceWorker":
            self._keep(kept, key, value, value if type(value) is bool else None)
        elif key == "_serverPort":
            self._keep(kept, key, value, value if type(value) is int and 0 <= value <= _LAST_PORT else None)
        else:
            details = self.as_dict(value, "entries")
            version = details.get("protocol")
            self.rest(details, _DETAILS, "entries")
            kept[key] = self.numbers(details, _VALIDITY, "entries")
            if version is not None:
                self._keep(
                    kept[key],
                    "protocol",
                    version,
                    version if type(version) is str and version in TLS_VERSIONS else None,
                )

    def _timings(self, timings: dict[str, Any]) -> dict[str, Any]:
        self.rest(timings, PHASES, "timings")
        kept: dict[str, Any] = {}
        for key, value in timings.items():
            if type(value) is int and -1 <= value <= LARGEST:
                if key in PHASES:
                    kept[key] = value
            elif key in PHASES and value is not None:
                if key in _NEEDED_PHASES:
                    kept[key] = self.required(value, f"timings.{key}")
                elif (number := self.number(value, "timings")) is not None:
                    kept[key] = number
        return kept

    def _host_class(self, request: Any) -> str:
        url = request.get("url") if type(request) is dict else None
        return self.urls.class_of(url) if type(url) is str else "other"

    def _keep(self, kept: dict[str, Any], key: str, raw: Any, safe: Any) -> None:
        if safe is None:
            self.redaction.drop("unsafe-value", "entries", raw)
        else:
            kept[key] = safe
            if type(safe) is str:
                self.redaction.own.add(safe)

    def _request(self, request: dict[str, Any]) -> dict[str, Any]:
        self.rest(request, _REQUEST_SAFE, "request")
        kept: dict[str, Any] = {
            "method": self.listed(request.get("method"), METHODS, "request.method"),
            "url": self.url(request.get("url"), "request.url"),
            "httpVersion": self.protocol(request.get("httpVersion"), "request"),
            "cookies": self.no_cookies(request.get("cookies"), "request.cookies"),
            "headers": self.headers.rebuild(request.get("headers"), "request.headers"),
            "queryString": self._parameters(request.get("queryString"), "request.queryString"),
            "headersSize": self.size(request.get("headersSize"), "request.headersSize"),
            "bodySize": self.size(request.get("bodySize"), "request.bodySize"),
        }
        if request.get("postData"):
            kept["postData"] = self._post(self.as_dict(request["postData"], "request.postData"))
        return kept

    def _post(self, post: dict[str, Any]) -> dict[str, Any]:
        self.rest(post, {"mimeType", "params", "text"}, "request.postData")
        if post.get("text"):
            self.redaction.drop("body", "request.postData", post["text"])
        # HAR wants text or params; the names of known form fields tell a SAML post from a log-in form.
        return {
            "mimeType": self.mime(post.get("mimeType"), "request.postData"),
            "params": self._parameters(post.get("params"), "request.postData"),
        }

    def _parameters(self, items: Any, place: str) -> list[dict[str, str]]:
        kept, rules = [], []
        for item in self.as_list(items, place):
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
                self.rest(item, _PAIR, place)
        self.redaction.count(rules, place)
        return kept

    def _parameter(self, item: Any) -> Parameter:
        name, value = (item.get("name"), item.get("value", "")) if type(item) is dict else (None, None)
        if type(name) is str and type(value) is str:
            return self.urls.parameter(name, value)
        self.redaction.remember("malformed", item)
        return Parameter(None, "malformed")

    def _response(self, response: dict[str, Any]) -> dict[str, Any]:
        self.rest(response, _RESPONSE_SAFE, "response")
        status = self.status(response.get("status"))
        kept = {
            "status": status,
            "statusText": self.reason(status, response.get("statusText")),
            "httpVersion": self.protocol(response.get("httpVersion"), "response"),
            "cookies": self.no_cookies(response.get("cookies"), "response.cookies"),
            "headers": self.headers.rebuild(response.get("headers"), "response.headers"),
            "content": self._content(self.as_dict(response.get("content"), "response.content")),
            "redirectURL": self.url(response.get("redirectURL"), "response.redirectURL"),
            "headersSize": self.size(response.get("headersSize"), "response.headersSize"),
            "bodySize": self.size(response.get("bodySize"), "response.bodySize"),
        }
        if (size := response.get("_transferSize")) is not None and (size := self.number(size, "response")) is not None:
            kept["_transferSize"] = size
        for key in ("_error", "_failureText"):
            if error := response.get(key):
                kept[key] = self.listed(error, ERRORS, f"response.{key}")
        if "_fetchedViaServiceWorker" in response:
            via = response["_fetchedViaServiceWorker"]
            self._keep(kept, "_fetchedViaServiceWorker", via, via if type(via) is bool else None)
        return kept

    def _content(self, content: dict[str, Any]) -> dict[str, Any]:
        self.rest(content, {"size", "compression", "mimeType", "text", "encoding"}, "response.content")
        if content.get("text"):
            self.redaction.drop("body", "response.content", content["text"])
        if content.get("encoding") not in (None, "base64", ""):
            self.redaction.drop("unsafe-value", "response.content", content["encoding"])
        kept = self.numbers(content, {"compression"}, "response.content")
        if content.get("size") is not None:
            kept = {"size": self.required(content["size"], "response.content.size")} | kept
        return kept | {"mimeType": self.mime(content.get("mimeType"), "response.content")}

    def _cache(self, cache: dict[str, Any]) -> dict[str, Any]:
        kept: dict[str, Any] = {}
        self.rest(cache, {"beforeRequest", "afterRequest"}, "cache")
        for key in ("beforeRequest", "afterRequest"):
            state = cache.get(key)
            if type(state) is dict:
                self.rest(state, {"expires", "lastAccess", "hitCount"}, "cache")
                kept[key] = self.numbers(state, {"hitCount"}, "cache")
                times = {k: self.when(state[k], "cache") for k in ("expires", "lastAccess") if k in state}
                kept[key] |= {k: when for k, when in times.items() if when}
            elif state is not None:
                self.redaction.drop("malformed", "cache", state)
        return kept

    def _page_id(self, value: Any) -> str:
        raw = str(value)
        if raw not in self._pages:
            self.redaction.dropped.add(raw)
            self._pages[raw] = f"page_{len(self._pages) + 1}"
            self.redaction.own.add(self._pages[raw])
        return self._pages[raw]
