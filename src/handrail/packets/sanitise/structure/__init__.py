"""Structural digests: what SAML messages, JWTs and OAuth answers of a capture were, in place of what they carried.

The heart of a federation outage is in values that authenticate, and these never leave. A digest says of one what it
was, from which host to which, and whether it held at that moment. It is made only of ``terms``, numbers, times, hosts
by the one rule, pseudonyms, and fingerprints of certificates.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from handrail.packets.sanitise.redaction import Redaction
from handrail.packets.sanitise.structure import jwt, oauth, places, saml
from handrail.packets.sanitise.structure.frame import Frame, instant
from handrail.packets.sanitise.structure.places import Parameters
from handrail.packets.sanitise.structure.terms import PARAMETERS, XML_ALGORITHMS
from handrail.packets.sanitise.urls import Urls

KEY = "_handrail"  # fields of one's own begin with an underscore: HAR 1.2, "Custom fields"
_MOST = 10  # digests of one kind in one entry
_BUDGET = 32 * 1024 * 1024  # bytes of XML of one artifact
_JSON = "json"


class _Entry(NamedTuple):
    """The digests of one entry as they come, and the values that were looked at."""

    frame: Frame
    made: dict[str, list[dict[str, Any]]]
    seen: set[str]

    def add(self, kind: str, digest: dict[str, Any] | None, at: str, name: str | None) -> None:
        """``name``: that of the parameter or header, shown if the standards have it."""
        listed = self.made.setdefault(kind, [])
        if digest is not None and len(listed) < _MOST:
            where = {"at": at} | ({"in": name} if name in PARAMETERS else {})
            if "code" in digest:
                self.frame.redaction.vouch_made(digest["code"])
            if not any(one == where | digest for one in listed):
                listed.append(where | digest)

    def first(self, value: str) -> bool:
        new = value not in self.seen
        self.seen.add(value)
        return new


class Structure:
    """Makes the digests of one artifact's entries."""

    def __init__(self, redaction: Redaction, urls: Urls) -> None:
        self._redaction = redaction
        self._urls = urls
        self._budget = _BUDGET
        self._read: dict[str, jwt.ReadToken | None] = {}

    def of(self, entry: dict[str, Any]) -> dict[str, Any] | None:
        """``{"saml": […], "jwt": […], "oauth": […]}`` of a HAR entry, without the empty ones; None without any."""
        found = _Entry(Frame(self._redaction, self._urls, instant(entry.get("startedDateTime"))), {}, set())
        request, response = _dict(entry.get("request")), _dict(entry.get("response"))
        url = request.get("url")
        self._address(found, url, "request.url", None)
        if type(url) is not str or "?" not in url:  # else it says the same
            self._parameters(found, places.pairs(request.get("queryString")), "request.url")
        self._headers(found, request, "request.headers")
        self._posted(found, _dict(request.get("postData")))
        self._headers(found, response, "response.headers")
        self._address(found, response.get("redirectURL"), "response.redirectURL", None)
        self._content(found, _dict(response.get("content")))
        return {kind: made for kind, made in found.made.items() if made} or None

    def _headers(self, found: _Entry, message: dict[str, Any], at: str) -> None:
        for header, value in places.telling(message.get("headers")):
            name = header.lower()
            if name == "location":
                self._address(found, value, at, name)
            elif name == "www-authenticate":
                found.add("oauth", oauth.challenge(value), at, None)
            self._tokens(found, value, at, name)
        for _name, value in places.telling(message.get("cookies")):
            self._tokens(found, value, at, "cookie" if at == "request.headers" else "set-cookie")

    def _address(self, found: _Entry, url: Any, at: str, name: str | None) -> None:
        if type(url) is not str or not places.tells(url) or not found.first(url):
            return
        for parameters in places.of_url(url):
            self._parameters(found, parameters, at)
        self._tokens(found, url, at, name)

    def _posted(self, found: _Entry, post: dict[str, Any]) -> None:
        at = "request.postData"
        self._parameters(found, places.pairs(post.get("params")), at)
        text, kind = post.get("text"), places.media_type(post)
        if type(text) is not str:
            return
        if "urlencoded" in kind:
            self._parameters(found, places.of_form(text), at)
        elif places.is_xml(text, kind):
            self._message(found, text, at, None, {})
        self._tokens(found, text, at, None)

    def _content(self, found: _Entry, content: dict[str, Any]) -> None:
        at = "response.content"
        text, kind = content.get("text"), places.media_type(content)
        if type(text) is not str:
            return
        if content.get("encoding") == "base64":
            text = places.decoded(text, kind)
        for name, value in places.hidden_fields(text):
            self._message(found, value, at, name, {})
        if places.is_xml(text, kind):
            self._message(found, text, at, None, {})
        if _JSON in kind or not kind:
            found.add("oauth", oauth.body(text), at, None)
        self._tokens(found, text, at, None)

    def _parameters(self, found: _Entry, pairs: Iterable[tuple[str, str]], at: str) -> None:
        values: Parameters = dict(pairs)
        for name, value in values.items():
            if name in places.SAML:
                self._message(found, value, at, name, values)
            else:
                self._tokens(found, value, at, name)
        found.add("oauth", oauth.error(values), at, None)

    def _tokens(self, found: _Entry, text: str, at: str, name: str | None) -> None:
        if jwt.BEGIN not in text:  # most headers: not even a generator is made for them
            return
        for token in jwt.tokens(text):
            if found.first(token.text):
                found.add("jwt", self._jwt(token.text, found.frame), at, token.key or name)

    def _jwt(self, token: str, frame: Frame) -> dict[str, Any] | None:
        """A log-in's token stands in every call after it, so it is read once."""
        if token not in self._read:
            self._read[token] = jwt.read(token, frame)
        read = self._read[token]
        return read.described(frame) if read is not None else None

    def _message(self, found: _Entry, value: str, at: str, name: str | None, beside: Parameters) -> None:
        if not value or not found.first("".join(value.split())):
            return
        try:
            data = saml.unwrapped(value, self._budget)
            self._budget -= len(data)
            made = saml.described(data, found.frame)
        except saml.NoMessage as why:
            if name is not None:  # some other XML is not meant to be SAML
                found.add("saml", {"unreadable": True, "why": str(why)}, at, name)
            return
        if beside.get("Signature"):  # beside the message in a query, not in it
            made["signed"] = made["signed"] | {"message": True}
            algorithm = XML_ALGORITHMS.get(beside.get("SigAlg", ""))
            if algorithm:
                made["algorithms"] = {"signature": [algorithm]}
        found.add("saml", made, at, name)


def _dict(value: Any) -> dict[str, Any]:
    return value if type(value) is dict else {}
