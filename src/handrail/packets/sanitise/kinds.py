"""What kind of artifact bytes are by how they begin: a hint for a profile's conditions, never a reason to clear."""

from __future__ import annotations

import re

from handrail.packets.sanitise import archives
from handrail.packets.sanitise.threads import looks_like_threads

EXTENSIONS = {"har": "har", "otlp": "json", "log": "log", "threads": "log"}  # of files whose name has none
_HEAD = 4096
_PICTURES = (b"%PDF-", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"BM")
_HAR, _OTLP = (
    re.compile(rb'^\s*\{\s*"log"\s*:\s*\{'),
    re.compile(rb'"(?:resourceSpans|resourceLogs|batches|scopeSpans|instrumentationLibrarySpans)"\s*:\s*\['),
)


def content_of(data: bytes) -> str:
    """``har``, ``otlp``, ``threads``, ``log``, ``picture``, ``archive``; empty where it is none of them."""
    head = data[:_HEAD]
    if archives.is_archive(data):
        return "archive"
    if head.startswith(_PICTURES) or (head[:4] == b"RIFF" and head[8:12] == b"WEBP"):
        return "picture"
    if _HAR.search(head):
        return "har"
    if _OTLP.search(head):
        return "otlp"
    if b"\0" in head and not head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return ""
    if looks_like_threads(head):
        return "threads"
    return "log" if head.strip() else ""
