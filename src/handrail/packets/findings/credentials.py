"""Secrets by their shape: known tokens, keys, what stands in addresses, and what nobody would write by hand."""

from __future__ import annotations

import binascii
import html
import math
import re
from collections import Counter
from collections.abc import Iterator
from urllib.parse import unquote_to_bytes

from handrail.packets.findings import kinds
from handrail.packets.findings.kinds import Spotted

# Each begins with fixed text or a bounded class behind a look-behind that forbids starting inside a run: time stays
# linear.
_JWT = re.compile(r"eyJ[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]*){0,4}")
_CLOUD_KEY = re.compile(r"(?:A3T[A-Z0-9]|ABIA|ACCA|AGPA|AIDA|AKIA|ANPA|AROA|ASIA)[0-9A-Z]{10,}")
_PREFIXED = re.compile(
    r"(?<![A-Za-z0-9])(?:gh[pousr]_|github_pat_|gl(?:pat|dt|ft|soat|rt|ptt|cbt|agent)-|xox[abeoprs]-|xapp-|"
    r"[sprw]k_live_|[spr]k_test_|whsec_|sk-|AIza|ya29\.|1//0|hv[sbr]\.|dop_v1_|npm_|pypi-|SG\.|shp(?:at|ss|ca|pa)_|EAAC|"
    r"dckr_pat_|ATATT3|lin_api_|nvapi-|hf_|gsk_|r8_|sq0[a-z]{3}-|PMAK-|rubygems_|NRAK-|figd_|sbp_|glsa_|dapi|key-|"
    r"AGE-SECRET-KEY-|tskey-|pat-|AC(?=[0-9a-f]{32})|SK(?=[0-9a-f]{32}))[A-Za-z0-9_.+/=~-]{8,}"
)
_HOOK = re.compile(
    r"(?:hooks\.slack\.com/(?:services|workflows)|discord(?:app)?\.com/api/webhooks|webhook\.office\.com/webhookb2)/\S+"
)
_KEY_BEGINS = re.compile(
    r"-{0,5} ?BEGIN [A-Z0-9 ]{0,40}(?:KEY|CERTIFICATE|MESSAGE)[A-Z ]{0,20}-{0,5}|PuTTY-User-Key-File"
)
_KEY_ENDS = re.compile(r"-{0,5} ?END [A-Z0-9 ]{0,60}-{0,5}")
_LONGEST_KEY = 20_000
_IN_ADDRESS = re.compile(r"://[^\s/?#@:]{0,200}:[^\s/?#@]{1,200}@")
_PARAMETER = re.compile(
    r"(?i)(?<=[?&;#])(?:sig|signature|code|[a-z_]{0,20}token|[a-z_]{0,20}key|apikey|[a-z_]{0,20}secret|passw(?:or)?d|pwd|"
    r"state|nonce|saml(?:response|request|art)|relaystate|assertion|ticket|session(?:_?id)?|sid|jsessionid|auth|"
    r"client_assertion|login_hint|id_token_hint|x-amz-[a-z-]{1,30})=(?P<value>[^\s&;#\"'<>]{4,})"
)
_HEADER = re.compile(
    r"(?i)(?<![a-z0-9])(?:(?:proxy-)?authorization|(?:set-)?cookie2?|x-[a-z-]{0,30}(?:key|token|secret|auth)) ?: ?"
    r"(?:(?:basic|bearer|digest|negotiate|ntlm|aws4-hmac-sha256) )?+(?P<value>\S{4,})"
)
_SCHEME = re.compile(r"(?i)(?<![a-z0-9])(?:bearer|basic|negotiate|ntlm) (?P<value>[A-Za-z0-9+/_.~=-]{12,})")
_BASE64 = re.compile(r"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{10,}={1,2}(?![A-Za-z0-9~=])")
_PIECE = re.compile(r"(?<![A-Za-z0-9+_/-])[A-Za-z0-9+_/-]{16,}={0,2}")
_HEX = re.compile(r"(?<![0-9A-Za-z])(?:0x)?[0-9A-Fa-f]{16,}(?![0-9A-Za-z])")
_HEX_PAIRS = re.compile(r"(?<![0-9A-Fa-f:-])[0-9A-Fa-f]{2}(?:[:-][0-9A-Fa-f]{2}){7,}(?![0-9A-Fa-f])")
_UUID = re.compile(r"(?<![0-9A-Za-z-])[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}(?![0-9A-Za-z-])")
_PERCENT = re.compile(r"(?:%[0-9A-Fa-f]{2})(?:[A-Za-z0-9._~+/=@:-]|%[0-9A-Fa-f]{2}){3,}")
_JOINED = re.compile(r"^[A-Za-z0-9._~+/-]*[A-Za-z0-9_~+/-]")
_JOINED_MOST = 128
# Characters by their numbers: in HTML, in JSON, in mails.
_ESCAPED = re.compile(
    r"(?:[A-Za-z0-9._@+-]{0,24}(?:&#x?[0-9A-Fa-f]{1,6};|\\u[0-9a-fA-F]{4}|=[0-9A-F]{2})){2,}[A-Za-z0-9._@+-]{0,64}"
    r"|[A-Za-z0-9._+-]{1,64}&#(?:64|x40);[A-Za-z0-9.-]{1,64}"
)
_SLASHED = re.compile(r"\\u([0-9a-fA-F]{4})")
_QUOTED = re.compile(r"=([0-9A-F]{2})")
_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[0-9]+")
_OF_A_TRACE = re.compile(
    r"(?i)(?:trace|span|request|correlation|message|activity|transaction|session index|case|id)s?\W{0,3}$"
)
_BEFORE = 24
_BITS = 3.3
_LONG = 20
_PARTS = 0.34
_PRINTED = 0.9


