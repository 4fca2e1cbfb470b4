"""Mail addresses of members: one spelling for each mailbox, in ASCII, so that no two look alike (ADR 0055)."""

from __future__ import annotations

import re

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from handrail.kernel.errors import Fault, Invalid

LIMIT = 254
# RFC 5321's dot-string: what quoting or a comment would add is another spelling of the same mailbox.
_LOCAL = re.compile(r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")


def cleaned(address: str) -> str:
    """``address`` in its one spelling: lower case. Raises Invalid, saying why, for what is none or has another."""
    lowered = address.strip(" ").lower() if address.isascii() else address
    reason = why_not(lowered)
    if reason:
        raise Invalid("This is not an e-mail address that Handrail takes.", faults=[Fault("email", reason)])
    return lowered


def why_not(address: str) -> str:
    """What is wrong with ``address`` as it is kept; empty when nothing is."""
    if not address.isascii():
        return "use ASCII characters only: others can look like another member's address"
    if len(address) > LIMIT:
        return f"at most {LIMIT} characters"
    local, _, domain = address.rpartition("@")
    if '"' in local or "(" in address or "\\" in local:
        return "leave out quotes and comments: they are another spelling of the same mailbox"
    if address != address.lower():
        return "use lower case: mailboxes are compared without it"
    if domain.endswith("."):
        return "leave out the dot at the end"
    labels = domain.split(".")
    if not _LOCAL.fullmatch(local) or not all(_LABEL.fullmatch(label) for label in labels):
        return "expected name@example.com"
    try:
        validate_email(address)
    except ValidationError:
        return "expected name@example.com"
    return ""
