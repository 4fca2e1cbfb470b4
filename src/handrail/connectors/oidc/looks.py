"""What ``handrail check`` says about the identity provider."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from email.utils import parsedate_to_datetime

from handrail.connectors.finding import Finding
from handrail.connectors.oidc import keys
from handrail.connectors.oidc.idtoken import SKEW_SECONDS
from handrail.connectors.oidc.metadata import ProviderMetadata, origin_of
from handrail.connectors.oidc.provider import Provider
from handrail.connectors.oidc.refusal import Cause, SignOnRefused
from handrail.kernel.clock import now

NAME = "single sign-on"
_FIXES = {
    Cause.UNREACHABLE: "Check [single_sign_on] issuer, that the provider runs, and that no firewall refuses.",
    Cause.TLS: "Check that the certificate is valid for the host of issuer; for a private CA set ca_file.",
    Cause.REDIRECT: "Set issuer to where the redirect leads.",
    Cause.ERROR: "Check the path in issuer: /.well-known/openid-configuration must be below it.",
    Cause.ANSWER: "Check that issuer is the provider and not a page for people.",
    Cause.ISSUER: "Set issuer to exactly the issuer in /.well-known/openid-configuration, final slash included.",
    Cause.ENDPOINT: "The provider must publish endpoints over https only.",
    Cause.ALGORITHMS: "Choose RS256 or ES256 for the ID tokens of this client.",
    Cause.CLIENT_AUTHENTICATION: "Allow client_secret_basic or client_secret_post for this client.",
}
_FIX = "Ask the provider's operator: its discovery document or key set is not usable."


def look(provider: Provider, allowed: Sequence[str]) -> Iterator[Finding]:
    """Discovery, issuer, endpoints, algorithms, keys and clock. ``allowed``: the addresses to which pages let browsers
    go for a log-in, issuer and ``also``. Calls the provider twice or three times; logs nobody in."""
    try:
        published = provider.discover()
        clock = provider.read_discovery().headers.get("date", "")
        usable = [a for a in published.algorithms if any(keys.usable(key, a) for key in provider.read_keys())]
    except SignOnRefused as refused:
        about = f" ({refused.claim})" if refused.claim else ""
        message = f"Not usable: {refused.cause.value}{about}."
        yield Finding(NAME, ok=False, message=message, fix=_FIXES.get(refused.cause, _FIX))
        return
    yield _keys(usable)
    yield from _way(published, allowed)
    yield from _clock(clock)


def _keys(usable: list[str]) -> Finding:
    if usable:
        message = f"The provider is the configured issuer, and has keys for {', '.join(usable)}."
        return Finding(NAME, ok=True, message=message)
    return Finding(NAME, ok=False, message="None of the provider's keys can be used.", fix=_FIXES[Cause.ALGORITHMS])


def _way(published: ProviderMetadata, allowed: Sequence[str]) -> Iterator[Finding]:
    page = origin_of(published.authorization_endpoint)
    if page not in {origin_of(address) for address in allowed}:
        message = f"Log-in leads to {page}, where pages don't let browsers go."
        yield Finding(NAME, ok=False, message=message, fix="Add that address to [single_sign_on] also.")
    if not published.pkce:
        message = "The provider does not say that it knows PKCE; Handrail sends it all the same."
        yield Finding(
            NAME, ok=True, message=message, fix="Require PKCE (S256) for this client, where the provider can."
        )


def _clock(stated: str) -> Iterator[Finding]:
    try:
        apart = abs((parsedate_to_datetime(stated) - now()).total_seconds())
    except (ValueError, TypeError, OverflowError):
        return  # it sends no date, or one that can't be compared
    if apart > SKEW_SECONDS / 2:
        message = f"This machine and the provider are {apart:.0f} s apart; over {SKEW_SECONDS} s nobody can log in."
        yield Finding(NAME, ok=False, message=message, fix="Synchronise both clocks with NTP.")
