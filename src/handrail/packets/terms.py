"""What packets are found by: digests of the values of their case and of how these begin, under a key of the workspace
that is kept outside the database. The database learns from them which packets share a value, and no value."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Iterable

from django.db.models import Q

from handrail.access import subjects
from handrail.access.subjects import KeyKind, KeySubject

# A longer beginning is looked for by its first characters; what was found is compared afterwards.
SHORTEST, LONGEST = 2, 32
_MOST_VALUES = 16


def terms_of(workspace_id: int, values: Iterable[str]) -> list[str]:
    """Every term of these values, each once."""
    key = _key(workspace_id)
    found: dict[str, None] = {}
    for value in list(values)[:_MOST_VALUES]:
        found[_term(key, "whole", value)] = None
        for length in range(SHORTEST, min(len(value), LONGEST) + 1):
            found[_term(key, "begins", value[:length])] = None
    return list(found)


def whole(workspace_id: int, text: str) -> str:
    return _term(_key(workspace_id), "whole", text)


def begins(workspace_id: int, text: str) -> str:
    return _term(_key(workspace_id), "begins", text[:LONGEST])


def is_begun(subject: str, text: str) -> bool:
    return any(part.startswith(text) for part in (subject, *subject.split(" / ")))


def clear_whole(text: str) -> Q:
    """As the database finds rows from before subjects were encrypted; a ciphertext looks like none of them."""
    stored = "subject__stored"
    part = Q(**{f"{stored}__startswith": f"{text} / "}) | Q(**{f"{stored}__endswith": f" / {text}"})
    return Q(terms=None) & (Q(**{stored: text}) | part | Q(**{f"{stored}__contains": f" / {text} / "}))


def clear_begins(text: str) -> Q:
    begins = Q(subject__stored__startswith=text) | Q(subject__stored__contains=f" / {text}")
    return Q(terms=None) & begins


def _term(key: bytes, how: str, text: str) -> str:
    made = hmac.digest(key, f"{how} {text}".encode("utf-8", errors="surrogatepass"), "sha256")
    return base64.b64encode(made[:12]).decode()


def _key(workspace_id: int) -> bytes:
    return subjects.key_for(KeySubject(0, f"SEARCH-{workspace_id}", KeyKind.VALUES)).secret
