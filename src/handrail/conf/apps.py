"""Runs once Django is ready: logging, the connectors that configuration names, and the audit log's key."""

from __future__ import annotations

from django.apps import AppConfig
from django.conf import settings


class Composition(AppConfig):
    name = "handrail.conf"
    label = "handrail_conf"

    def ready(self) -> None:
        if not getattr(settings, "HANDRAIL_MODELS_ONLY", False):
            compose()


def compose() -> None:
    """Hands the parts what configuration says of them. Raises Misconfigured naming section and field."""
    from handrail.conf import logs, sealing, wiring  # noqa: PLC0415 - Django's apps must be loaded first

    logs.configure()
    wiring.connect()
    sealing.connect()
