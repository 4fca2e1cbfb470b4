"""Headers: the names that may stay, and for each the values that are safe to show."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from json.encoder import encode_basestring_ascii
from typing import Any, NamedTuple

from handrail.packets.sanitise.correlation import Correlation
from handrail.packets.sanitise.redaction import Redaction
from handrail.packets.sanitise.urls import Urls, spelled_out
from handrail.packets.sanitise.versions import is_version
from handrail.packets.sanitise.vocabulary import METHODS, MIME_SUB, MIME_TOP, opens_doors, words

Clean = Callable[[str], str | None]

_MIME = re.compile(r"([a-z*]{1,12})/([a-z0-9*.+-]{1,40})")
_CHARSET = re.compile(r'charset="?(utf-?8|us-ascii|iso-8859-1{1,2}5?|windows-125[0-8])"?', re.I)
_QUALITY = re.compile(r"q=(?:0(?:\.[0-9]{1,3})?|1(?:\.0{1,3})?)")
_AGENT = re.compile(
    r"\b(Firefox|Edge?|OPR|Chrome|HeadlessChrome|Version|Safari|curl|Playwright)/([0-9]{1,3})(?![0-9A-Za-z])"
)
_SYSTEM = re.compile(r"Windows NT|Macintosh|iPhone|iPad|Android|Linux|CrOS")
_DATE = (
    r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), [0-3][0-9] (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) "
    r"[0-9]{4} [0-2][0-9]:[0-5][0-9]:[0-6][0-9] (?:GMT|UTC)"
)
_METRIC = re.compile(r"\s*([A-Za-z0-9_-]{1,30})\s*")
_DURATION = re.compile(r"\s*dur=([0-9]{1,8}(?:\.[0-9]{1,3})?)[0-9]{0,12}\s*")
_PRODUCT = re.compile(r"([A-Za-z][A-Za-z-]{1,20})(?:/([0-9]{1,2}(?:\.[0-9]{1,3}){0,3}))?(?:\s.*)?", re.S)
_PROTOCOL = re.compile(r"(?:HTTPS?/)?[0-9.]{1,4}")
_SCHEMES = frozenset({"basic", "bearer", "digest", "dpop", "negotiate", "ntlm", "mutual", "hoba"})


def matching(pattern: str) -> Clean:
    """Keeps a value that matches wholly."""
    compiled = re.compile(pattern, re.I)  # law: kept, our own patterns, read out of the closures by the tests
    return lambda value: value if len(value) < 200 and compiled.fullmatch(value) else None  # noqa: PLR2004 # bounds the regex


def listed(items: str) -> Clean:
    """Keeps those items of a comma list that are among ``items`` (compared in lower case)."""
    known = words(items)

    def clean(value: str) -> str | None:
        kept = [item for part in value.lower().replace("\n", ",").split(",") if (item := part.strip()) in known]
        return ", ".join(kept) or None

    return clean


@lru_cache(maxsize=2048)
def mime(value: str) -> str | None:
    """``type/subtype`` from the known ones, with a known charset; an unknown subtype becomes ``other``."""
    head, _, parameters = value.partition(";")
    found = _MIME.fullmatch(head.strip().lower())
    if found is None or found[1] not in MIME_TOP:
        return None
    charset = _CHARSET.search(parameters[:60])
    kept = f"{found[1]}/{found[2] if found[2] in MIME_SUB else 'other'}"
    return f"{kept}; charset={charset[1].lower()}" if charset else kept


def _accept(value: str) -> str | None:
    kept = []
    for part in value.split(",")[:20]:
        head, _, rest = part.partition(";")
        if (known := mime(head)) is not None:
            kept.append(f"{known};{rest.strip()}" if _QUALITY.fullmatch(rest.strip()) else known)
    return ", ".join(kept) or None


def directives(separator: str, names: str, with_seconds: str) -> Clean:
    """Keeps the known directives of a list as they were sent, in any case, spacing and order; seconds may be quoted."""
    bare, timed = words(names.lower()), words(with_seconds.lower())

    def clean(value: str) -> str | None:
        kept = []
        parts = value.replace("\n", separator).split(separator)
        for part in parts[:40]:
            name, equals, seconds = (piece.strip() for piece in part.partition("="))
            if not equals and name.lower() in bare:
                kept.append(name)
            elif name.lower() in timed and _SECONDS.fullmatch(seconds := seconds.strip('"')):
                kept.append(f"{name}={seconds}")
        if len(kept) == len(parts) and _PLAIN.fullmatch(value):
            return value
        return f"{separator} ".join(kept) or None

    return clean


_PLAIN = re.compile(r"[A-Za-z0-9=;,-]+(?: [A-Za-z0-9=;,-]+)*")  # single spaces, no quotes
_SECONDS = re.compile(r"[0-9]{1,10}")
_MOST_SECONDS = 2**31
_BYTES = re.compile(r"bytes=(0|[1-9][0-9]{0,11})?-(0|[1-9][0-9]{0,11})?", re.I)
# RFC 9111 and the IANA registry of cache directives (RFC 5861, RFC 8246), and two of Internet Explorer.
_cache_control = directives(
    ",",
    "no-cache no-store no-transform private public immutable must-revalidate proxy-revalidate only-if-cached "
    "must-understand max-stale",
    "max-age s-maxage max-stale min-fresh stale-while-revalidate stale-if-error pre-check post-check",
)
_transport_security = directives(";", "includeSubDomains preload", "max-age")  # RFC 6797


def _agent(value: str) -> str | None:
    products = [f"{name}/{version}" for name, version in _AGENT.findall(value[:600])]
    system = _SYSTEM.search(value[:600])
    return " ".join(([f"({system[0]})"] if system else []) + products) or None


def _product(value: str) -> str | None:
    found = _PRODUCT.fullmatch(value[:200])
    if found is None or not spelled_out(found[1]):
        return None
    return f"{found[1]}/{found[2]}" if found[2] and is_version(found[2]) else found[1]


def _server_timing(value: str) -> str | None:
    kept = []
    for part in value.replace("\n", ",").split(",")[:40]:
        head, *parameters = part.split(";")
        name = _METRIC.fullmatch(head)
        if name is not None:
            shown = name[1] if spelled_out(name[1]) else "metric"
            durations = [f";dur={d[1]}" for p in parameters if (d := _DURATION.fullmatch(p))]
            kept.append(shown + "".join(durations[:1]))
    return ", ".join(kept) or None


def _challenge(value: str) -> str | None:
    scheme = value.split(None, 1)[0].rstrip(",") if value.strip() else ""
    return scheme if scheme.lower() in _SCHEMES else None


def _via(value: str) -> str | None:
    kept = []
    for part in value.replace("\n", ",").split(",")[:10]:
        words = part.split()
        if words and _PROTOCOL.fullmatch(words[0]):
            named = words[1] if len(words) > 1 and spelled_out(words[1]) else "proxy"
            kept.append(f"{words[0]} {named}")
    return ", ".join(kept) or None


def _range(value: str) -> str | None:
    """A range of bytes that could be asked for: with its end before its start, or zeros in front, it is somebody's."""
    found = _BYTES.fullmatch(value)
    if found is None or not (found[1] or found[2]):
        return None
    return None if found[1] and found[2] and int(found[1]) > int(found[2]) else value


