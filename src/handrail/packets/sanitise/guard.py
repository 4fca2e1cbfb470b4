"""Receives hostile bytes: size, shape, encoding and depth are checked before a parser sees them."""

from __future__ import annotations

import json
import re
import zlib
from array import array
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, NoReturn

from handrail.kernel.errors import Invalid

MIB = 1024 * 1024
# By magic number: an archive is refused before anything looks inside. Only one gzip member is unpacked, within limits.
_MAGIC = (
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
    (b"PK\x07\x08", "zip"),
    (b"\x1f\x8b", "gzip"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"7z\xbc\xaf\x27\x1c", "7z"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"Rar!\x1a\x07", "rar"),
)
_GZIP = b"\x1f\x8b"
_GZIP_WINDOW = 31  # zlib: the largest window, with gzip's header and checksum
_MOST_UNPACKED, _ALWAYS_UNPACKED = 250, MIB  # times the packed size; less than a MiB may be packed as tight as it gets
# As which a capture or trace is declared by browsers, mail and stores that know its ending, or nothing of it.
CONTENT_TYPES = frozenset(
    {
        "application/json", "text/json", "text/x-json", "application/octet-stream", "binary/octet-stream", "text/plain",
        "application/gzip", "application/x-gzip",
    }
)  # fmt: skip
_TAR_AT, _TAR = 257, b"ustar"
_NOT_MARKS = bytes(set(range(256)) - set(b'[]{}":'))
_QUOTE = b'"'
_MOST_SAME = 20_000
_ESCAPE = re.compile(rb"\\.", re.S)
_STEPS = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")  # as signed bytes: one deeper, one back


class JsonLines(list[Any]):
    """The JSON values of an artifact that has one a line."""


class SanitiseRefused(Invalid):
    """The bytes are not taken in at all. The original stays as it is; ``code`` and message say why, quoting nothing."""

    code = "artifact-refused"


@dataclass(frozen=True, slots=True)
class Limits:
    """``max_bytes`` of the artifact, ``max_depth`` of brackets, ``max_values`` of JSON values (they cost memory)."""

    max_bytes: int = 64 * MIB
    max_depth: int = 64
    max_values: int = 4_000_000


def read_json(
    data: bytes,
    *,
    content_type: str | None = None,
    expected: Collection[str] = (),
    limits: Limits | None = None,
    lines: bool = False,
) -> Any:
    """The JSON value in ``data``: UTF-8, no duplicate keys, no NaN, at most ``limits``; packed by gzip or not.

    ``content_type`` is what the store declared, or None when it declared nothing; ``expected`` are those that are
    taken. ``lines``: one value a line is taken too, as ``JsonLines``. Raises SanitiseRefused.
    """
    limits = limits or Limits()
    if len(data) > limits.max_bytes:
        _refuse("too-large", f"The artifact has {len(data)} bytes; the limit is {limits.max_bytes}.")
    if data.startswith(_GZIP):
        data = _unpacked(data, limits)
    check_type(data, content_type, expected)
    members = _check_shape(data, limits)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        _refuse("not-utf8", f"The artifact is not UTF-8 (byte {error.start}).")
    try:
        return _unique(text, members)
    except json.JSONDecodeError as error:
        if lines and error.msg == "Extra data" and (found := _lines(text, members)) is not None:
            return found
        _refuse("not-json", f"The artifact is not JSON (line {error.lineno}, column {error.colno}).")
    except (RecursionError, ValueError):  # ValueError: an integer of more digits than Python converts
        _refuse("not-json", "The artifact is JSON that no reader should take: too deep, or a number without end.")


def _unpacked(data: bytes, limits: Limits) -> bytes:
    """What the one member of a gzip file holds. No more is unpacked than is taken."""
    most = min(limits.max_bytes, max(_ALWAYS_UNPACKED, _MOST_UNPACKED * len(data)))
    unpacking = zlib.decompressobj(_GZIP_WINDOW)
    try:
        plain = unpacking.decompress(data, most + 1)
    except zlib.error:
        _refuse("bad-gzip", "The artifact is packed by gzip and can't be unpacked: it is damaged.")
    if len(plain) > limits.max_bytes:
        _refuse("too-large", f"Unpacked, the artifact has more than {limits.max_bytes} bytes, which is the limit.")
    if len(plain) > most:
        _refuse("too-tight", f"Unpacked, the artifact has over {_MOST_UNPACKED} times its size. Attach it unpacked.")
    if not unpacking.eof:
        _refuse("bad-gzip", "The artifact is packed by gzip and can't be unpacked: its end is missing.")
    if unpacking.unused_data:
        _refuse("bad-gzip", "The artifact is packed by gzip and has something after its end. Attach the file itself.")
    return plain


