"""The headers that tell a target who calls. What comes from a file is read again once the file has changed."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from contextlib import suppress

from handrail.connectors.config import Auth, BasicAuth, BearerAuth, HeaderAuth
from handrail.kernel.errors import Misconfigured
from handrail.kernel.secrets import KeptSecret, Secrets


class Credentials:
    """Of one configured target. Safe to share between threads."""

    def __init__(self, auth: Auth, secrets: Secrets) -> None:
        """Raises Misconfigured for a secret that is missing or can't be sent."""
        self._auth = auth
        self._kept = {reference: KeptSecret(reference, secrets) for reference in _references(auth)}
        self._usable = self._made()

    @property
    def rotate(self) -> bool:
        """Whether others may be there soon: a target that refuses these may be ahead of their file."""
        return any(one.rotates for one in self._kept.values())

    def headers(self) -> Mapping[str, str]:
        """As they are now; as they were before, while what is in the file can't be sent."""
        with suppress(Misconfigured):
            self._usable = self._made()
        return self._usable

    def _made(self) -> Mapping[str, str]:
        auth = self._auth
        if isinstance(auth, BearerAuth):
            return {"authorization": "Bearer " + self._revealed(auth.secret)}
        if isinstance(auth, HeaderAuth):
            return {auth.name.lower(): auth.prefix + self._revealed(auth.secret)}
        if isinstance(auth, BasicAuth):
            user = self._revealed(auth.username_secret) if auth.username_secret else auth.username or ""
            password = self._revealed(auth.secret) if auth.secret else "x"
            return {"authorization": "Basic " + b64encode(f"{user}:{password}".encode()).decode("ascii")}
        return {}

    def _revealed(self, reference: str) -> str:
        value = self._kept[reference].current().reveal()
        if not value.isascii() or not value.isprintable():
            raise Misconfigured(
                f"The secret {reference} holds a line break or another character that can't be sent.",
                code="secret-unusable",
            )
        return value


def _references(auth: Auth) -> list[str]:
    given = [getattr(auth, name, None) for name in ("secret", "username_secret")]
    return [reference for reference in given if reference is not None]
