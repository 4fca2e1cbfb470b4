from __future__ import annotations

from django.apps import AppConfig

from handrail.audit import sources


class RunbooksConfig(AppConfig):
    name = "handrail.runbooks"
    label = "runbooks"

    def ready(self) -> None:
        from handrail.runbooks.audit_sources import SOURCES  # noqa: PLC0415 - models must be loaded first

        for source in SOURCES:
            sources.register(source)