def tokens_in(text: str) -> Iterator[Spotted]:
    """What certainly is a secret, wherever it stands."""
    for kind, pattern in (
        (kinds.JWT, _JWT),
        (kinds.TOKEN, _CLOUD_KEY),
        (kinds.TOKEN, _HOOK),
        (kinds.IN_ADDRESS, _IN_ADDRESS),
    ):
        for match in pattern.finditer(text):
            yield Spotted(kind, match.start(), match.end())
    for kind, pattern in ((kinds.TOKEN, _SCHEME), (kinds.TOKEN, _HEADER), (kinds.IN_ADDRESS, _PARAMETER)):
        for match in pattern.finditer(text):
            yield Spotted(kind, match.start("value"), match.end("value"))
    for match in _PREFIXED.finditer(text):
        if has_both(match[0]):
            yield Spotted(kinds.TOKEN, match.start(), match.end())
    yield from _keys(text)


def _keys(text: str) -> Iterator[Spotted]:
    """A key from its first line to its last one, or what there is of it."""
    end = 0
    for match in _KEY_BEGINS.finditer(text):
        if match.start() < end:
            continue
        closing = _KEY_ENDS.search(text, match.end(), match.end() + _LONGEST_KEY)
        end = closing.end() if closing else min(len(text), match.end() + _LONGEST_KEY)
        yield Spotted(kinds.PRIVATE_KEY, match.start(), end)


def random_in(text: str) -> Iterator[Spotted]:
    """What nobody would write by hand, and so may be a secret."""
    for match in _UUID.finditer(text):
        yield Spotted(kinds.IDENTIFIER, match.start(), match.end())
    for match in _HEX.finditer(text):
        if not match[0].isdecimal():
            kind = kinds.IDENTIFIER if _named_identifier(text, match.start()) else kinds.HEXADECIMAL
            yield Spotted(kind, match.start(), match.end())
    for match in _HEX_PAIRS.finditer(text):
        yield Spotted(kinds.HEXADECIMAL, match.start(), match.end())
    for match in _BASE64.finditer(text):
        if not match[0].rstrip("=").islower():
            yield Spotted(kinds.ENCODED, match.start(), match.end())
    for match in _PIECE.finditer(text):
        if is_random(match[0]):
            yield Spotted(kinds.RANDOM, *_whole(text, match.start(), match.end()))


def _whole(text: str, start: int, end: int) -> tuple[int, int]:
    """With what is joined to it on both sides, such as the other parts of a token."""
    before = _JOINED.search(text[max(0, start - _JOINED_MOST) : start][::-1])
    after = _JOINED.search(text[end : end + _JOINED_MOST])
    return start - (before.end() if before else 0), end + (after.end() if after else 0)


def encoded_in(text: str) -> Iterator[tuple[int, int, str]]:
    """Parts of ``text`` that are encoded, and what is read in them: base64, hexadecimal and percent signs."""
    for match in _PIECE.finditer(text):
        read = _base64(match[0])
        if read:
            yield match.start(), match.end(), read
    for match in _HEX.finditer(text):
        digits = match[0].removeprefix("0x")
        read = _printed(binascii.unhexlify(digits[: len(digits) // 2 * 2]))
        if read:
            yield match.start(), match.end(), read
    yield from _escaped_in(text)
    for match in _PERCENT.finditer(text):
        once = unquote_to_bytes(match[0])
        yield match.start(), match.end(), unquote_to_bytes(once).decode("utf-8", "replace")


def _escaped_in(text: str) -> Iterator[tuple[int, int, str]]:
    for match in _ESCAPED.finditer(text):
        read = _SLASHED.sub(lambda one: chr(int(one[1], 16)), html.unescape(match[0]))
        yield match.start(), match.end(), _QUOTED.sub(lambda one: chr(int(one[1], 16)), read)


def _base64(piece: str) -> str:
    plain = piece.rstrip("=").replace("-", "+").replace("_", "/")
    plain = plain[: len(plain) - (len(plain) % 4 == 1)]
    try:
        return _printed(binascii.a2b_base64(plain + "=" * (-len(plain) % 4)))
    except binascii.Error:
        return ""


def _printed(data: bytes) -> str:
    """``data`` as text, empty where that is none."""
    text = data.decode("latin-1")
    shown = sum(" " <= one <= "~" or one in "\r\n\t" for one in text)
    return text if shown >= _PRINTED * len(text) else ""


def has_both(text: str) -> bool:
    """Whether it has letters and digits, as tokens have and words have not."""
    return any(one.isdigit() for one in text) and any(one.isalpha() for one in text)


def is_random(piece: str) -> bool:
    """Whether a run of letters and digits falls into more parts than words and numbers would make."""
    letters = piece.strip("=-_+/")
    if len(letters) < 16 or ("/" in letters and _is_path(letters)):  # noqa: PLR2004
        return False
    kinds_of = sum(any(test(one) for one in letters) for test in (str.islower, str.isupper, str.isdigit))
    parts = len(_WORDS.findall(letters))
    if kinds_of < 2 or entropy(letters) <= _BITS:  # noqa: PLR2004
        return False
    return parts > _PARTS * sum(one.isalnum() for one in letters)


def _is_path(piece: str) -> bool:
    return all(part.isdecimal() or part.islower() or part.istitle() or not part for part in piece.split("/"))


def entropy(text: str) -> float:
    """Bits per character, by Shannon."""
    total = len(text)
    return -sum(n / total * math.log2(n / total) for n in Counter(text).values())


def _named_identifier(text: str, start: int) -> bool:
    return _OF_A_TRACE.search(text[max(0, start - _BEFORE) : start]) is not None
