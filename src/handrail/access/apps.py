from __future__ import annotations

from django.apps import AppConfig

from handrail.access.audit_sources import SOURCES
from handrail.audit import sources


class AccessConfig(AppConfig):
    name = "handrail.access"
    label = "access"

    def ready(self) -> None:
        for source in SOURCES:
            sources.register(source)
