"""Whether an answer is from now: a gateway may give out what it kept from before the call, and then it says so.

RFC 9111 (``Age``, ``Warning``), RFC 9211 (``Cache-Status``), and the headers of common caches that say "hit". What was
asked of the origin again counts as new (``REVALIDATED``, ``RefreshHit``, ``TCP_REFRESH_HIT``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

# Sent with every read. RFC 9111 §5.2.1.4; Pragma is for HTTP/1.0 caches (§5.4).
ASK_ORIGIN: Mapping[str, str] = {"cache-control": "no-cache", "pragma": "no-cache"}

_NUMBER = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,12})?")
# Stale, revalidation failed, disconnected, heuristic expiration.
_WARNINGS = re.compile(r"(?:^|,)\s*11[0-3]\b")
# Amazon API Gateway, where the caller may not go past its cache: "199 Cache-control headers were ignored …".
_IGNORED = re.compile(r"(?:^|,)\s*199\b[^,]*cache-control", re.IGNORECASE)
# X-Cache, X-Proxy-Cache, CF-Cache-Status, X-Cache-Remote …; not X-Cache-Lookup, which speaks of another request.
_CACHE = re.compile(r"(?:[a-z0-9]+-)+cache(?:-status|-remote|-hit)?")
_HIT = re.compile(
    r"(?:(?:[a-z]+_)*(?<!refresh_)hit|stale|updating|prerender|fresh|true|yes|tcp_refresh_fail\w*)\b", re.IGNORECASE
)
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
_MAX_AGE = re.compile(r"(?:^|[,\s])(s-maxage|max-age)\s*=\s*\"?(\d{1,9})", re.IGNORECASE)


def is_from_before(headers: Mapping[str, str], seconds: float) -> bool:
    """Whether the answer (``headers`` by lower-case name) may be older than its call, which took ``seconds``."""
    warning = headers.get("warning", "")
    return (
        age_seconds(headers) > seconds
        or _WARNINGS.search(warning) is not None
        or _IGNORED.search(warning) is not None
        or _is_hit(headers.get("cache-status", ""))
        or any(_names_hit(value) for name, value in headers.items() if _CACHE.fullmatch(name))
    )


def age_seconds(headers: Mapping[str, str]) -> float:
    """How old the answer says it is: the largest ``Age``; 0 where it says nothing readable."""
    given = (_NUMBER.fullmatch(part.strip()) for part in headers.get("age", "").split(","))
    return max((float(found[0]) for found in given if found), default=0.0)


def seconds_kept(headers: Mapping[str, str]) -> float | None:
    """After which time the cache has to ask the origin again; None where the answer doesn't say."""
    lifetimes = {found[1].lower(): float(found[2]) for found in _MAX_AGE.finditer(headers.get("cache-control", ""))}
    lifetime = lifetimes.get("s-maxage", lifetimes.get("max-age"))
    return None if lifetime is None else max(lifetime - age_seconds(headers), 1.0)


def _is_hit(cache_status: str) -> bool:
    """RFC 9211: each cache on the way is a list member; the bare parameter ``hit`` says that it asked nobody."""
    members = _QUOTED.sub("q", cache_status).split(",")
    return any(
        parameter.strip().lower() in {"hit", "hit=?1"} for member in members for parameter in member.split(";")[1:]
    )


def _names_hit(value: str) -> bool:
    """``HIT``, ``Hit from cloudfront``, ``TCP_MEM_HIT from …``, ``MISS, HIT``: the first word of each part counts."""
    words = (part.split(maxsplit=1)[0] for part in value.replace(";", ",").split(",") if part.strip())
    return any(_HIT.match(word.strip("\"'")) for word in words)
