"""Makes every image of docs/screenshots again: starts ``handrail demo``, goes through its pages, and ends it.

    python docs/screenshots.py                                  # starts a demo of its own in a scratch directory
    python docs/screenshots.py --demo var/demo --password …     # uses the demo that runs in that directory
    python docs/screenshots.py --only people_and_access         # only the images of that part

Needs Chromium. On a demo that was used before, the figures in the images differ; everything else is the same.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Page, expect, sync_playwright

from handrail.sandbox.estate import PRACTICE_TOKENS
from handrail.sandbox.outage import CASE

TO = Path(__file__).with_name("screenshots")
WIDTH, HEIGHT, NARROW = 1280, 860, 390
PATIENCE_MS = 60_000
START_SECONDS = 600.0
FLAGS = ("--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync")
PRINTED = re.compile(r"olivia@practice\.example\W+operator\W+([a-z]+(?:-[a-z]+){3}-\d{3})")
ENTITLEMENTS, PROFILE = "entitlement-resync v", "identity-outage-vendor-escalation v"
OPERATOR, SENIOR, OWNER, AUDITOR, ADMINISTRATOR = "olivia", "sam", "gina", "audrey", "ada"
SIGNERS = ("eva", "emil")


@dataclass(frozen=True, slots=True)
class Demo:
    """A running demo, by what its directory says."""

    directory: Path
    password: str

    @property
    def configuration(self) -> Path:
        return self.directory / "handrail.toml"

    @property
    def url(self) -> str:
        return str(self._configured()["web"]["base_url"]).rstrip("/")

    def control(self, path: str, body: dict[str, object]) -> None:
        """What somebody outside does: a late entry in a case, a desk that fails."""
        address = self._configured()["connectors"]["control"]["base_url"]
        headers = {"authorization": f"Bearer {PRACTICE_TOKENS['control']}", "content-type": "application/json"}
        request = urllib.request.Request(f"{address}{path}", json.dumps(body).encode(), headers)  # noqa: S310 - our own
        urllib.request.urlopen(request, timeout=10).close()  # noqa: S310

    def _configured(self) -> dict[str, dict[str, dict[str, str]]]:
        return tomllib.loads(self.configuration.read_text(encoding="utf-8"))


class People:
    """Everybody's own browser page, logged in once."""

    def __init__(self, browser: Browser, demo: Demo) -> None:
        self._browser, self.demo = browser, demo
        self._pages: dict[str, Page] = {}

    def stranger(self) -> Page:
        context = self._browser.new_context(
            viewport={"width": WIDTH, "height": HEIGHT}, reduced_motion="reduce", locale="en-GB", timezone_id="UTC"
        )
        context.set_default_timeout(PATIENCE_MS)
        return context.new_page()

    def go(self, who: str, path: str, *, at: str | None = None) -> Page:
        """``who``'s page at ``path``, of the demo's web server or the one at the address ``at``."""
        page = self._pages.get(who) or self._logged_in(who)
        page.goto(f"{at or self.demo.url}{path}")
        return page

    def _logged_in(self, who: str) -> Page:
        page = self._pages[who] = self.stranger()
        page.goto(f"{self.demo.url}/admin")
        page.get_by_label("E-mail address").fill(f"{who}@practice.example")
        page.get_by_label("Password").fill(self.demo.password)
        page.get_by_role("button", name="Log in").click()
        page.wait_for_url("**/admin")
        return page


def take(page: Page, name: str, *, dark: bool = False, width: int = WIDTH, height: int = HEIGHT) -> None:
    page.emulate_media(color_scheme="dark" if dark else "light")
    page.set_viewport_size({"width": width, "height": height})
    page.screenshot(path=TO / f"{name}.png", animations="disabled")
    page.emulate_media(color_scheme="light")
    page.set_viewport_size({"width": WIDTH, "height": HEIGHT})
    print(f"docs/screenshots/{name}.png", flush=True)


def look_around(people: People) -> None:
    page = people.stranger()
    page.goto(f"{people.demo.url}/admin")
    take(page, "log-in", height=560)
    home = people.go(SENIOR, "/admin")
    take(home, "home")
    take(home, "home-narrow", width=NARROW, height=844)
    take(people.go(SENIOR, "/admin/operations"), "operations")
    page = people.go(SENIOR, "/admin/operations?state=completed")
    page.locator("main a[href*='/admin/operations/RUN-']").last.click()
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    take(page, "run")
    page = people.go(SENIOR, "/admin/exceptions")
    page.locator("main a[href*='/admin/exceptions/EXC-']").first.click()
    expect(page.get_by_role("heading", name="Handling")).to_be_visible()
    take(page, "exception")
    take(people.go(SENIOR, "/admin/exceptions"), "exceptions")
    take(people.go(SENIOR, "/admin/evaluation"), "evaluation")


