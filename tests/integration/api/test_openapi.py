"""The API against its own OpenAPI document: whatever it is sent, it answers as it says, and never with a 500."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from handrail.conf.wsgi import application
from tests.factories.openapi import description
from tests.integration.api.conftest import Caller
from tests.lanes import NIGHTLY, examples

# At night also each value on the edge of what the document allows, and just beyond it: that takes most of the time.
coverage = SchemathesisConfig.from_dict({"phases": {"coverage": {"enabled": NIGHTLY}}})
schema = schemathesis.openapi.from_dict(description(), config=coverage)
schema.app = application
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


@pytest.fixture(autouse=True)
def one_connection() -> Iterator[None]:
    """Requests stay in the test's own transaction: Django would close the connection around each."""
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    yield
    for signal in signals:
        signal.connect(close_old_connections)


@pytest.fixture
def authorization(caller: Caller) -> str:
    """The header of a member who may do everything here."""
    header: str = caller("operator", "senior-support", "governance-owner").defaults["HTTP_AUTHORIZATION"]
    return header


@pytest.mark.usefixtures("board")
@schema.parametrize()
@settings(max_examples=examples(2), deadline=None, suppress_health_check=list(HealthCheck))
def test_every_answer_conforms(case: schemathesis.Case, authorization: str) -> None:
    response = case.call(headers={"Authorization": authorization})
    case.validate_response(response, checks=CHECKS)
    assert response.status_code < 500
