"""OAuth 2.0 client credentials, for desks that take short-lived tokens only."""

from __future__ import annotations

from dataclasses import dataclass, replace
from threading import Lock
from time import monotonic
from typing import Annotated
from urllib.parse import urlencode

from pydantic import StringConstraints

from handrail.connectors.config import SecretReference, Section
from handrail.connectors.desk.failure import Category, DeskFailure, failure_of
from handrail.connectors.http import Client, to_answer
from handrail.connectors.outcome import Answer
from handrail.kernel.secrets import KeptSecret, Secret, Secrets

MAX_TOKEN = 8000
MAX_TOKEN_SECONDS = 3600.0
_MARGIN_SECONDS = 60.0  # a token is not used in its last minute: the desk's clock may be ahead of ours
_FORM = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}


class ClientCredentials(Section):
    """``[desk.oauth]``, RFC 6749 section 4.4. The token is fetched below ``base_url`` within the same budget."""

    token_path: Annotated[str, StringConstraints(pattern=r"^/[\x21-\x7e]*$", max_length=500)]
    client_id: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    secret: SecretReference
    scope: Annotated[str, StringConstraints(min_length=1, max_length=500)] | None = None


@dataclass(frozen=True, slots=True)
class _Token:
    secret: Secret
    until: float  # on the monotonic clock


class TokenSource:
    """Bearer tokens, each kept until shortly before it ends. Safe to share between threads."""

    def __init__(self, config: ClientCredentials, client: Client, secrets: Secrets) -> None:
        self._config = config
        self._client = client
        self._secret = KeptSecret(config.secret, secrets)
        self._kept: _Token | None = None
        self._lock = Lock()

    def bearer(self, *, deadline_seconds: float) -> Secret | DeskFailure:
        """A token that still holds, or why none could be had. Nothing has reached the ticket endpoint by then."""
        kept = self._kept
        if kept is not None and kept.until > monotonic():
            return kept.secret
        answer = self._ask(deadline_seconds)
        token = _token_in(answer)
        if token is None:
            return _why(answer)
        with self._lock:
            self._kept = token
        return token.secret

    def forget(self, refused: Secret) -> None:
        """The desk refused this token: the next call fetches another, unless another call has done so meanwhile."""
        with self._lock:
            if self._kept is not None and self._kept.secret == refused:
                self._kept = None

    def _ask(self, deadline_seconds: float) -> Answer:
        form = {
            "grant_type": "client_credentials",
            "client_id": self._config.client_id,
            "client_secret": self._secret.current().reveal(),
            **({"scope": self._config.scope} if self._config.scope else {}),
        }
        content = urlencode(form).encode()
        return to_answer(
            self._client.send(
                "POST", self._config.token_path, headers=_FORM, content=content, deadline_seconds=deadline_seconds
            )
        )


def _token_in(answer: Answer) -> _Token | None:
    body = answer.body
    if answer.failure is not None or answer.status != 200 or not isinstance(body, dict):  # noqa: PLR2004 - HTTP OK
        return None
    value, seconds = body.get("access_token"), body.get("expires_in")
    if not isinstance(value, str) or not 0 < len(value) <= MAX_TOKEN or not value.isascii() or not value.isprintable():
        return None
    lasts = float(seconds) if isinstance(seconds, int | float) and not isinstance(seconds, bool) else 0.0
    return _Token(Secret(value), monotonic() + min(lasts, MAX_TOKEN_SECONDS) - _MARGIN_SECONDS)


def _why(answer: Answer) -> DeskFailure:
    """The token endpoint's refusal as one of the desk's. It answers 400 to wrong credentials (RFC 6749, 5.2)."""
    failure = failure_of(answer) or DeskFailure(Category.CREDENTIALS)
    if failure.category in {Category.REJECTED, Category.PERMISSION}:
        return DeskFailure(Category.CREDENTIALS)
    if failure.category in {Category.TIMEOUT_UNKNOWN, Category.CONNECTION_LOST_UNKNOWN}:
        return DeskFailure(Category.UNREACHABLE)
    return replace(failure, outcome_unknown=False)
