"""URLs: the origin and the shape of the path stay; identifiers get pseudonyms; credentials, values, fragments go."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import unquote_plus

from handrail.kernel.hostnames import normal_host
from handrail.packets.sanitise.hosts import Host, HostClass, public_address
from handrail.packets.sanitise.redaction import Redaction
from handrail.packets.sanitise.vocabulary import EXTENSIONS, QUERY_NAMES, QUERY_VALUES, WORDS, opens_doors

VALUE = "~"  # stands where a value was
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]{0,30}):")
_HIERARCHICAL = frozenset({"http", "https", "ws", "wss"})
_OPAQUE = frozenset({"data", "blob", "about", "file", "chrome-extension", "moz-extension", "safari-web-extension"})
_ORIGIN = re.compile(r"(?:https?|wss?)://(?:[^/?#@]{0,200}@)?([^/?#@:\[\]]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])", re.I)
_PORT = re.compile(r"[0-9]{1,5}")
_PIECES = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+|[^A-Za-z0-9]+")
_FIXED = re.compile(r"v[0-9]{1,2}|[0-9]|v?[0-9]{1,2}(?:\.[0-9]{1,2}){1,2}|[a-z]{2}-[A-Z]{2}")  # versions and locales
_LONGEST_SEGMENT = 80
_MAX_NUMBER, _MAX_SEGMENT_DIGITS = 2, 4  # a longer number is somebody's
_SAML = frozenset({"SAMLRequest", "SAMLResponse", "SAMLart", "wresult"})


class Cleaned(NamedTuple):
    """A URL made safe, and the rules under which something went, one for each removal."""

    text: str
    rules: tuple[str, ...]


class Parameter(NamedTuple):
    """A parameter as it may be shown, or None, and the rule under which something went."""

    shown: dict[str, str] | None
    rule: str | None


_UNNAMED = Parameter(None, "query-parameter")


class Urls:
    """Cleans URLs of one artifact; the same input is worked out once.

    ``suspects`` are texts that must not be shown, because a dropped value was found in them.
    """

    def __init__(self, redaction: Redaction, suspects: frozenset[str] = frozenset()) -> None:
        self.suspects = suspects
        self._redaction = redaction
        self._seen: dict[str, Cleaned] = {}
        self.parameters: dict[tuple[str, str], Parameter] = {}  # what parameter() answered before
        self._pairs: dict[str, Parameter] = {}
        self._segments: dict[str, str] = {}

    def clean(self, raw: str, place: str) -> str:
        """``raw`` as origin, path shape and names of known parameters; removals are counted under ``place``."""
        found = self.cleaned(raw)
        self._redaction.count(found.rules, place)
        return found.text

    def once(self, raw: str, place: str) -> str:
        """The same, counted only when ``raw`` is first seen."""
        found = self._seen.get(raw)
        return found.text if found is not None else self.clean(raw, place)

    def cleaned(self, raw: str) -> Cleaned:
        """The same without counting."""
        return self._seen.get(raw) or self._seen.setdefault(raw, self._clean(raw))

    def host(self, raw: str) -> str:
        """A host as it is shown by the one rule."""
        return self._redaction.hosts.of(raw).shown

    def class_of(self, url: str) -> HostClass:
        """Whose host ``url`` is at; "other" where it names none."""
        found = self.host_of(url)
        return found.of if found is not None else "other"

    def host_of(self, text: str) -> Host | None:
        """The host of a URL, or ``text`` itself if it is the name of one."""
        found = _ORIGIN.match(text)
        if found is None and ("." not in text or text.startswith(".") or normal_host(text) is None):
            return None
        return self._redaction.hosts.of(found[1] if found else text)

    def path(self, raw: str) -> str:
        """A path with the same number of segments, each of known words or a pseudonym."""
        return "/".join([self._segments.get(s) or self._segment(s) for s in raw.split("/")])

    def spelled(self, text: str) -> bool:
        """Whether ``text`` may stay because known words spell it; noted, for the scan to ask whose secret it may be."""
        if text in self.suspects or not spelled_out(text):
            return False
        self._redaction.spelled.add(text)
        return True

    def address(self, raw: str) -> str | None:
        """A server's IP address: itself when public, a stand-in when private, None when it is not an address."""
        found = public_address(raw.strip("[]"))
        return self._redaction.pseudonym(raw, "ip") if found == "" else found

    def _clean(self, raw: str) -> Cleaned:
        rules: list[str] = []
        scheme = _SCHEME.match(raw)
        rest, prefix = raw, ""
        if scheme is not None:
            name = scheme[1].lower()
            if name not in _HIERARCHICAL:
                self._redaction.remember("opaque-url", raw)
                return Cleaned(f"{name if name in _OPAQUE else 'other'}:{VALUE}", ("opaque-url",))
            prefix, rest = f"{name}:", raw[scheme.end() :]
        rest, _, fragment = rest.partition("#")
        if fragment:
            self._gone("fragment", fragment, rules)
        rest, _, query = rest.partition("?")
        if rest.startswith("//"):
            authority, slash, rest = rest[2:].partition("/")
            prefix += "//" + self._authority(authority, rules)
            rest = slash + rest
        if ";" in rest:
            self._matrix(rest, rules)
        shape = self._query(query, rules) if query else ""
        return Cleaned(prefix + self.path(rest) + shape, tuple(rules))

    def _gone(self, rule: str, value: str, rules: list[str]) -> None:
        self._redaction.remember(rule, value)
        self._redaction.remember(rule, unquote_plus(value))
        rules.append(rule)

    def _matrix(self, path: str, rules: list[str]) -> None:
        """Parameters of path segments, which carry session identifiers: ``/login;jsessionid=…``."""
        for segment in path.split("/"):
            parameters = segment.partition(";")[2]
            if parameters:
                self._gone("matrix-parameter", parameters, rules)

    def _authority(self, raw: str, rules: list[str]) -> str:
        user, at, host = raw.rpartition("@")
        if at:
            self._gone("userinfo", user, rules)
        name, colon, port = host.rpartition(":")
        if colon and _PORT.fullmatch(port):
            return f"{self.host(name)}:{port}"
        return self.host(host)

    def _query(self, raw: str, rules: list[str]) -> str:
        shape = []
        for pair in raw.split("&"):
            found = self._pairs.get(pair)
            if found is None:
                name, _, value = pair.partition("=")
                if "%" in pair or "+" in pair:
                    name, value = unquote_plus(name), unquote_plus(value)
                found = self._pairs[pair] = self.parameter(name, value)
            if found.shown is not None:
                shape.append(f"{found.shown['name']}={found.shown['value']}")
            if found.rule is not None:
                rules.append(found.rule)
        return "?" + "&".join(shape) if shape else ""

    def parameter(self, name: str, value: str) -> Parameter:
        """A parameter that may be named as HAR's name and value, its value only from a known list."""
        found = self.parameters.get((name, value))
        if found is None:
            found = self.parameters[name, value] = self._parameter(name, value)
        return found

    def _parameter(self, name: str, value: str) -> Parameter:
        if name not in QUERY_NAMES:
            self._redaction.dropped.add(name)
            if opens_doors(name):
                self._redaction.credentials |= {value, f"{name}={value}"}
            else:
                self._redaction.dropped.add(value)
            return _UNNAMED
        if value in QUERY_VALUES.get(name, ()):
            return Parameter({"name": name, "value": value}, None)
        rule = "saml-message" if name in _SAML else "oauth-value"
        if value:
            self._redaction.remember(rule, value)
            if opens_doors(name):
                self._redaction.remember(rule, f"{name}={value}")
        return Parameter({"name": name, "value": VALUE}, rule if value else None)

    def _segment(self, raw: str) -> str:
        kept = raw.partition(";")[0]
        if len(kept) > _LONGEST_SEGMENT or not kept.isascii() or not self.spelled(kept):
            stem, dot, extension = kept.rpartition(".")
            ends = f".{extension.lower()}" if stem and dot and extension.lower() in EXTENSIONS else ""
            if ends:
                self._redaction.dropped.add(raw)
            kept = self._redaction.pseudonym(stem if ends else kept) + ends
        self._segments[raw] = kept
        return kept


@lru_cache(maxsize=4096)
def spelled_out(text: str) -> bool:
    """Whether ``text`` is made only of known words, joined by ``-_.`` or capitals, and short version numbers."""
    if not text or text in {".", ".."} or _FIXED.fullmatch(text) or text.lower() in WORDS:
        return True
    if text.isdigit():
        return False
    digits = 0
    for piece in _PIECES.findall(text):
        if piece.isdigit():
            digits += len(piece) if len(piece) <= _MAX_NUMBER else _MAX_SEGMENT_DIGITS + 1
        elif not (piece.lower() in WORDS or piece.lower() in EXTENSIONS or piece in {"-", "_", ".", "+"}):
            return False
    return digits <= _MAX_SEGMENT_DIGITS
