"""A real server on a database of the test's own, and a real browser before it."""

from __future__ import annotations

import asyncio
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright

from handrail.access.models import User

# Playwright keeps an event loop in this thread, in which Django would otherwise refuse to ask the database.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"

# The first has no windows, and needs half the processor.
BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
CHROMIUM = next(filter(None, map(shutil.which, BROWSERS)), None)
FLAGS = (
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--no-first-run",
)
# Two cores may be shared with other tests; a page that never comes still fails.
PATIENCE_MS = 20_000
_loops: dict[Browser, asyncio.AbstractEventLoop] = {}
ABSENT = "Chromium is not installed. Debian: apt-get install chromium"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "functional" in item.path.parts:
            item.add_marker(pytest.mark.browser)


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        if os.environ.get("CI") == "true":
            pytest.fail(ABSENT)
        pytest.skip(ABSENT)
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        loop = asyncio._get_running_loop()
        asyncio._set_running_loop(None)
        _loops[chromium] = loop
        yield chromium
        asyncio._set_running_loop(loop)
        chromium.close()


@pytest.fixture(autouse=True)
def own_loop(browser: Browser) -> Iterator[None]:
    """Playwright's loop counts as running in this thread while a browser test runs, and in no test behind it."""
    asyncio._set_running_loop(_loops[browser])
    yield
    asyncio._set_running_loop(None)


@pytest.fixture
def own_connection_closed(own_loop: None, django_db_setup: None, django_db_blocker: Any) -> None:
    """Closes the connection that tests before this one left open in this thread, so that its database can be cloned.

    While Playwright's loop counts as running, Django looks for connections in the loop's context, not in the thread's.
    """
    from django.db import connections

    loop = asyncio._get_running_loop()
    asyncio._set_running_loop(None)
    with django_db_blocker.unblock():
        connections.close_all()
    asyncio._set_running_loop(loop)


@pytest.fixture
def committed_db(own_connection_closed: None, committed_db: str) -> str:
    return committed_db


@pytest.fixture
def site(committed_db: str) -> Iterator[str]:
    """The address of a server that works on the test's own database."""
    from django.core.cache import cache
    from django.core.wsgi import get_wsgi_application

    cache.clear()  # log-ins of earlier tests must not use up this one's
    server = ThreadedWSGIServer(("127.0.0.1", 0), _Quiet, allow_reuse_address=False)
    server.set_app(get_wsgi_application())
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@dataclass  # without slots: Playwright keeps its own mark on objects whose methods it calls back
class Visit:
    """A page of one person's browser. ``complaints``: what the browser's console objected to."""

    page: Page
    site: str
    complaints: list[str] = field(default_factory=list)

    def go(self, path: str) -> Page:
        self.page.goto(self.site + path)
        return self.page

    def heard(self, message: ConsoleMessage) -> None:
        if message.type == "error" or "Content Security Policy" in message.text:
            self.complaints.append(message.text)


Visits = Callable[..., Any]


def session_of(email: str) -> str:
    """The key of a session of that person, as logging in leaves it. ``test_logging_in`` goes through the form."""
    client = Client()
    client.force_login(User.objects.get(email=email), backend="allauth.account.auth_backends.AuthenticationBackend")
    return client.cookies["sessionid"].value


@pytest.fixture
def visit(browser: Browser, site: str) -> Visits:
    """``with visit(email, scheme=…, width=…, scripts=…, motion=…) as v``: logged in, on the overview, all still."""

    @contextmanager
    def _visit(
        email: str, *, scheme: str = "light", width: int = 1280, scripts: bool = True, motion: bool = False
    ) -> Iterator[Visit]:
        context: BrowserContext = browser.new_context(
            color_scheme=scheme,  # type: ignore[arg-type]
            viewport={"width": width, "height": 900},
            java_script_enabled=scripts,
            reduced_motion="no-preference" if motion else "reduce",
        )
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        visit = Visit(page, site)
        page.on("console", visit.heard)
        page.on("pageerror", lambda error: visit.complaints.append(str(error)))
        context.add_cookies([{"name": "sessionid", "value": session_of(email), "url": site}])
        visit.go("/admin")
        yield visit
        context.close()
        assert visit.complaints == []

    return _visit
