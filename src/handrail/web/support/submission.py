"""Request support on the page of a tenant or a run: the form, its submission, and what came of it.

The form has no address of its own: it is the page with ``?support=KEY``, and is submitted to that same address. The key
in the address is what makes reload, back and a second tab the same submission. A submission leads back to the page with
``?raised=SR-…``: the person who raised that request reads there what came of it, however many others were raised since.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPMethod
from types import MappingProxyType

from django.http import HttpResponse
from django.shortcuts import redirect

from handrail.kernel.errors import Conflict, Invalid
from handrail.support.actions import support_requests
from handrail.web.shell.request import PageRequest
from handrail.web.support import part
from handrail.web.support.part import FORM, RAISED, FormState, SupportPage, SupportPart

__all__ = ["FORM", "answer", "at_run", "at_tenant"]
KEY_REUSED = "submission-key-reused"
Show = Callable[[SupportPart], HttpResponse]


def at_tenant(key: str) -> SupportPage:
    return SupportPage("tenant", key)


def at_run(ref: str) -> SupportPage:
    return SupportPage("run", ref)


def answer(
    request: PageRequest, page: SupportPage, show: Show, *, filled: Mapping[str, str] = MappingProxyType({})
) -> HttpResponse:
    """The page, made by ``show`` around its part about support; or, after a submission, the way back to it. ``filled``:
    fields of a form that is opened, as somebody would have typed them."""
    if request.method == HTTPMethod.POST:
        return _submit(request, page, show)
    opened, raised = request.GET.get(FORM), request.GET.get(RAISED)
    return show(part.present(request.actor, page, opened=opened, raised=raised, filled=filled))


def _submit(request: PageRequest, page: SupportPage, show: Show) -> HttpResponse:
    state = FormState.of(request.POST)
    try:
        given = state.given()
        submitted = support_requests.submit(by=request.actor, given=given, submission_key=state.key, **page.named)
    except Invalid as error:
        return show(part.present_again(request.actor, page, state, error))
    except Conflict as error:
        if error.code != KEY_REUSED:
            raise
        return show(part.present_again(request.actor, page, state, error))
    return redirect(f"{page.url}?{RAISED}={submitted.handoff.ref}#support-latest")
