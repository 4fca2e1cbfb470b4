"""Secrets in the artifacts of the practice estate, by the place where they stand: for those who search for them."""

from __future__ import annotations

import base64
from hashlib import sha256

from handrail.sandbox.faults import CANARY


class Plants:
    """Always the same ones: each is made of its place's name."""

    def __init__(self) -> None:
        self.planted: dict[str, str] = {}

    def opaque(self, place: str) -> str:
        """43 letters and digits, as session ids and codes are."""
        return self.keep(place, base64.urlsafe_b64encode(sha256(place.encode()).digest()).decode().rstrip("="))

    def hexadecimal(self, place: str) -> str:
        return self.keep(place, sha256(place.encode()).hexdigest()[:32])

    def marked(self, place: str) -> str:
        return self.keep(place, f"{CANARY}har-{place.replace(' ', '-')}")

    def keep(self, place: str, secret: str) -> str:
        self.planted[place] = secret
        return secret
