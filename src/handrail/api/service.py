"""The API as a whole: its routers, who may call, and the one error handler."""

from __future__ import annotations

from functools import cached_property
from http import HTTPStatus
from typing import Any

import structlog
from django.core.exceptions import RequestDataTooBig
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError
from ninja.openapi.schema import OpenAPISchema

from handrail import __version__
from handrail.access import actions as access
from handrail.api import (
    audit,
    brakes,
    definitions,
    deliveries,
    exceptions,
    figures,
    find,
    keeping,
    lanes,
    notifications,
    packets,
    passkeys,
    problems,
    runs,
    support,
    tenants,
    tokens,
    waves,
    webhook,
)
from handrail.api.auth import Session, Token, actor_of
from handrail.api.body import JsonBody
from handrail.kernel.errors import Denied, Fault, HandrailError, Invalid, NotFound

log = structlog.get_logger("handrail.api")
WHERE_LIMIT = 200


class DocumentedAPI(NinjaAPI):
    """NinjaAPI whose OpenAPI document gives refusals the media type that they have."""

    def get_openapi_schema(self, **given: Any) -> OpenAPISchema:
        """The document, made once a process and address: it takes a second. Everybody gets the same: change none."""
        where = given.get("path_prefix") or self.get_root_path(given.get("path_params") or {})
        if where not in self._described:
            self._described[where] = self._describe(where)
        return self._described[where]

    @cached_property
    def _described(self) -> dict[str, OpenAPISchema]:
        return {}

    def _describe(self, where: str) -> OpenAPISchema:
        schema = super().get_openapi_schema(path_prefix=where)
        for verbs in schema["paths"].values():
            for operation in verbs.values():
                for status, response in operation["responses"].items():
                    if int(status) >= HTTPStatus.BAD_REQUEST and "application/json" in response.get("content", {}):
                        response["content"] = {problems.MEDIA_TYPE: response["content"]["application/json"]}
        return schema


api = DocumentedAPI(
    title="Handrail",
    version=__version__,
    description="What the pages do, for programs: runs, exception packets, support requests, escalation packets, "
    "definitions, the audit log. Errors are problem documents (RFC 9457), "
    "also the 405, with Allow, for a method that an address does not take.",
    auth=[Token(), Session()],
    parser=JsonBody(),
    docs_url=None,
    urls_namespace="api",
)
api.add_router("", runs.router, tags=["runs"])
api.add_router("", notifications.router, tags=["notifications"])
api.add_router("", brakes.router, tags=["brakes"])
api.add_router("", waves.router, tags=["waves"])
api.add_router("", exceptions.router, tags=["exceptions"])
api.add_router("", definitions.router, tags=["definitions"])
api.add_router("", support.router, tags=["support"])
api.add_router("", packets.router, tags=["packets"])
api.add_router("", lanes.router, tags=["packets"])
api.add_router("", deliveries.router, tags=["packets"])
api.add_router("", webhook.router, tags=["tasks"])
api.add_router("", keeping.router, tags=["tenants"])  # its addresses begin like those of tenants, which match more
api.add_router("", tenants.router, tags=["tenants"])
api.add_router("", tokens.router, tags=["tokens"])
api.add_router("", passkeys.router, tags=["passkeys"])
api.add_router("", audit.router, tags=["audit"])
api.add_router("", figures.router, tags=["evaluation"])
api.add_router("", find.router, tags=["find"])


@api.exception_handler(HandrailError)
def refused(request: HttpRequest, error: HandrailError) -> HttpResponse:
    """An error raised on purpose. A denial is written to the audit log first."""
    if isinstance(error, Denied):
        access.record_denial(error, by=actor_of(request), where=f"{request.method} {request.path}"[:WHERE_LIMIT])
    log.info("refused", code=error.code, status=error.status)
    return problems.of(error)


@api.exception_handler(AuthenticationError)
def unknown_caller(request: HttpRequest, error: AuthenticationError) -> HttpResponse:  # noqa: ARG001 - ninja's signature
    detail = "Send a personal access token as Authorization: Bearer, or log in."
    return problems.problem(401, "unauthenticated", detail, headers={"WWW-Authenticate": "Bearer"})


@api.exception_handler(ValidationError)
def malformed(request: HttpRequest, error: ValidationError) -> HttpResponse:
    """Input that does not fit. A reference that can't be one is answered like one that there is none of."""
    if any(item["loc"][:1] == ("path",) for item in error.errors):
        return refused(request, NotFound())
    faults = [Fault(".".join(map(str, e["loc"][1:])), e["msg"].removeprefix("Value error, ")) for e in error.errors]
    return refused(request, Invalid("The request is not valid.", faults=faults))


@api.exception_handler(HttpError)
def stopped(request: HttpRequest, error: HttpError) -> HttpResponse:
    """What the framework refuses: a body that can't be read, a missing CSRF token."""
    cause = error.__cause__
    if isinstance(cause, HandrailError):
        return refused(request, cause)
    if isinstance(cause, RequestDataTooBig):
        return problems.problem(413, "too-large", "The request body is over 1 MiB.")
    code = "csrf" if error.status_code == Denied.status else "bad-request"
    return problems.problem(error.status_code, code, "The request was refused before it was processed.")


@api.exception_handler(RequestDataTooBig)
def too_large(request: HttpRequest, error: RequestDataTooBig) -> HttpResponse:  # noqa: ARG001 - ninja's signature
    """Raised where the framework looks whether there is a body, before it reads it."""
    return problems.problem(413, "too-large", "The request body is over 1 MiB.")


@api.exception_handler(OperationalError)
def unreachable(request: HttpRequest, error: OperationalError) -> HttpResponse:  # noqa: ARG001 - ninja's signature
    return problems.database_away()


@api.exception_handler(Exception)
def broken(request: HttpRequest, error: Exception) -> HttpResponse:  # noqa: ARG001 - ninja's signature
    """What nobody foresaw: its class and place go to the log, its text to nobody."""
    log.error("request broke", exc_info=error)
    return problems.broken()