def by_hand(people: People) -> None:
    """What a person finds by a task's key, describes to be run, and hears of."""
    page = people.go(SENIOR, "/admin/find?q=TASK-1001")
    expect(page.locator("main a[href*='/admin/operations/RUN-']").first).to_be_visible()
    take(page, "find", height=560)
    page = people.go(SENIOR, "/admin/operations/start")
    page.get_by_label("Runbook", exact=True).select_option("entitlement-resync")
    page.get_by_role("button", name="Choose").click()
    expect(page.get_by_role("button", name="Preview")).to_be_visible()
    take(page, "start-run", height=1000)
    take(people.go(SENIOR, "/admin/notifications"), "notifications")


def definitions(people: People) -> None:
    for words, image in ((ENTITLEMENTS, "definition-dark"), (PROFILE, "profile-dark")):
        page = people.go(OWNER, "/admin/definitions")
        page.locator("main").get_by_role("link", name=re.compile(words)).first.click()
        expect(page.get_by_role("heading", name="What it does")).to_be_visible()
        take(page, image, dark=True)


def support(people: People) -> None:
    """On stopped runs and one's tenant: a ticket is created, linked, refused, and lost."""
    page = people.go(OPERATOR, "/admin/operations?state=exception")
    links = page.locator("main a[href*='/admin/operations/RUN-']")
    runs = [str(link.get_attribute("href")) for link in links.all()[-3:]]
    page = people.go(OPERATOR, runs[0])
    take(page, "run-stopped")
    tenant = str(page.locator("main a[href*='/admin/t/']").first.get_attribute("href"))
    ask(page, "The job skipped one administrator", "Create external ticket")
    take(page, "support-form", height=1000)
    submit(page, "an external ticket was created")
    take(page, "support-created")
    ticket = page.locator("a[href*='/desk/tickets/']").first.inner_text().strip()
    for run, fault, says, image in (
        (runs[1], "markup-error", "Partly done", "support-failed"),
        (runs[2], "cut-after", "Outcome unknown", "support-outcome-unknown"),
    ):
        people.demo.control("/desk/faults", {"next": [fault]})
        page = people.go(OPERATOR, run)
        ask(page, "The roles are missing after the run", "Create external ticket")
        submit(page, says)
        take(page, image)
    page = people.go(OPERATOR, tenant)
    ask(page, "The customer asks how it stands", "Link existing ticket")
    page.get_by_label("External ticket", exact=True).fill(ticket)
    take(page, "support-tenant-dark", dark=True, height=1000)
    submit(page, "is stored")
    take(page, "support-linked")
    with without_desk(people.demo) as address:
        page = people.go(OPERATOR, tenant, at=address)
        ask(page, "The customer asks how it stands")
        expect(page.get_by_text("No external support desk is configured")).to_be_visible()
        take(page, "support-no-desk", height=1000)


def ask(page: Page, summary: str, mode: str = "") -> None:
    page.get_by_role("link", name="Request support").click()
    page.get_by_label("Summary").fill(summary)
    if mode:
        page.get_by_label(mode).check()


def submit(page: Page, says: str) -> None:
    page.get_by_role("button", name="Submit request").click()
    expect(page.get_by_text(says).first).to_be_visible()


