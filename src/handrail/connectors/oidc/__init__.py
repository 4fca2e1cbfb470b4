"""Log-in through an OpenID Connect provider: authorization code with PKCE, and an ID token that is verified."""

from dataclasses import dataclass

from handrail.connectors.oidc.claims import ProvenIdentity
from handrail.connectors.oidc.looks import look
from handrail.connectors.oidc.metadata import issuer_key
from handrail.connectors.oidc.provider import Attempt, Provider, Settings
from handrail.connectors.oidc.refusal import PASSING, SETUP, Cause, SignOnRefused
from handrail.kernel.configured import Configured

__all__ = [
    "PASSING",
    "SETUP",
    "Attempt",
    "Cause",
    "ProvenIdentity",
    "Provider",
    "Settings",
    "SignOn",
    "SignOnRefused",
    "configure",
    "find",
    "issuer_key",
    "look",
    "use",
]


@dataclass(frozen=True, slots=True)
class SignOn:
    """The identity provider of this installation, and its ``name`` on the log-in button."""

    name: str
    provider: Provider


_configured = Configured[SignOn]()
configure, find, use = _configured.set, _configured.find, _configured.use
