"""Why a log-in through the identity provider ends: one stable cause each, for the log and the audit event."""

from __future__ import annotations

from enum import StrEnum


class Cause(StrEnum):
    """Stable codes, never reworded; ``docs/guides/when-something-is-wrong.md`` says what to do about each."""

    # It could not be asked.
    UNREACHABLE = "provider-unreachable"
    BUSY = "provider-busy"
    TLS = "provider-tls"
    REDIRECT = "provider-redirect"
    ERROR = "provider-error"
    # What it publishes of itself does not fit handrail.toml, or is not safe to use.
    DISCOVERY = "discovery-malformed"
    ISSUER = "discovery-issuer"
    ENDPOINT = "discovery-endpoint"
    ALGORITHMS = "discovery-algorithms"
    CLIENT_AUTHENTICATION = "discovery-client-authentication"
    CLIENT = "client-refused"
    # The browser brought back something else than was asked for.
    CANCELLED = "cancelled"
    STATE = "callback-state"
    CALLBACK = "callback-malformed"
    CALLBACK_ISSUER = "callback-issuer"
    CODE = "code-refused"
    # Its answers can't be used, or trusted.
    TOO_LARGE = "answer-too-large"
    ANSWER = "answer-malformed"
    TOKEN_TYPE = "token-type"  # noqa: S105 - a code
    TOKEN_MISSING = "token-missing"  # noqa: S105 - a code
    TOKEN = "token-malformed"  # noqa: S105 - a code
    TOKEN_ALGORITHM = "token-algorithm"  # noqa: S105 - a code
    TOKEN_KEY = "token-key"  # noqa: S105 - a code
    TOKEN_SIGNATURE = "token-signature"  # noqa: S105 - a code
    TOKEN_ISSUER = "token-issuer"  # noqa: S105 - a code
    TOKEN_AUDIENCE = "token-audience"  # noqa: S105 - a code
    TOKEN_EXPIRED = "token-expired"  # noqa: S105 - a code
    TOKEN_EARLY = "token-not-yet-valid"  # noqa: S105 - a code
    TOKEN_NONCE = "token-nonce"  # noqa: S105 - a code
    TOKEN_HASH = "token-hash"  # noqa: S105 - a code
    CLAIM_MISSING = "claim-missing"
    CLAIM_TYPE = "claim-type"
    CLAIMS_CONTRADICT = "claims-contradict"
    USERINFO_SUBJECT = "userinfo-subject"


PASSING = frozenset({Cause.UNREACHABLE, Cause.BUSY, Cause.ERROR})
SETUP = frozenset(
    {
        Cause.TLS,
        Cause.REDIRECT,
        Cause.DISCOVERY,
        Cause.ISSUER,
        Cause.ENDPOINT,
        Cause.ALGORITHMS,
        Cause.CLIENT_AUTHENTICATION,
        Cause.CLIENT,
    }
)


class SignOnRefused(Exception):
    """The log-in ends here. ``claim`` names the claim or field concerned, where there is one; never its value."""

    def __init__(self, cause: Cause, claim: str = "") -> None:
        super().__init__(cause)
        self.cause = cause
        self.claim = claim