@contextmanager
def without_desk(demo: Demo) -> Iterator[str]:
    """The address of a second web server on the same database, whose configuration has no desk."""
    with tempfile.TemporaryDirectory() as scratch:
        text = demo.configuration.read_text(encoding="utf-8")
        port = int(demo.url.rpartition(":")[2])
        text = text.replace(f"port = {port}", f"port = {port + 1}").split("\n[desk]")[0]
        file = Path(scratch) / "handrail.toml"
        file.write_text(text, encoding="utf-8")
        address = f"http://127.0.0.1:{port + 1}"
        server = subprocess.Popen(
            [sys.executable, "-m", "handrail", "web"],
            env={**os.environ, "HANDRAIL_CONFIG": str(file)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            wait_for(lambda: answers(address), "The second web server did not start.")
            yield address
        finally:
            server.terminate()
            server.wait()


def answers(address: str) -> bool:
    try:
        urllib.request.urlopen(f"{address}/accounts/login/", timeout=10).close()  # noqa: S310 - our own
    except OSError:
        return False
    return True


def packets(people: People) -> None:
    """The demo's packet, whose third revision is consumed, is overtaken once more, and goes the whole way again."""
    page = people.go(SENIOR, "/admin/packets")
    packet = str(page.locator("main a[href*='/admin/packets/PKT-']").first.get_attribute("href"))
    in_state(page := people.go(SENIOR, packet), "Consumed")
    take(page, "packet-consumed-dark", dark=True)
    take(people.go(SENIOR, f"{packet}?revision=2"), "packet-superseded")
    entry = {"at": "2026-11-20T09:40:00Z", "kind": "impact-end", "visibility": "vendor", "text": "Confirmed again."}
    people.demo.control(f"/cases/{CASE}/timeline", entry)
    page = people.go(OPERATOR, packet)
    with_reason(page, "Assemble again", "What is new", "The end of impact was entered again.")
    in_state(page := people.go(SENIOR, packet), "Held")
    take(page, "packet-held")
    with_reason(page, "Clear this hold", "Why it may be cleared", "Confirmed on the bridge at 09:40.")
    in_state(people.go(SENIOR, packet), "In review")
    page = people.go(SIGNERS[0], packet)
    take(page, "packet-to-sign")
    take(page, "packet-narrow", width=NARROW, height=844)
    page.get_by_role("link", name=re.compile("^Open har-")).first.click()
    page.get_by_role("link", name="Show the original beside it").click()
    take(page, "packet-original")
    for who in SIGNERS:
        page = people.go(who, packet)
        see_all(page)
        page.get_by_role("button", name="Approve this revision").click()
        expect(page.get_by_text("Approved by you.")).to_be_visible()
    page.get_by_role("button", name=re.compile("^Release to ")).click()
    expect(page.locator("#delivery h3")).to_contain_text("Delivered")
    take(page, "packet-released")


def with_reason(page: Page, button: str, label: str, reason: str) -> None:
    page.locator("summary", has_text=button).first.click()
    page.get_by_label(label).first.fill(reason)
    page.get_by_role("button", name=button).first.click()


def see_all(page: Page) -> None:
    """Marks each part of a revision as seen that is not yet."""
    while (parts := page.get_by_role("button", name=re.compile("^Seen: "))).count():
        left = parts.count()
        parts.first.click()
        expect(parts).to_have_count(left - 1)


def in_state(page: Page, state: str) -> None:
    expect(page.locator("#packet-state")).to_have_text(state)


def audit(people: People) -> None:
    take(people.go(AUDITOR, "/admin/audit"), "audit")
    take(people.go(AUDITOR, "/admin/audit/record"), "audit-record")


def brakes(people: People) -> None:
    """A connector that is paused, and resumed behind the picture, so that the demo goes on."""
    page = people.go(SENIOR, "/admin/brakes")
    page.get_by_label("What to pause").select_option("connector:sync-jobs")
    page.get_by_label("Why").fill("The vendor repairs it until noon.")
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_text("The vendor repairs it until noon.")).to_be_visible()
    take(people.go(SENIOR, "/admin/brakes"), "brakes")
    page.locator("details summary").first.click()
    page.get_by_label("Why it can go on").fill("It is repaired.")
    page.get_by_role("button", name="Resume").click()
    expect(page.get_by_text("Nothing is paused.")).to_be_visible()


def people_and_access(people: People) -> None:
    """Where somebody is logged in, with which tokens, who the members are, and which tenants there are."""
    take(people.go(OPERATOR, "/admin/sessions"), "sessions", height=560)
    page = people.go(OPERATOR, "/admin/tokens")
    page.get_by_label("What it is for").fill("Nightly report")
    page.get_by_role("button", name="Create token").click()
    expect(page.get_by_role("button", name=re.compile("^Revoke")).first).to_be_visible()
    take(people.go(OPERATOR, "/admin/tokens"), "tokens", height=1000)  # again: without the token itself
    take(people.go(ADMINISTRATOR, "/admin/members"), "members")
    take(people.go(ADMINISTRATOR, "/admin/tenants"), "tenants")


STORIES = {
    story.__name__: story
    for story in (look_around, by_hand, definitions, brakes, support, packets, audit, people_and_access)
}


def make(demo: Demo, stories: Iterable[str]) -> None:
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        chromium = shutil.which("chromium") or shutil.which("google-chrome")
        browser = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        people = People(browser, demo)
        for story in stories:
            STORIES[story](people)
        browser.close()


@contextmanager
def own_demo() -> Iterator[Demo]:
    with tempfile.TemporaryDirectory(prefix="handrail-screenshots-") as scratch:
        said = Path(scratch) / "said"
        with said.open("wb") as out:
            process = subprocess.Popen(  # noqa: S603 - our own program
                [sys.executable, "-m", "handrail", "demo", "--directory", scratch],
                env={**os.environ, "COLUMNS": "200", "PYTHONUNBUFFERED": "1"},
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        try:
            print("A demo is starting; this takes a minute or more …", flush=True)
            wait_for(
                lambda: process.poll() is not None or PRINTED.search(said.read_text(encoding="utf-8")),
                "The demo did not come up in time.",
            )
            told = PRINTED.search(said.read_text(encoding="utf-8"))
            if told is None:
                raise SystemExit(f"The demo has ended:\n{said.read_text(encoding='utf-8')[-2000:]}")
            yield Demo(Path(scratch), told[1])
        finally:
            process.terminate()
            process.wait()


def wait_for(done: Callable[[], object], otherwise: str) -> None:
    until = time.monotonic() + START_SECONDS
    while not done():
        if time.monotonic() > until:
            raise SystemExit(otherwise)
        time.sleep(0.2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--demo", type=Path, help="the directory of a demo that runs")
    parser.add_argument("--password", help="the one that it printed")
    parser.add_argument(
        "--only", choices=STORIES, action="append", help="the images of one part; more than once for more"
    )
    given = parser.parse_args()
    began = time.monotonic()
    if given.demo:
        make(Demo(given.demo.resolve(), given.password or ""), given.only or STORIES)
    else:
        with own_demo() as demo:
            make(demo, given.only or STORIES)
    print(f"Made in {time.monotonic() - began:.0f} s.")


if __name__ == "__main__":
    main()
