"""What an address must be like before anything secret goes there."""

from __future__ import annotations

import re

SECURE_URL = r"^(https://[^\s/?#@]+|http://(127\.0\.0\.1|localhost)(:\d+)?)(/[^\s?#]*)?$"
"""Over TLS, unless it is on this machine: without user, query and fragment."""

_SECURE_URL = re.compile(SECURE_URL)


def is_secure_url(text: str) -> bool:
    """Whether ``text``, the whole of it, is as ``SECURE_URL`` says."""
    return _SECURE_URL.fullmatch(text) is not None
