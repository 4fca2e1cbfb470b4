"""Template filters of Handrail's own."""

from __future__ import annotations

from django import template

register = template.Library()
