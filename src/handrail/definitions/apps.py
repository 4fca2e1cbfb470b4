from __future__ import annotations

from django.apps import AppConfig

from handrail.audit import sources


class DefinitionsConfig(AppConfig):
    name = "handrail.definitions"
    label = "definitions"

    def ready(self) -> None:
        from handrail.definitions.audit_sources import SOURCES  # noqa: PLC0415 - models must be loaded first

        for source in SOURCES:
            sources.register(source)
