"""Log-in by the company's identity provider: it says who somebody is. Who is a member is decided here, as ever."""

from __future__ import annotations

from dataclasses import asdict
from http import HTTPStatus
from time import time
from typing import Any

import structlog
from allauth.account.utils import perform_login
from django.core.cache import cache
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from handrail.access import actions as access
from handrail.access import queries
from handrail.access.actor import NOBODY
from handrail.connectors import oidc
from handrail.connectors.oidc import Attempt, Cause, SignOn, SignOnRefused
from handrail.kernel.hostile import is_storable
from handrail.web.shell import accounts

log = structlog.get_logger("handrail.web")

METHOD = "sso"
ATTEMPTS = "sign_on"  # in the session
ATTEMPTS_KEPT = 5  # log-ins begun in several tabs
ATTEMPT_SECONDS = 600
REFUSALS_A_MINUTE = 20  # of one address: what comes beyond that is logged, and does not fill the audit log
MAX_PARAMETER = 4096


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def start(request: HttpRequest) -> HttpResponse:
    """Sends the browser to the provider. A link alone doesn't: another site could use it to log somebody in."""
    found = _sign_on(request)
    if request.user.is_authenticated:
        return redirect("home")
    if request.method != "POST":
        return render(request, "sign_on/start.html", {"provider": found, "next": _next(request)})
    attempt = Attempt.new(request.build_absolute_uri(reverse("sign-on-callback")))
    try:
        address = found.provider.authorization_url(attempt)
    except SignOnRefused as refused:
        return _refused(request, found, refused, setup=True)  # nobody has said anything yet but the provider
    begun = {"next": _next(request), "at": int(time()), **asdict(attempt)}
    request.session[ATTEMPTS] = [*_attempts(request), begun][-ATTEMPTS_KEPT:]
    return redirect(address)


@never_cache
@require_safe
def callback(request: HttpRequest) -> HttpResponse:
    """Where the provider sends the browser back to: with a code, once, for a log-in that began in this browser."""
    found = _sign_on(request)
    if request.user.is_authenticated:
        return redirect("home")
    try:
        begun = _take(request)
        attempt = Attempt(begun["state"], begun["nonce"], begun["verifier"], begun["redirect_uri"])
        identity = found.provider.identify(_code(request, found), attempt)
    except SignOnRefused as refused:
        return _refused(request, found, refused)
    try:
        user = access.admit(
            issuer=identity.issuer,
            subject=identity.subject,
            email=identity.email,
            email_verified=identity.email_verified,
            address=accounts.origin(request)[0],
        )
    except access.NotAdmitted as refused:
        return _not_admitted(request, found, refused)
    response: HttpResponse = perform_login(request, user, redirect_url=begun["next"] or None)
    return response


def _sign_on(request: HttpRequest) -> SignOn:
    """The provider; from here on the request counts as a log-in through it. Raises Http404 where there is none."""
    found = oidc.find()
    if found is None:
        raise Http404
    request.handrail_login_method = METHOD  # type: ignore[attr-defined] # audit events and sessions name it
    return found


def _next(request: HttpRequest) -> str:
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    own = url_has_allowed_host_and_scheme(wanted, allowed_hosts=None, require_https=request.is_secure())
    return wanted if own and len(wanted) <= MAX_PARAMETER and is_storable(wanted) else ""


def _attempts(request: HttpRequest) -> list[dict[str, Any]]:
    """The log-ins that this browser began and that may still come back."""
    return [one for one in request.session.get(ATTEMPTS, []) if one["at"] > time() - ATTEMPT_SECONDS]


def _take(request: HttpRequest) -> dict[str, Any]:
    """The log-in that comes back here; it does so once. Raises SignOnRefused when this browser began none such."""
    state = _parameter(request, "state")
    begun = _attempts(request)
    taken = next((one for one in begun if one["state"] == state), None)
    if taken is None:
        raise SignOnRefused(Cause.STATE)
    request.session[ATTEMPTS] = [one for one in begun if one is not taken]
    return taken


def _code(request: HttpRequest, found: SignOn) -> str:
    """The authorization code. Raises SignOnRefused, also for what the provider calls an error."""
    found.provider.check_callback_issuer(_parameter(request, "iss"))
    error, code = _parameter(request, "error"), _parameter(request, "code")
    if error is not None:
        raise SignOnRefused(Cause.CANCELLED if error == "access_denied" else Cause.ERROR)
    if not code:
        raise SignOnRefused(Cause.CALLBACK, "code")
    return code


def _parameter(request: HttpRequest, name: str) -> str | None:
    """What the browser brought, once. Raises SignOnRefused when it is there twice, too long, or no text to keep."""
    values = request.GET.getlist(name)
    if len(values) > 1 or any(len(value) > MAX_PARAMETER or not is_storable(value) for value in values):
        raise SignOnRefused(Cause.CALLBACK, name)
    return values[0] if values else None


def _refused(request: HttpRequest, found: SignOn, refused: SignOnRefused, *, setup: bool = False) -> HttpResponse:
    """The page for a log-in that the provider did not complete, or not so that its word could be taken."""
    log.warning("sign-on refused", cause=refused.cause.value, claim=refused.claim or None)
    if not _record(request, refused.cause.value, claim=refused.claim or None):
        return render(request, "429.html", status=HTTPStatus.TOO_MANY_REQUESTS)
    if refused.cause is Cause.CANCELLED:
        return render(request, "sign_on/cancelled.html", {"provider": found})
    away, setup = refused.cause in oidc.PASSING, setup or refused.cause in oidc.SETUP
    status = HTTPStatus.SERVICE_UNAVAILABLE if away or setup else HTTPStatus.UNAUTHORIZED
    context = {"provider": found, "cause": refused.cause.value, "away": away, "setup": setup}
    return render(request, "sign_on/refused.html", context, status=status)


def _not_admitted(request: HttpRequest, found: SignOn, refused: access.NotAdmitted) -> HttpResponse:
    """One page for all that opens nothing: it doesn't say which addresses have accounts here."""
    log.warning("sign-on refused", cause=refused.cause.value)
    if not _record(request, refused.cause.value, known=refused.known):
        return render(request, "429.html", status=HTTPStatus.TOO_MANY_REQUESTS)
    return render(request, "sign_on/no_account.html", {"provider": found}, status=HTTPStatus.FORBIDDEN)


def _record(request: HttpRequest, cause: str, *, known: Any = None, claim: str | None = None) -> bool:
    """Writes the refusal into the audit log. False, and nothing written, beyond so many of one address a minute."""
    address, _ = accounts.origin(request)
    counter = f"sign-on:{address}:{int(time()) // 60}"
    refused = cache.get_or_set(counter, 0, 120) or 0
    if refused >= REFUSALS_A_MINUTE:
        return False
    cache.set(counter, refused + 1, 120)
    by = queries.actor_for(known) if known is not None else NOBODY
    accounts.refused(request, by=by, subject=known.email if known else "single sign-on", cause=cause, claim=claim)
    return True
