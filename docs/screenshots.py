"""Takes the screenshots under docs/screenshots from a running demo: ``handrail demo``, then, beside it:

python docs/screenshots.py http://127.0.0.1:8000 PASSWORD
"""

from __future__ import annotations

import sys
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

TO = Path(__file__).with_name("screenshots")
ARGUMENTS = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
SENIOR = "sam@practice.example"
OWNER = "gina@practice.example"


def main(base: str, password: str) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=ARGUMENTS)
        senior = log_in(browser.new_page(viewport={"width": 1280, "height": 860}), base, SENIOR, password)
        take(senior, "home")
        senior.goto(f"{base}/admin/operations")
        take(senior, "operations")
        senior.goto(f"{base}/admin/operations?state=completed")
        senior.locator("main a[href*='/admin/operations/RUN-']").last.click()
        take(senior, "run")
        senior.goto(f"{base}/admin/exceptions")
        senior.locator("main a[href*='/admin/exceptions/EXC-']").first.click()
        take(senior, "exception")
        senior.goto(f"{base}/admin/packets")
        senior.locator("main a[href*='/admin/packets/PKT-']").first.click()
        take(senior, "packet-released")
        dark = browser.new_page(viewport={"width": 1280, "height": 860}, color_scheme="dark")
        owner = log_in(dark, base, OWNER, password)
        owner.goto(f"{base}/admin/definitions")
        owner.locator("main a[href*='/admin/definitions/']").first.click()
        take(owner, "definition-dark")
        browser.close()


def log_in(page: Page, base: str, email: str, password: str) -> Page:
    page.goto(base)
    page.fill("input[name=login]", email)
    page.fill("input[name=password]", password)
    page.click("button[type=submit]")
    page.wait_for_url("**/admin")
    return page


def take(page: Page, name: str, *, whole: bool = False) -> None:
    page.wait_for_load_state()
    page.screenshot(path=TO / f"{name}.png", full_page=whole)


if __name__ == "__main__":
    main(*sys.argv[1:])
