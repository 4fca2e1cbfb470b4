"""Gathering an answer's body: decoded, whole, and never over its limit."""

from __future__ import annotations

import zlib
from collections.abc import Iterable

MAX_OVERHEAD = 64 * 1024  # what compression may add to bytes that do not compress


class TooLarge(Exception):
    """The decoded body is over the limit."""


class Garbled(Exception):
    """The body is not what its Content-Encoding says, or it ends early."""


def gather(chunks: Iterable[bytes], *, encoding: str, declared: str | None, limit: int) -> bytes:
    """All of ``chunks``, decoded, at most ``limit`` bytes.

    One ``gzip`` layer or none: that is all we ask for, and each further layer would multiply the work that a few bytes
    can cause. Raises TooLarge as soon as it is certain, Garbled for another encoding or a broken one.
    """
    name = encoding.strip().lower()
    if name in {"", "identity"}:
        if declared is not None and declared.isdecimal() and int(declared[:20]) > limit:
            raise TooLarge
        return _plain(chunks, limit)
    if name in {"gzip", "x-gzip"}:
        return _gunzipped(chunks, limit)
    raise Garbled


def _plain(chunks: Iterable[bytes], limit: int) -> bytes:
    body = bytearray()
    for chunk in chunks:
        body += chunk
        if len(body) > limit:
            raise TooLarge
    return bytes(body)


def _gunzipped(chunks: Iterable[bytes], limit: int) -> bytes:
    decoder = zlib.decompressobj(zlib.MAX_WBITS | 16)
    body = bytearray()
    received = 0
    for chunk in chunks:
        received += len(chunk)
        # One byte over the limit is enough to know; zlib takes 0 for "no limit", and this is never 0.
        try:
            body += decoder.decompress(chunk, limit + 1 - len(body))
        except zlib.error:
            raise Garbled from None
        if len(body) > limit or received > limit + MAX_OVERHEAD:
            raise TooLarge
    if received and (not decoder.eof or decoder.unused_data):
        raise Garbled
    return bytes(body)
