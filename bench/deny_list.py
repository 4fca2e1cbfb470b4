# ruff: noqa: E501  one pattern a line reads better than wrapped
"""A scrubber of captures as public tools have one: it takes away what it knows to be bad, and lets the rest through.

Names of headers, cookies, parameters and members are such as those tools list, the shapes those of common secret
scanners. It is meant to be as good as a list can be without holding anything back.
"""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import quote, unquote

from handrail.packets.sanitise.vocabulary import words

GONE = "[redacted]"
# Whole names, and pieces of names.
NAMES = words(
    """
authorization proxy-authorization cookie set-cookie cookie2 x-api-key x-auth-token x-csrf-token x-xsrf-token x-client-data
x-amz-security-token www-authenticate authentication-info sec-websocket-key samlrequest samlresponse samlart relaystate
access_token refresh_token id_token token code code_verifier code_challenge client_secret client_id client_assertion
assertion state nonce session sessionid session_id session_state jsessionid phpsessid sid password passwd pwd pass email
username user otp pin api_key apikey key sig signature x-amz-signature x-amz-credential challenge login_hint auth
authenticity_token csrf_token csrf facetid fcparams serverdata shdf usg vses2 appid enduser.id user.email user.id user.name
db.statement db.query.text http.request.header.authorization http.request.header.cookie
"""
)
PIECES = ("password", "passwd", "secret", "token", "credential", "cookie", "apikey", "api-key", "api_key", "private")
SHAPES = re.compile(
    r"eyJ[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]{6,}(?:\.[A-Za-z0-9_-]*)*|(?:AKIA|ASIA)[0-9A-Z]{16}|AIza[0-9A-Za-z_-]{35}|ya29\.[0-9A-Za-z_-]{20,}"
    r"|gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{50,}|glpat-[A-Za-z0-9_-]{20}|xox[abpors]-[A-Za-z0-9-]{10,}"
    r"|[sr]k_live_[A-Za-z0-9]{20,}|SK[0-9a-f]{32}|npm_[A-Za-z0-9]{36}|pypi-[A-Za-z0-9_-]{50,}|sk-[A-Za-z0-9-]{20,}"
    r"|SG\.[A-Za-z0-9_-]{20,}\.[A-Za-z0-9_-]{20,}|hvs\.[A-Za-z0-9_-]{20,}|v[1-4]\.(?:local|public)\.[A-Za-z0-9_-]{20,}"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----[^-]*-----END [A-Z ]*PRIVATE KEY-----"
    r"|[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}|\b(?:\d[ -]?){13,16}\b|\b(?:Bearer|Basic|Negotiate|NTLM|Digest) [^\s\"]+"
)
_URL = re.compile(r"^[a-z][a-z0-9+.-]*://", re.I)


def named(name: str) -> bool:
    lowered = name.lower()
    return lowered in NAMES or any(piece in lowered for piece in PIECES)


def scrub(data: bytes) -> bytes:
    """A capture or trace without what the list knows; also of JSON lines."""
    try:
        return json.dumps(_value(json.loads(data.decode("utf-8-sig"))), ensure_ascii=False).encode()
    except ValueError:
        return b"\n".join(json.dumps(_value(json.loads(line))).encode() for line in data.splitlines() if line.strip())


def _value(value: Any) -> Any:
    if isinstance(value, list):
        return [_value(one) for one in value]
    if isinstance(value, dict):
        return _object(value)
    return _text(value) if isinstance(value, str) else value


def _object(value: dict[str, Any]) -> dict[str, Any]:
    name = value.get("name") if "value" in value else value.get("key")
    if isinstance(name, str) and named(name):  # a header, cookie, parameter, attribute
        return {member: GONE if member == "value" else _value(inner) for member, inner in value.items()}
    if "domain" in value and "value" in value:  # any cookie
        return {**{member: _value(inner) for member, inner in value.items()}, "value": GONE}
    return {
        member: GONE if named(member) and isinstance(inner, str) else _value(inner) for member, inner in value.items()
    }


def _text(text: str) -> str:
    if _URL.match(text):
        return _url(text)
    inner = text.lstrip()
    if inner[:1] in ("{", "["):
        try:
            return json.dumps(_value(json.loads(text)))
        except ValueError:
            pass
    if "=" in text and " " not in text and "\n" not in text:
        return SHAPES.sub(GONE, "&".join(_pair(pair) for pair in text.split("&")))
    return SHAPES.sub(GONE, text)


def _url(text: str) -> str:
    address, mark, fragment = text.partition("#")
    place, asked, query = address.partition("?")
    place = re.sub(r"//[^/@]*@", f"//{GONE}@", place)
    place = re.sub(r";jsessionid=[^/;?]*", f";jsessionid={GONE}", place, flags=re.I)
    query = "&".join(_pair(pair) for pair in query.split("&"))
    fragment = "&".join(_pair(pair) for pair in fragment.split("&"))
    return SHAPES.sub(GONE, f"{place}{asked}{query}{mark}{fragment}")


def _pair(pair: str) -> str:
    name, mark, value = pair.partition("=")
    if named(unquote(name)):
        return f"{name}{mark}{GONE}"
    decoded = unquote(value)
    cleaned = SHAPES.sub(GONE, decoded)
    return pair if cleaned == decoded else f"{name}{mark}{quote(cleaned, safe='')}"
