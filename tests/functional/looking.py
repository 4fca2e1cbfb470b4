"""Looking at a page once it is still: with axe, and with a ruler."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.lanes import NIGHTLY

NARROWEST = 320
# Scheme and width: by day each scheme and each width is looked at once, at night wide in both.
LOOKS = [("dark", 1280), ("light", NARROWEST), *([("light", 1280)] if NIGHTLY else [])]
P = TypeVar("P")

# A contrast measured while something fades in, or a width before the fonts are there, is that of no finished page.
STILL = """async () => {
    const frame = () => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
    await document.fonts.ready;
    await frame();
    const moving = document.getAnimations().filter(a => a.effect.getComputedTiming().iterations !== Infinity);
    await Promise.all(moving.map(a => a.finished.catch(() => {})));
    await frame();
}"""
_axe = Axe()


def shared_out(pages: Sequence[P], scheme: str) -> Sequence[P]:
    """Which of ``pages`` are looked at in this scheme: by day by turns, so that each is looked at once."""
    return pages if NIGHTLY else pages[scheme == "light" :: 2]


def still(page: Page) -> Page:
    """The page, when everything that moves and ends has ended."""
    page.evaluate(STILL)
    return page


def violations(page: Page) -> list[str]:
    """What axe finds, each with the beginning of the elements that it found."""
    found = _axe.run(still(page)).response["violations"]
    return [f"{each['id']}: {[node['html'][:160] for node in each['nodes']]}" for each in found]


def too_wide(page: Page, element: str = "document.documentElement") -> int:
    """By how many pixels the content of ``element`` is wider than it shows; 0 or less when it fits."""
    over: int = still(page).evaluate(f"(e => e.scrollWidth - e.clientWidth)({element})")
    return over
