"""The page on which somebody changes their own password: the old one is asked for, and all other sessions end."""

from __future__ import annotations

from typing import Any, cast

from allauth.account.views import PasswordChangeView
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from handrail.access import sessions
from handrail.audit.actions import record
from handrail.audit.events import EventName, EventOutcome
from handrail.web.shell.accounts import origin
from handrail.web.shell.request import PageRequest


class PasswordChange(PasswordChangeView):  # type: ignore[misc] # allauth ships no types
    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.user.is_authenticated and not request.user.has_usable_password():
            return render(request, "account/password_none.html")
        return cast("HttpResponse", super().dispatch(request, *args, **kwargs))

    def form_valid(self, form: Any) -> HttpResponse:
        with transaction.atomic():
            response = cast("HttpResponse", super().form_valid(form))
            ended = sessions.end_all_but(self.request.user, keep=self.request.session.session_key)
            self._record(EventOutcome.DONE, sessions=ended)
        return response

    def form_invalid(self, form: Any) -> HttpResponse:
        if "oldpassword" in form.errors:
            self._record(EventOutcome.DENIED)
        return cast("HttpResponse", super().form_invalid(form))

    def _record(self, outcome: EventOutcome, **facts: int) -> None:
        request = cast("PageRequest", self.request)
        record(
            EventName.USER_PASSWORD_CHANGED,
            by=request.actor,
            subject_kind="user",
            subject=request.user.get_username(),
            outcome=outcome,
            address=origin(request)[0],
            **facts,
        )


page = PasswordChange.as_view()
