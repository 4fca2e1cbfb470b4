"""What every page's shell needs: who is looking, in which workspace, and where they can go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest

from handrail.access import passkeys
from handrail.access import queries as access
from handrail.access.actor import NOBODY
from handrail.access.capabilities import Capability
from handrail.connectors import oidc


@dataclass(frozen=True, slots=True)
class NavigationItem:
    """An entry of the side navigation: ``route`` is the name of its URL and the ``section`` that pages give."""

    route: str
    label: str
    icon: str
    needs: Capability | None = None


NAVIGATION = (
    NavigationItem("home", "Home", "home"),
    NavigationItem("operations", "Operations", "play-circle", Capability.RUN_VIEW),
    NavigationItem("exceptions", "Exceptions", "exclamation-triangle", Capability.EXCEPTION_VIEW),
    NavigationItem("waves", "Waves", "rectangle-stack", Capability.RUN_VIEW),
    NavigationItem("brakes", "Brakes", "pause-circle", Capability.RUN_VIEW),
    NavigationItem("reviews", "Reviews", "clipboard-document-check", Capability.RUN_REVIEW),
    NavigationItem("packets", "Escalation packets", "cube", Capability.PACKET_VIEW),
    NavigationItem("definitions", "Definitions", "book-open", Capability.DEFINITION_VIEW),
    NavigationItem("audit", "Audit", "finger-print", Capability.AUDIT_VIEW),
    NavigationItem("tenants", "Tenants", "building-office", Capability.TENANT_MANAGE),
    NavigationItem("members", "Members", "users", Capability.MEMBER_VIEW),
    NavigationItem("evaluation", "Evaluation", "chart-bar", Capability.EVALUATION_VIEW),
)


def _passkeys(request: HttpRequest) -> dict[str, bool]:
    return {"passkeys_here": passkeys.is_here(request.build_absolute_uri("/"))}


def _sign_on() -> dict[str, Any]:
    found = oidc.find()
    return {"sign_on": found.name if found else None, "sign_on_only": settings.HANDRAIL_SIGN_ON_ONLY}


def shell(request: HttpRequest) -> dict[str, Any]:
    """``layout`` is the frame that error pages stand in: the whole shell for members, the bare entrance for others.
    ``sign_on`` is the name of the identity provider, where people can log in by one, and ``sign_on_only`` where that is
    the only way."""
    actor = getattr(request, "actor", NOBODY)
    if actor is NOBODY:
        entrance = {"workspace": None, "navigation": (), "layout": "shell/entrance.html"}
        return {"actor": actor, **entrance, **_passkeys(request), **_sign_on()}
    return {
        "actor": actor,
        "workspace": access.workspace_summary(actor),
        "navigation": [item for item in NAVIGATION if item.needs is None or actor.may(item.needs)],
        "layout": "shell/shell.html",
    }
