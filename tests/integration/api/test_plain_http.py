"""Where https is configured, the API refuses plain http. A redirect would hide that a token was sent in clear."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("path", ["/api/v1/runs", "/api/v1/openapi.json", "/api/none"])
@pytest.mark.parametrize("verb", ["get", "post"])
def test_api_refuses_plain_http_where_https_is_configured(path: str, verb: str, settings: Any) -> None:
    settings.SECURE_SSL_REDIRECT = True
    client = Client(headers={"authorization": "Bearer hrt_secret"})
    refused = getattr(client, verb)(path)
    assert (refused.status_code, refused.json()["code"]) == (403, "https-required")
    assert "Location" not in refused.headers
    assert getattr(client, verb)(path, secure=True).json().get("code") != "https-required"


def test_pages_are_redirected_to_https(settings: Any) -> None:
    settings.SECURE_SSL_REDIRECT = True
    answer = Client().get("/admin")
    assert (answer.status_code, answer.headers["Location"]) == (301, "https://testserver/admin")
