"""Linking a ticket that exists: no call, only what follows from what the person typed or pasted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from handrail.connectors.desk.config import DeskConfig
from handrail.connectors.desk.links import checked_url, is_reference
from handrail.connectors.desk.pages import Page, recognised
from handrail.connectors.desk.ticket import Link
from handrail.connectors.template import render_page
from handrail.kernel.errors import Fault, Invalid

_SCHEMES = ("http://", "https://")


@dataclass(frozen=True, slots=True)
class _Given:
    """``typed`` as the reference, ``pasted`` as the address, which came ``at`` one of the two fields."""

    typed: str
    pasted: str
    at: Literal["reference", "url"]


def normalise(config: DeskConfig, reference: str, url: str) -> Link:
    """One reference, and a URL only where one was given.

    A ticket's address that is pasted into either field gives the reference too, where the desk's addresses hold it.
    Raises Invalid with a fault for each field that is wrong (``reference``, ``url``).
    """
    given = _given(reference.strip(), url.strip())
    page = _page(config, given.pasted) if given.pasted else None
    found = _reference(config, given.typed) if given.typed else page.reference if page else None
    faults = list(_faults(config, given, page, found))
    if faults or found is None:
        raise Invalid("The ticket can't be linked as it is.", code="link-invalid", faults=faults)
    return Link(found, _address(config, page, found) if page else None)


def _given(reference: str, url: str) -> _Given:
    if reference.lower().startswith(_SCHEMES) and url in {"", reference}:
        return _Given("", reference, "reference")
    return _Given(reference, url, "url")


def _page(config: DeskConfig, pasted: str) -> Page | None:
    """The pasted address if it is one of the desk's, with the reference that it holds, if any."""
    address = checked_url(pasted, config.web_origin)
    if address is None:
        return None
    page = recognised(address, config.link.urls, config.constants)
    if page is None or page.reference is None or is_reference(page.reference, config.reference_pattern):
        return page or Page(address)
    return Page(address)


def _reference(config: DeskConfig, typed: str) -> str | None:
    """The typed reference; a ``#`` before it is how people write one, and is left out where the desk has none."""
    for candidate in (typed, typed.removeprefix("#")):
        if is_reference(candidate, config.reference_pattern):
            return candidate
    return None


def _faults(config: DeskConfig, given: _Given, page: Page | None, found: str | None) -> Iterator[Fault]:
    """What is wrong, each mistake once, at the field where it was made."""
    if given.pasted and page is None:
        yield Fault(given.at, f"is not an address at {config.web_origin}, where {config.name} is")
    if found is None and (given.typed or page or not given.pasted):
        yield Fault("reference", _why_no_reference(config, given))
    if page and page.reference and found and page.reference != found:
        yield Fault("url", f"is the page of {page.reference}, not of {found}")


def _why_no_reference(config: DeskConfig, given: _Given) -> str:
    if given.typed:
        return f"is not a reference of {config.name}; one looks like {config.reference_example}"
    if not given.pasted:
        return f"is needed, such as {config.reference_example}"
    if given.at == "url":
        return f"is needed too, such as {config.reference_example}: the address does not hold it"
    return (
        "is an address that does not hold the reference; "
        f"type that here, such as {config.reference_example}, and give the address in its own field"
    )


def _address(config: DeskConfig, page: Page, found: str) -> str:
    """The desk's own form of a recognised ticket page; any other page of the desk as it was pasted."""
    if page.reference is None or config.web.url is None or not config.reference_proves_url:
        return page.url
    proven = render_page(config.web.url, config.constants, {"reference": found})
    return checked_url(proven, config.web_origin) or page.url
