from __future__ import annotations

from django.apps import AppConfig

from handrail.audit import sources


class SupportConfig(AppConfig):
    name = "handrail.support"
    label = "support"

    def ready(self) -> None:
        from handrail.support.audit_sources import SOURCES  # noqa: PLC0415 - models must be loaded first

        for source in SOURCES:
            sources.register(source)
