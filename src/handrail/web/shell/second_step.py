"""Log-in by passkey, and the second step of a log-in by password for somebody who has a second factor.

Where single sign-on does the log-in, its provider asks for what it wants; passkeys are then for signing.
"""

from __future__ import annotations

from typing import Any, cast

from allauth.account.internal.decorators import login_stage_required
from allauth.account.utils import perform_login
from allauth.core import ratelimit
from allauth.mfa.base.internal.flows import check_rate_limit
from allauth.mfa.stages import AuthenticateStage
from django.conf import settings
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from handrail.access import ceremonies, factors, passkeys
from handrail.access import queries as access
from handrail.access.actor import NOBODY
from handrail.access.ceremonies import CeremonyRefused, Purpose
from handrail.access.proofs import ProofMethod
from handrail.web.shell import accounts
from handrail.web.shell.proving import CODE, CREDENTIAL, WITH

KEY = AuthenticateStage.key
REFUSED = "That didn't show that it's you. Try again."
TOO_OFTEN = "Too many attempts. Wait a few minutes."


class SecondStep(AuthenticateStage):  # type: ignore[misc] # allauth ships no types
    """Asked of everybody who has a second factor and has logged in with a password."""

    urlname = "second-step"

    def handle(self) -> tuple[HttpResponse | None, bool]:
        by_password = accounts.origin(self.request)[1] == "password"
        if by_password and self.login.user is not None and access.has_second_factor(self.login.user.pk):
            return redirect("second-step"), True
        return None, True


@login_stage_required(stage=KEY, redirect_urlname="account_login")  # type: ignore[untyped-decorator]
@require_http_methods(["GET", "HEAD", "POST"])
def second_step(request: HttpRequest) -> HttpResponse:
    stage = request._login_stage  # type: ignore[attr-defined] # allauth's decorator sets it
    user = stage.login.user
    held = access.factor_types(user.pk)
    said = ""
    if request.method == "POST":
        request.handrail_login_method = "second-step"  # type: ignore[attr-defined]
        if not user.is_active:  # closed since the password was right
            stage.abort()
            return accounts.ClosedAdapter(request).respond_user_inactive(request, user)
        method, cause = _shown(request, user)
        if method is not None:
            request.handrail_proofs = (ProofMethod.PASSWORD, method)  # type: ignore[attr-defined]
            response: HttpResponse = stage.exit()
            return response
        accounts.refused(request, by=access.actor_for(user), subject=user.email, cause=cause)
        said = TOO_OFTEN if cause == "limit" else REFUSED
    here = passkeys.is_here(request.build_absolute_uri("/"))
    context = {"held": held, "party": passkeys.settings.get(), "here": here, "said": said}
    return render(request, "account/second_step.html", context, status=401 if said else 200)


@login_stage_required(stage=KEY, redirect_urlname="account_login")  # type: ignore[untyped-decorator]
@require_POST
def begin_second_step(request: HttpRequest) -> HttpResponse:
    user = request._login_stage.login.user  # type: ignore[attr-defined]
    return _begun(request, Purpose.SECOND_STEP, user)


@never_cache
@require_POST
def begin(request: HttpRequest) -> HttpResponse:
    """Options for logging in with any passkey of this site."""
    _offered()
    if limited := ratelimit.consume_or_429(request, action="login"):
        return cast("HttpResponse", limited)
    return _begun(request, Purpose.LOG_IN, None)


@never_cache
@require_POST
def log_in(request: HttpRequest) -> HttpResponse:
    """Logs in the person whose passkey was shown. Which one it is, the passkey says."""
    _offered()
    if request.user.is_authenticated:
        return redirect("home")
    if limited := ratelimit.consume_or_429(request, action="login"):
        return cast("HttpResponse", limited)
    request.handrail_login_method = "passkey"  # type: ignore[attr-defined]
    try:
        shown = ceremonies.complete_assertion(request.session, Purpose.LOG_IN, request.POST.get(CREDENTIAL, ""))
    except CeremonyRefused as refused:
        accounts.refused(request, by=NOBODY, subject="unknown", cause=refused.cause)
        return render(request, "account/passkey_refused.html", status=401)
    request.handrail_proofs = (ProofMethod.PASSKEY,)  # type: ignore[attr-defined]
    wanted = accounts.own_address(request, request.POST.get("next", ""))
    response: HttpResponse = perform_login(request, shown.user, redirect_url=wanted or None)
    return response


def _offered() -> None:
    """Raises Http404 where single sign-on alone does the log-in, or the pages have no host name."""
    if settings.HANDRAIL_SIGN_ON_ONLY or not passkeys.settings.get().id:
        raise Http404


def _begun(request: HttpRequest, purpose: Purpose, user: Any) -> HttpResponse:
    try:
        return JsonResponse(ceremonies.begin_assertion(request.session, purpose, user))
    except CeremonyRefused:
        return JsonResponse({}, status=409)


def _shown(request: HttpRequest, user: Any) -> tuple[ProofMethod | None, str]:
    """By what the person has shown who they are; None, and why not."""
    try:
        clear = check_rate_limit(user)
    except ValidationError:
        return None, "limit"
    if request.POST.get(WITH) == "passkey":
        try:
            ceremonies.complete_assertion(request.session, Purpose.SECOND_STEP, request.POST.get(CREDENTIAL, ""), user)
        except CeremonyRefused as refused:
            return None, refused.cause
        clear()
        return ProofMethod.PASSKEY, ""
    method = factors.use_code(user, request.POST.get(CODE, "").strip())
    if method is None:
        return None, "code"
    clear()
    return method, ""
