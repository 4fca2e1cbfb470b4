"""Takes the screenshots of Request support from a running demo: ``handrail demo``, then, beside it:

python docs/screenshots_support.py http://127.0.0.1:8000 PASSWORD
"""

from __future__ import annotations

import sys

from playwright.sync_api import Page, sync_playwright
from screenshots import ARGUMENTS, log_in, take

OPERATOR = "olivia@practice.example"
SIZE = {"width": 1280, "height": 860}


def main(base: str, password: str) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=ARGUMENTS)
        page = log_in(browser.new_page(viewport=SIZE), base, OPERATOR, password)
        open_run(page, base, "Look for SR-")
        take(page, "support-outcome-unknown")
        open_run(page, base, "External ticket created")
        take(page, "support-created")
        tenant = page.locator("main a[href*='/admin/t/']").first.get_attribute("href")
        page.get_by_role("link", name="Request support").click()
        page.get_by_label("Summary").fill("The new credential does not become active")
        page.get_by_label("Create external ticket").check()
        page.wait_for_timeout(400)
        take(page, "support-slide-over")
        dark = log_in(browser.new_page(viewport=SIZE, color_scheme="dark"), base, OPERATOR, password)
        dark.goto(f"{base}{tenant}")
        dark.get_by_role("link", name="Request support").click()
        dark.wait_for_timeout(400)
        take(dark, "support-tenant-dark")
        browser.close()


def open_run(page: Page, base: str, text: str) -> None:
    """The stopped run whose page has ``text``."""
    page.goto(f"{base}/admin/operations?state=exception")
    links = page.locator("main a[href*='/admin/operations/RUN-']").all()
    for path in [link.get_attribute("href") for link in links]:
        page.goto(f"{base}{path}")
        if page.get_by_text(text).count():
            return
    raise SystemExit(f"No run shows {text!r}. Is this a fresh demo?")


if __name__ == "__main__":
    main(*sys.argv[1:])
