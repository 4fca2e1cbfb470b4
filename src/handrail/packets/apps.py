from __future__ import annotations

from django.apps import AppConfig

from handrail.audit import sources
from handrail.packets.audit_sources import SOURCES


class PacketsConfig(AppConfig):
    name = "handrail.packets"
    label = "packets"

    def ready(self) -> None:
        for source in SOURCES:
            sources.register(source)