def _seconds(value: str) -> str | None:
    """Up to what a header may say (RFC 9111, 1.2.2): a longer number is not a time."""
    return value if _SECONDS.fullmatch(value) and int(value) <= _MOST_SECONDS else None


_NUMBER = matching(r"[0-9]{1,10}")
_WHEN = matching(_DATE)
_HIT = (
    "hit miss stale expired bypass dynamic revalidated updating none error tcp_hit tcp_miss refreshhit refresh_hit pass"
)
_NAMES = (
    "accept accept-encoding accept-language access-control-request-headers access-control-request-method authorization "
    "content-type cookie host if-modified-since if-none-match origin range referer save-data sec-fetch-dest "
    "sec-fetch-mode sec-fetch-site user-agent x-requested-with cache-control content-length etag"
)

# name → how its value is made safe. Those that hold URLs or hosts (_LINKS) go through ``Urls``, for their pseudonyms.
COMMON: dict[str, Clean] = {
    "accept": _accept,
    "accept-encoding": listed("gzip deflate br zstd identity compress *"),
    "accept-language": matching(
        r"[a-z]{2}(?:-[a-z]{2})?(?:\s*,\s*[a-z]{2}(?:-[a-z]{2})?(?:;q=[01](?:\.[0-9])?)?){0,6}"
    ),
    "accept-ranges": listed("bytes none"),
    "access-control-allow-credentials": listed("true false"),
    "access-control-allow-headers": listed(_NAMES + " *"),
    "access-control-allow-methods": listed(" ".join(METHODS).lower() + " *"),
    "access-control-expose-headers": listed(_NAMES + " *"),
    "access-control-max-age": matching(r"-?[0-9]{1,9}"),
    "access-control-request-headers": listed(_NAMES),
    "access-control-request-method": listed(" ".join(METHODS).lower()),
    "age": _seconds,
    "allow": listed(" ".join(METHODS).lower()),
    "cache-control": _cache_control,
    "cf-cache-status": listed(_HIT),
    "connection": listed("keep-alive close upgrade te"),
    "content-encoding": listed("gzip deflate br zstd identity compress"),
    "content-length": _NUMBER,
    "content-type": mime,
    "date": _WHEN,
    "dnt": matching(r"[01]"),
    "expires": matching(_DATE + r"|-1|0"),
    "if-modified-since": _WHEN,
    "last-modified": _WHEN,
    "pragma": listed("no-cache"),
    "priority": matching(r"u=[0-7](?:\s*,\s*i)?|i"),
    "proxy-authenticate": _challenge,
    "range": _range,
    "referrer-policy": listed(
        "no-referrer no-referrer-when-downgrade origin origin-when-cross-origin same-origin strict-origin "
        "strict-origin-when-cross-origin unsafe-url"
    ),
    "retry-after": matching(r"[0-9]{1,6}|" + _DATE),
    "sec-fetch-dest": listed(
        "audio document empty embed font frame iframe image manifest object script style track video worker"
    ),
    "sec-fetch-mode": listed("cors navigate no-cors same-origin websocket"),
    "sec-fetch-site": listed("cross-site same-origin same-site none"),
    "sec-fetch-user": matching(r"\?[01]"),
    "sec-ch-ua-mobile": matching(r"\?[01]"),
    "sec-websocket-version": matching(r"[0-9]{1,2}"),
    "server": _product,
    "server-timing": _server_timing,
    "strict-transport-security": _transport_security,
    "te": listed("trailers"),
    "transfer-encoding": listed("chunked gzip deflate identity"),
    "upgrade": listed("websocket h2c"),
    "upgrade-insecure-requests": matching(r"1"),
    "user-agent": _agent,
    "vary": listed(_NAMES + " *"),
    "via": _via,
    "www-authenticate": _challenge,
    "x-cache": listed(_HIT),
    "x-cache-hits": matching(r"[0-9]{1,6}(?:, ?[0-9]{1,6}){0,4}"),
    "x-content-type-options": listed("nosniff"),
    "x-frame-options": listed("deny sameorigin"),
}
_SPELLED = words("server server-timing via")  # the values of which hold words of the artifact's own choosing
_LINKS = words("origin referer location content-location access-control-allow-origin")
_DROPPED_AS = {
    "cookie": "cookie",
    "set-cookie": "cookie",
    "cookie2": "cookie",
    "set-cookie2": "cookie",
    "host": "repeats-url",  # and pseudo-headers of HTTP/2: the URL says it already
    ":authority": "repeats-url",
    ":method": "repeats-url",
    ":path": "repeats-url",
    ":scheme": "repeats-url",
    ":status": "repeats-url",
    "authorization": "authorisation",
    "proxy-authorization": "authorisation",
    "authentication-info": "authorisation",
    "x-api-key": "authorisation",
    "x-auth-token": "authorisation",
    "x-csrf-token": "authorisation",
    "x-xsrf-token": "authorisation",
}


