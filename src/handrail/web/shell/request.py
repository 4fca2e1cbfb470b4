"""The request as pages get it: Django's, with the actor and what htmx says of itself."""

from __future__ import annotations

from django.http import HttpRequest
from django_htmx.middleware import HtmxDetails

from handrail.access.actor import Actor


class PageRequest(HttpRequest):
    actor: Actor
    htmx: HtmxDetails
    opened: tuple[str, str]
    """Kind and reference of what the page shows, set where people are reminded of it."""
