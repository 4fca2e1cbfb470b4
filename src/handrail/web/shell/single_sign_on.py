"""Log-in by the company's identity provider: it says who somebody is. Who is a member is decided here, as ever."""

from __future__ import annotations

from typing import Any

from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from handrail.access.actor import NOBODY
from handrail.audit.actions import record
from handrail.audit.events import EventName, EventOutcome


class MembersOnly(DefaultSocialAccountAdapter):  # type: ignore[misc] # allauth ships no types
    """An address that the provider has verified leads to the account with that address, if there is one."""

    def is_open_for_signup(self, request: HttpRequest, sociallogin: Any) -> bool:  # noqa: ARG002 - allauth's signature
        _refused("unknown")
        return False

    def pre_social_login(self, request: HttpRequest, sociallogin: Any) -> None:
        """Nobody joins an identity to an account by hand, also not to their own."""
        if sociallogin.state.get("process") != "login":
            raise ImmediateHttpResponse(redirect("home"))
        if request.user.is_authenticated:
            raise ImmediateHttpResponse(redirect("home"))

    def populate_user(self, request: HttpRequest, sociallogin: Any, data: dict[str, Any]) -> Any:
        """Keeps nothing of what the provider says besides who it is."""
        sociallogin.account.extra_data = {}
        return super().populate_user(request, sociallogin, data)

    def on_authentication_error(self, request: HttpRequest, provider: Any, **more: Any) -> None:  # noqa: ARG002 - as above
        _refused("single sign-on")


@login_not_required
def cancelled(request: HttpRequest) -> HttpResponse:
    """Where the provider leads somebody who changed their mind."""
    return render(request, "socialaccount/login_cancelled.html")


def _refused(subject: str) -> None:
    record(EventName.USER_LOGIN_REFUSED, by=NOBODY, subject_kind="user", subject=subject, outcome=EventOutcome.DENIED)
