"""Looks for canaries in all that a package is made of, in every writing that a reader could undo."""

from __future__ import annotations

import base64
import gzip
import html
import io
import json
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote, quote_plus

from tests.canaries.kinds import Canary

_LONG, _WINDOW = 28, 18
_SHORT = 10
_ENCODED = "base64"
_PAYLOAD = "payload"
_STREAM = re.compile(rb"stream\r?\n(.*?)\r?\nendstream", re.S)
_PNG = b"\x89PNG\r\n\x1a\n"
_FOLLOWING_CHUNKS = 12


def opened(name: str, raw: bytes) -> Iterator[tuple[str, bytes]]:
    """``raw``, and all that it holds: members of archives, compressed streams, the payloads of envelopes."""
    yield name, raw
    if raw[:2] == b"\x1f\x8b":
        yield from opened(f"{name}!gzip", gzip.decompress(raw))
    elif raw[:4] == b"PK\x03\x04":
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            for member in archive.infolist():
                yield f"{name}!{member.filename}!name", member.filename.encode()
                yield from opened(f"{name}!{member.filename}", archive.read(member))
    elif raw[:5] == b"%PDF-":
        for number, found in enumerate(_STREAM.finditer(raw)):
            yield f"{name}!stream{number}", _inflated(found[1])
    elif raw.startswith(_PNG):
        yield f"{name}!pixels", _inflated(b"".join(_image_data(raw)))
    elif raw[:1] in b"{[":
        yield from _of_json(name, raw)


def _image_data(raw: bytes) -> Iterator[bytes]:
    at = len(_PNG)
    while at < len(raw):
        size = int.from_bytes(raw[at : at + 4], "big")
        if raw[at + 4 : at + 8] == b"IDAT":
            yield raw[at + 8 : at + 8 + size]
        at += size + _FOLLOWING_CHUNKS


def _inflated(raw: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(raw)
    except zlib.error:
        return raw


def _of_json(name: str, raw: bytes) -> Iterator[tuple[str, bytes]]:
    try:
        value = json.loads(raw)
    except ValueError:
        return
    yield f"{name}!json", "\n".join(_texts(value)).encode()
    if isinstance(value, dict) and isinstance(value.get(_PAYLOAD), str) and "signatures" in value:
        yield from opened(f"{name}!payload", base64.b64decode(value[_PAYLOAD]))


def _texts(value: Any) -> Iterator[str]:
    """Every text and number in it, names of members too, as a reader sees them: without escapes."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)
    else:
        yield str(value)


def forms(secret: str) -> Iterator[tuple[str, str]]:
    """Every writing of ``secret`` that counts as the secret, by its name."""
    yield "plain", secret
    yield "reversed", secret[::-1]
    yield "without blanks", "".join(secret.split())
    yield "URL", quote(secret, safe="")
    yield "URL but for slashes", quote(secret)
    yield "form", quote_plus(secret)
    yield "URL twice", quote(quote(secret, safe=""), safe="")
    yield "JSON", json.dumps(secret)[1:-1]
    yield "HTML", html.escape(secret)
    raw = secret.encode()
    yield "hexadecimal", raw.hex()
    for lead in range(3):
        # Without the characters at each end that also hold bits of its neighbours.
        inner = base64.b64encode(b"\0" * lead + raw).decode()[-(-lead * 8 // 6) : (lead + len(raw)) * 8 // 6]
        yield f"{_ENCODED} at {lead}", inner
        yield f"{_ENCODED}url at {lead}", inner.translate(str.maketrans("+/", "-_"))


class Haystack:
    """All readings of all that left."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self._texts = {
            name: raw.decode("utf-8", "replace").lower()
            for path, content in files.items()
            for name, raw in opened(path, content)
        }
        self._windows: set[str] | None = None

    def found(self, canaries: Iterable[Canary]) -> list[str]:
        """Kind, place, writing and file of each canary that can be read; nothing of its value."""
        return [line for canary in canaries for line in self._places(canary)]

    def _places(self, canary: Canary) -> Iterator[str]:
        for form, text in {text.lower(): form for form, text in forms(canary.secret)}.items():
            for name, hay in self._texts.items():
                if form in hay and (len(form) > _SHORT or text.startswith(_ENCODED) or _alone(form, hay)):
                    yield f"{canary.kind} of {canary.place}, {text}, in {name}"
        if len(canary.secret) >= _LONG and " " not in canary.secret and self._part_of(canary.secret.lower()):
            yield f"part of {canary.kind} of {canary.place}"

    def _part_of(self, secret: str) -> bool:
        if self._windows is None:
            self._windows = {
                hay[at : at + _WINDOW] for hay in self._texts.values() for at in range(len(hay) - _WINDOW + 1)
            }
        return any(secret[at : at + _WINDOW] in self._windows for at in range(len(secret) - _WINDOW + 1))


def _alone(short: str, hay: str) -> bool:
    """Whether so short a text stands by itself: inside a digest it is there by chance."""
    at = hay.find(short)
    while at >= 0:
        before, after = hay[at - 1 : at], hay[at + len(short) : at + len(short) + 1]
        if not before.isalnum() and not after.isalnum():
            return True
        at = hay.find(short, at + 1)
    return False