NAMES = frozenset(COMMON) | _LINKS  # every header that may be shown


class Judged(NamedTuple):
    """What becomes of one header: the pair to show as JSON, or None, and the rules under which something went."""

    shown: str | None
    rules: tuple[str, ...]


# Most of a capture is header lists made of the same few hundred pairs. Each pair becomes JSON once, and its list is
# put where the mark stands when all else is written; no other value can be the mark, for none may hold this sign.
MARK = "@"


def _pair(name: str, value: str) -> str:
    return f'{{"name":{encode_basestring_ascii(name)},"value":{encode_basestring_ascii(value)}}}'


class Headers:
    """Rebuilds header lists of one artifact. Names come out in lower case, from our table; a pair is judged once."""

    def __init__(self, redaction: Redaction, urls: Urls) -> None:
        self._redaction = redaction
        self._urls = urls
        self.vendor = False  # whether the request went to a host of the vendor's: its ids are judged by that
        self._correlation = Correlation(redaction)
        self._seen: dict[bool, dict[tuple[str, str], Judged]] = {False: {}, True: {}}
        self._lists: list[str] = []

    def rebuild(self, items: Any, place: str) -> str:
        """Of HAR's ``[{"name", "value"}]`` those that may stay, in their order. See ``MARK``."""
        kept: list[str] = []
        rules: list[str] = []
        seen = self._seen[self.vendor]
        if type(items) is not list:
            items = [] if items is None else [items]
        for item in items:
            try:
                judged = seen.get((item["name"], item["value"])) or self._first(item)
            except (KeyError, TypeError):  # not of this form
                judged = self._first(item)
                rules += self._more(item)
            else:
                if len(item) != 2:  # noqa: PLR2004 # a comment, or a tool's own key
                    rules += self._more(item)
            shown, gone = judged
            if shown is not None:
                kept.append(shown)
            if gone:
                rules += gone
        self._redaction.count(rules, place)
        self._lists.append(f"[{','.join(kept)}]")
        return MARK

    def splice(self, text: str) -> str:
        """``text``, JSON of what holds the marks, with the header lists in their places."""
        pieces = text.split(f'"{MARK}"')
        whole = [part for pair in zip(pieces, self._lists, strict=False) for part in pair]
        self._lists = []
        return "".join(whole) + pieces[-1]

    def _first(self, item: Any) -> Judged:
        name, value = (item.get("name"), item.get("value")) if type(item) is dict else (None, None)
        if type(name) is str and type(value) is str:
            return self._judge(name, value)
        self._redaction.remember("malformed", item)
        return Judged(None, ("malformed",))

    def _more(self, item: Any) -> tuple[str, ...]:
        if type(item) is not dict:
            return ()
        self._redaction.remember("unlisted-key", {k: item[k] for k in item.keys() - {"name", "value"}})
        return ("unlisted-key",) if len(item) > 2 else ()  # noqa: PLR2004

    def _judge(self, given: str, value: str) -> Judged:
        name = given.lower()
        if name in self._correlation.names:
            judged = self._correlated(name, value)
        elif name in _LINKS:
            judged = self._link(name, value)
        elif (rule := COMMON.get(name)) is None:
            dropped = _DROPPED_AS.get(name) or ("authorisation" if opens_doors(name) else "custom-header")
            self._redaction.remember(dropped, value)
            self._redaction.remember(dropped, given)
            judged = Judged(None, (dropped,))
        elif (clean := rule(value)) is None or (name in _SPELLED and not self._spelled(clean)):
            self._redaction.remember("unsafe-value", value)
            judged = Judged(None, ("unsafe-value",))
        else:
            if name not in _SPELLED:
                self._redaction.own.add(clean)
            judged = Judged(_pair(name, clean), () if clean == value else self._redaction.narrowed(value, clean))
        if judged.shown is not None:
            self._redaction.own.add(name)
        self._seen[self.vendor][given, value] = judged
        return judged

    def _correlated(self, name: str, value: str) -> Judged:
        shown = self._correlation.shown(name, value, self._urls.suspects, vendor=self.vendor)
        if shown is None:
            self._redaction.remember("unsafe-value", value)
            return Judged(None, ("unsafe-value",))
        return Judged(_pair(name, shown), () if shown == value else ("identifier",))

    def _spelled(self, clean: str) -> bool:
        if clean in self._urls.suspects:
            return False
        self._redaction.spelled.add(clean)
        return True

    def _link(self, name: str, value: str) -> Judged:
        if value in {"*", "null"}:
            return Judged(_pair(name, value), ())
        cleaned = self._urls.cleaned(value)
        return Judged(_pair(name, cleaned.text), cleaned.rules)
