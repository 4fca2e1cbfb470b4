"""Hands allauth the one identity provider of ``[single_sign_on]``."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from handrail.conf.config import SingleSignOnSection
from handrail.kernel.secrets import Secrets

PROVIDER = "sso"


def providers(section: SingleSignOnSection | None, secrets: Secrets) -> dict[str, Any]:
    """``SOCIALACCOUNT_PROVIDERS``. Calls nobody. Raises Misconfigured when the secret is missing."""
    if section is None:
        return {}
    app = {
        "provider_id": PROVIDER,
        "name": section.name,
        "client_id": section.client_id,
        "secret": secrets.resolve(section.client_secret).reveal(),
        "settings": {"server_url": section.issuer.rstrip("/"), "oauth_pkce_enabled": True},
    }
    return {"openid_connect": {"APPS": [app], "OAUTH_PKCE_ENABLED": True}}


def origins(section: SingleSignOnSection | None) -> list[str]:
    """Where the log-in form may lead: browsers count the way through the identity provider as the form's own."""
    if section is None:
        return []
    return ["{0.scheme}://{0.netloc}".format(urlsplit(address)) for address in (section.issuer, *section.also)]
