"""allauth's second factors, as this installation has them: what passkeys are bound to is configured, never asked of the
request."""

from __future__ import annotations

from typing import Any

from allauth.mfa.adapter import DefaultMFAAdapter

from handrail.access import passkeys

NAME = "Handrail"


class FactorsAdapter(DefaultMFAAdapter):  # type: ignore[misc] # allauth ships no types
    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        return {"id": passkeys.settings.get().id, "name": NAME}

    def send_notification_mail(self, *args: Any, **kwargs: Any) -> None:
        """The notifications room tells people; allauth would write by its own templates."""
