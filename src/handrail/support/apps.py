from __future__ import annotations

from django.apps import AppConfig


class SupportConfig(AppConfig):
    name = "handrail.support"
    label = "support"
