"""One's own access tokens: listed with their last use, created with a secret that is shown once, revoked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from handrail.access import tokens
from handrail.access.tokens import Issued, TokenSummary
from handrail.kernel.clock import now
from handrail.kernel.errors import Conflict, Invalid
from handrail.web.shell.reading import in_one_moment
from handrail.web.shell.request import PageRequest


@dataclass(frozen=True, slots=True)
class TokenRow:
    """``state``: active, expired or revoked."""

    token: TokenSummary
    state: str


@dataclass(frozen=True, slots=True)
class TokensPage:
    """``rows``: the reader's own; ``others``: other members' active ones, for who manages members. ``issued``: the one
    just created, whose secret no other page shows."""

    rows: Sequence[TokenRow]
    others: Sequence[TokenSummary]
    choices: Sequence[str]
    days: int
    max_days: int
    name_limit: int = tokens.NAME_LIMIT
    issued: Issued | None = None


@require_http_methods(["GET", "HEAD", "POST"])
@in_one_moment
def page(request: PageRequest) -> HttpResponse:
    if request.method != "POST":
        return _shown(request)
    name, days, scopes = request.POST.get("name", ""), request.POST.get("days", ""), request.POST.getlist("scope")
    try:
        lasting = int(days) if days.isascii() and days.isdecimal() and len(days) <= len("3660") else 0
        issued = tokens.issue(name=name, days=lasting, scopes=scopes, by=request.actor)
    except Invalid as error:
        typed = {"name": name, "days": days, "scopes": scopes}
        return _shown(request, status=error.status, typed=typed, faults={f.where: f.message for f in error.faults})
    except Conflict as error:
        return _shown(request, status=error.status, refusal=error.message)
    return _shown(request, issued=issued)


@require_POST
def revoke(request: PageRequest, token: str) -> HttpResponse:
    tokens.revoke(ref=token, by=request.actor)
    messages.success(request, f"{token} is revoked: it opens nothing any more.")
    return redirect("tokens")


def present(request: PageRequest, issued: Issued | None) -> TokensPage:
    who, at, configured = request.actor, now(), tokens.settings.get()
    return TokensPage(
        rows=[TokenRow(token, _state(token, at)) for token in tokens.list_own(who)],
        others=tokens.list_others(who),
        choices=[str(one) for one in tokens.choices(who)],
        days=configured.days,
        max_days=configured.max_days,
        issued=issued,
    )


def _state(token: TokenSummary, at: datetime) -> str:
    if token.revoked_at is not None:
        return "revoked"
    return "expired" if token.expires_at <= at else "active"


def _shown(request: PageRequest, *, status: int = 200, issued: Issued | None = None, **context: object) -> HttpResponse:
    shown = {"section": "tokens", "tokens": present(request, issued), **context}
    return render(request, "shell/tokens.html", shown, status=status)
