from __future__ import annotations

from django.apps import AppConfig

from handrail.audit import sources
from handrail.runbooks.audit_sources import SOURCES


class RunbooksConfig(AppConfig):
    name = "handrail.runbooks"
    label = "runbooks"

    def ready(self) -> None:
        for source in SOURCES:
            sources.register(source)