def check_type(data: bytes, content_type: str | None, expected: Collection[str]) -> None:
    """Raises SanitiseRefused for an archive, and for a declared type that is not ``expected``."""
    for magic, name in _MAGIC:
        if data.startswith(magic):
            _refuse("archive", f"The artifact is an archive ({name}). Attach the file itself.")
    if data[_TAR_AT : _TAR_AT + len(_TAR)] == _TAR:
        _refuse("archive", "The artifact is an archive (tar). Attach the file itself.")
    if content_type is not None and content_type.partition(";")[0].strip().lower() not in expected:
        wanted = ", ".join(sorted(expected))
        _refuse("wrong-content-type", f"The artifact's declared content type is not one of: {wanted}.")


def _check_shape(data: bytes, limits: Limits) -> int:
    """How many members all objects together have, if ``data`` is JSON."""
    if not data or data.isspace():
        _refuse("empty", "The artifact is empty.")
    if b"\x00" in data:
        _refuse("not-utf8", "The artifact holds NUL bytes; it is not UTF-8 text.")
    brackets, strings, members = _skeleton(data)
    if len(brackets) + strings > limits.max_values:
        _refuse("too-many-values", f"The artifact may hold more than {limits.max_values} JSON values.")
    if _deeper(brackets, limits.max_depth):
        _refuse("too-deep", f"The artifact nests deeper than {limits.max_depth} levels.")
    return members


def _skeleton(data: bytes) -> tuple[bytes, int, int]:
    """The brackets outside strings, how many strings there are, and how many colons outside, found without parsing.

    Exact up to the first byte that isn't JSON, which is as far as a parser gets: a backslash is only legal inside a
    string, so after the escapes are gone, every second piece between quotes lies outside. Two quotes side by side
    change nothing about what is outside; most strings are gone with them.
    """
    marks = _ESCAPE.sub(b"", data).translate(None, _NOT_MARKS)
    quotes = marks.count(_QUOTE)
    outside = b"".join(marks.replace(_QUOTE + _QUOTE, b"").split(_QUOTE)[::2])
    brackets = outside.translate(None, b":")
    return brackets, quotes // 2, len(outside) - len(brackets)


def _deeper(brackets: bytes, levels: int) -> bool:
    """Whether they nest deeper than ``levels``. Taking away all empty pairs of one kind is one level at most."""
    left = brackets
    for level in range(levels):
        left = left.replace(b"{}" if level % 2 else b"[]", b"")
        if not left:
            return False
    return _deepest(brackets) > levels


def _deepest(brackets: bytes) -> int:
    return max(accumulate(array("b", brackets.translate(_STEPS))), default=0)


class _Members:
    """Counts the members of all objects as they are read. Each is written with one colon, so a key that stands twice
    in an object leaves fewer members than colons."""

    def __init__(self) -> None:
        self.kept = 0
        self._same: dict[tuple[str, str], dict[str, Any]] = {}

    def count(self, found: dict[str, Any]) -> dict[str, Any]:
        number = len(found)
        self.kept += number
        if number == 1:  # such as the value of an attribute: many are the same, so they are kept once
            (pair,) = found.items()
            if type(pair[1]) is str and len(self._same) < _MOST_SAME:
                return self._same.setdefault(pair, found)
        return found

    def read(self, text: str) -> Any:
        return json.loads(text, object_hook=self.count, parse_constant=_no_constant)

    def check(self, members: int) -> None:
        if self.kept != members:
            # Two readers may take different ones of the two: what was checked would not be what is read.
            _refuse("duplicate-key", "The artifact has an object with the same key twice.")


def _unique(text: str, members: int) -> Any:
    """The value of ``text``, whose objects have ``members`` members as they are written; refused when any is lost."""
    counted = _Members()
    value = counted.read(text)
    counted.check(members)
    return value


def _lines(text: str, members: int) -> JsonLines | None:
    """The values of ``text``, one a line; None where the first line is none. Blank lines are passed over."""
    counted, found = _Members(), JsonLines()
    for number, line in enumerate(_each_line(text), 1):
        if not line or line.isspace():
            continue
        try:
            found.append(counted.read(line))
        except json.JSONDecodeError:
            if not found:
                return None
            _refuse("not-json", f"The artifact has one JSON object a line; line {number} is not JSON.")
    counted.check(members)
    return found


def _each_line(text: str) -> Iterator[str]:
    """The lines of ``text`` one after another: all of them at once would take its memory again."""
    at = 0
    while (end := text.find("\n", at)) >= 0:
        yield text[at:end]
        at = end + 1
    yield text[at:]


def _no_constant(_name: str) -> NoReturn:
    _refuse("not-json", "The artifact holds NaN or Infinity, which JSON does not have.")


def _refuse(code: str, message: str) -> NoReturn:
    raise SanitiseRefused(message, code=code)
