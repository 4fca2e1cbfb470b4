"""Runs once Django is ready: logging, the connectors that configuration names, and the audit log's key."""

from __future__ import annotations

from django.apps import AppConfig, apps
from django.conf import settings
from django.db.models.signals import post_migrate, pre_migrate


class Composition(AppConfig):
    name = "handrail.conf"
    label = "handrail_conf"

    def ready(self) -> None:
        from handrail.access import protection  # noqa: PLC0415 - Django's apps must be loaded first

        once = apps.get_app_config("access")  # Django signals for every app that has models, this one has none
        pre_migrate.connect(lambda **_: protection.withdraw_views(), sender=once, weak=False)
        post_migrate.connect(lambda **_: protection.apply(), sender=once, weak=False)
        if not getattr(settings, "HANDRAIL_MODELS_ONLY", False):
            compose()


def compose() -> None:
    """Hands the parts what configuration says of them. Raises Misconfigured naming section and field."""
    from handrail.conf import logs, sealing, wiring  # noqa: PLC0415 - Django's apps must be loaded first

    logs.configure()
    wiring.connect()
    sealing.connect()
