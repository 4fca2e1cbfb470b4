"""The one identity provider of ``[single_sign_on]``."""

from __future__ import annotations

from urllib.parse import urlsplit

from handrail.conf.config import SingleSignOnSection
from handrail.connectors.oidc import Provider, Settings, SignOn
from handrail.kernel.secrets import Secrets


def open_provider(section: SingleSignOnSection | None, secrets: Secrets, *, threads: int) -> SignOn | None:
    """The provider, or None without the section; its calls take a quarter of the server's ``threads`` at most. Calls
    nobody. Raises Misconfigured when the secret is missing."""
    if section is None:
        return None
    settings = Settings(
        issuer=section.issuer,
        client_id=section.client_id,
        client_secret=secrets.resolve(section.client_secret),
        ca_file=section.ca_file,
        concurrent_calls=max(1, threads // 4),
    )
    return SignOn(section.name, Provider(settings))


def origins(section: SingleSignOnSection | None) -> list[str]:
    """Where the log-in form may lead: browsers count the way through the identity provider as the form's own."""
    if section is None:
        return []
    return ["{0.scheme}://{0.netloc}".format(urlsplit(address)) for address in (section.issuer, *section.also)]
