"""Cookies as a browser gets them from the web server itself, over https (by a proxy) and over plain http."""

from __future__ import annotations

from http.cookies import SimpleCookie
from pathlib import Path

import httpx2
import pytest
from django.contrib.auth.hashers import PBKDF2PasswordHasher

from handrail.access.capabilities import Role
from handrail.access.models import User
from tests.factories import rows
from tests.factories.installation import Installation
from tests.factories.rows import PASSWORD
from tests.integration.support.web_process import PATIENCE_SECONDS, Web, installation

pytestmark = pytest.mark.slow
EMAIL = "browser@example.com"


def cookies(web: Web, headers: dict[str, str]) -> dict[str, str]:
    """Every Set-Cookie line of logging in, by name. The API knows the session by its cookie."""
    lines: dict[str, str] = {}
    with httpx2.Client(base_url=web.base, headers=headers, timeout=PATIENCE_SECONDS, trust_env=False) as client:
        jar: dict[str, str] = {}

        def went(response: httpx2.Response) -> httpx2.Response:
            for line in response.headers.get_list("set-cookie"):
                name, morsel = next(iter(SimpleCookie(line).items()))
                lines.setdefault(name, line)
                jar[name] = morsel.value
            client.cookies.clear()
            client.headers["cookie"] = "; ".join(f"{name}={value}" for name, value in jar.items())
            return response

        page = went(client.get("/accounts/login/")).text
        token = page.split('name="csrfmiddlewaretoken" value="')[1].split('"')[0]
        given = {"login": EMAIL, "password": PASSWORD, "csrfmiddlewaretoken": token}
        entered = went(
            client.post("/accounts/login/", data=given, headers={"referer": f"https://{client.base_url.host}/"})
        )
        assert entered.status_code == 302, entered.text
        assert client.get("/api/v1/runs").status_code == 200
        return lines


def member() -> None:
    rows.member(Installation.named("Acme").workspace, Role.OPERATOR, email=EMAIL)
    User.objects.filter(email=EMAIL).update(password=PBKDF2PasswordHasher().encode(PASSWORD, "salt", iterations=1))


def test_every_cookie_over_https_is_of_this_host_alone(committed_db: str, tmp_path: Path) -> None:
    member()
    web = installation(database=committed_db, directory=tmp_path, https=True)
    host = web.base.removeprefix("http://")
    with web.serving():
        lines = cookies(web, {"x-forwarded-proto": "https", "host": host, "origin": f"https://{host}"})
    assert set(lines) == {"__Host-sessionid", "__Host-csrftoken"}
    for line in lines.values():
        parts = {part.strip().lower() for part in line.split(";")[1:]}
        assert {"secure", "httponly", "path=/", "samesite=lax"} <= parts
        assert not any(part.startswith("domain") for part in parts)


def test_cookies_over_plain_http_keep_their_names(committed_db: str, tmp_path: Path) -> None:
    member()
    web = installation(database=committed_db, directory=tmp_path)
    with web.serving():
        lines = cookies(web, {"origin": web.base})
    assert set(lines) == {"sessionid", "csrftoken"}
    assert all("httponly" in line.lower() and "secure" not in line.lower() for line in lines.values())
