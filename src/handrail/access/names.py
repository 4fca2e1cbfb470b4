"""Keys, slugs and names that people give: what identifies is checked, what is only shown is cleaned (ADR 0055)."""

from __future__ import annotations

import re

from handrail.kernel.errors import Fault, Invalid
from handrail.kernel.hostile import clean_text, is_storable

PERSON_LIMIT = 150
TENANT_LIMIT = 200
WORKSPACE_LIMIT = 120
KEY_LIMIT = 128
SLUG_LIMIT = 64
# No character that means something in an address or a shell, none that is not seen; "." and ".." are path segments.
_KEY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._:@~-]*")
_SLUG = re.compile(r"[a-z0-9]+([_-][a-z0-9]+)*")


def tenant_key(key: str) -> str:
    """``key``, unless it can't stand in an address. Raises Invalid."""
    if why := why_not_key(key):
        raise Invalid("This can't be a tenant's key.", faults=[Fault("key", why)])
    return key


def why_not_key(key: str) -> str:
    """What is wrong with ``key`` as a tenant's; empty when nothing is."""
    if len(key) > KEY_LIMIT:
        return f"at most {KEY_LIMIT} characters"
    if not _KEY.fullmatch(key):
        return "letters, digits and . _ : @ ~ - in ASCII, beginning with a letter, a digit or _"
    return ""


def tenant_ref(tenant_id: int) -> str:
    """What names a tenant where its key must not stand: in events, which outlive it, and in certificates."""
    return f"TEN-{tenant_id}"


def slug(given: str) -> str:
    """``given``, unless it can't be a workspace's short name. Raises Invalid."""
    if len(given) > SLUG_LIMIT or not _SLUG.fullmatch(given):
        expected = f"lower-case letters and digits in ASCII, with - or _ between them, at most {SLUG_LIMIT} characters"
        raise Invalid("This can't be a workspace's short name.", faults=[Fault("slug", expected)])
    return given


def required(text: str, *, where: str, limit: int) -> str:
    """``text`` as one clean line, without what is not seen. Raises Invalid when nothing is left, it is longer than
    ``limit`` characters, or it holds what the database can't keep."""
    found = optional(text, where=where, limit=limit)
    if not found:
        raise Invalid("A name is needed.", faults=[Fault(where, f"1 to {limit} characters that can be seen")])
    return found


def optional(text: str, *, where: str, limit: int) -> str:
    """Like ``required``, for what may be empty."""
    if not is_storable(text):
        raise Invalid("This can't be kept.", faults=[Fault(where, "no NUL and no half surrogate pairs")])
    if len(text) > limit:
        raise Invalid("This is too long.", faults=[Fault(where, f"at most {limit} characters")])
    return clean_text(text, limit=limit)
