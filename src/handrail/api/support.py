"""Support requests: raised from a tenant or a run, and the latest of each. There is no list of them, by design."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from django.http import HttpRequest
from ninja import Header, Router, Status

from handrail.api.auth import actor_of
from handrail.api.fields import REFUSALS, RunRef, TenantKey
from handrail.support import queries, states
from handrail.support.actions import support_requests
from handrail.support.input import SupportRequestInput
from handrail.support.queries import Handoff

router = Router()

Key = Annotated[
    str,
    Header(
        alias="Idempotency-Key",
        pattern=rf"^[\x21-\x7e]{{{states.KEY_MIN},{states.KEY_MAX}}}$",
        description="Fresh for each request. Sent again with the same content it gives the same answer: one ticket.",
    ),
]


@dataclass(frozen=True, slots=True)
class Latest:
    """``latest`` is null before the first request."""

    latest: Handoff | None


@router.post(
    "/tenants/{key:tenant}/support-requests",
    response={200: Handoff, 201: Handoff, **REFUSALS},
    operation_id="request_support_for_tenant",
)
def request_for_tenant(request: HttpRequest, tenant: TenantKey, body: SupportRequestInput, key: Key) -> Status[Handoff]:
    """Raise a request from a tenant: 201; 200 for a repeated key. A desk failure is not an API error."""
    by = actor_of(request)
    return _answer(support_requests.submit(by=by, tenant=tenant, submission_key=key, given=body))


@router.post(
    "/runs/{ref}/support-requests",
    response={200: Handoff, 201: Handoff, **REFUSALS},
    operation_id="request_support_for_run",
)
def request_for_run(request: HttpRequest, ref: RunRef, body: SupportRequestInput, key: Key) -> Status[Handoff]:
    """Raise a request from a run: 201; 200 for a repeated key. A desk failure is not an API error."""
    by = actor_of(request)
    return _answer(support_requests.submit(by=by, run=ref, submission_key=key, given=body))


@router.get(
    "/tenants/{key:tenant}/support-requests/latest",
    response={200: Latest, **REFUSALS},
    operation_id="get_latest_support_request_of_tenant",
)
def latest_of_tenant(request: HttpRequest, tenant: TenantKey) -> Latest:
    """The latest request that was raised from the tenant itself."""
    return Latest(queries.latest_for_tenant(actor_of(request), tenant))


@router.get(
    "/runs/{ref}/support-requests/latest",
    response={200: Latest, **REFUSALS},
    operation_id="get_latest_support_request_of_run",
)
def latest_of_run(request: HttpRequest, ref: RunRef) -> Latest:
    """The latest request that was raised from the run."""
    return Latest(queries.latest_for_run(actor_of(request), ref))


def _answer(submitted: support_requests.Submitted) -> Status[Handoff]:
    return Status(200 if submitted.repeated else 201, submitted.handoff)
