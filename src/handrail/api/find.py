"""The one search."""

from __future__ import annotations

from typing import Annotated

from django.http import HttpRequest
from ninja import Query, Router

from handrail.api.auth import actor_of
from handrail.api.fields import REFUSALS
from handrail.finding import search
from handrail.finding.search import TEXT_MAX, FoundThings

router = Router()

SearchText = Annotated[
    str,
    Query(
        min_length=1,
        max_length=TEXT_MAX,
        pattern=r"^[^\x00]*$",
        description="A reference (RUN-…, EXC-…, PKT-…, SR-…), task key, external ticket, case, or a tenant's key "
        "or name.",
    ),
]


@router.get("/find", response={200: FoundThings, **REFUSALS}, operation_id="find")
def find(request: HttpRequest, q: SearchText) -> FoundThings:
    """What a text stands for in your scope: up to ten of each kind, those with an exact reference first.

    Task keys, cases and tenants are found by their beginnings or parts as well; support requests and external tickets
    by their exact reference only, and they open the run or tenant that they belong to.
    """
    return search.find(actor_of(request), q)
