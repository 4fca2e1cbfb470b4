"""Linking a ticket that exists: no call, only what can be told from what the person typed or pasted."""

from __future__ import annotations

from handrail.connectors.desk.config import DeskConfig
from handrail.connectors.desk.links import checked_url, is_reference, reference_in
from handrail.connectors.desk.template import render_url
from handrail.connectors.desk.ticket import Link
from handrail.kernel.errors import Fault, Invalid


def normalise(config: DeskConfig, reference: str, url: str) -> Link:
    """One reference, and a URL only where one was given.

    A ticket URL pasted into either field gives the reference too, where the desk's URLs hold it. Raises Invalid with a
    fault for ``reference`` or ``url`` (or both).
    """
    typed, pasted = reference.strip(), url.strip()
    if not pasted and typed.lower().startswith(("http://", "https://")):
        typed, pasted = "", typed
    page, held = _page(config, pasted) if pasted else (None, None)
    found = _reference(config, typed) if typed else held
    faults = [*_url_faults(config, pasted, page, found, held), *_reference_faults(config, typed, found)]
    if faults or found is None:
        raise Invalid("The ticket can't be linked as it was given.", code="link-invalid", faults=faults)
    return Link(found, _canonical(config, page, found, held))


def _page(config: DeskConfig, pasted: str) -> tuple[str | None, str | None]:
    """The pasted URL if it is one of the desk's, and the reference that it holds, if any."""
    page = checked_url(pasted, config.web_origin)
    if page is None:
        return None, None
    _, held = reference_in(page, config.link.urls, config.page_scope)
    return page, held if held and is_reference(held, config.reference_pattern) else None


def _reference(config: DeskConfig, typed: str) -> str | None:
    """The typed reference; a ``#`` before it is how people write one, and is left out where the desk has none."""
    for candidate in (typed, typed.removeprefix("#")):
        if is_reference(candidate, config.reference_pattern):
            return candidate
    return None


def _reference_faults(config: DeskConfig, typed: str, found: str | None) -> list[Fault]:
    if found is not None:
        return []
    if typed:
        return [Fault("reference", f"is no reference of {config.name}; one looks like {config.reference_example}")]
    return [Fault("reference", f"is needed, such as {config.reference_example}")]


def _url_faults(config: DeskConfig, pasted: str, page: str | None, found: str | None, held: str | None) -> list[Fault]:
    if pasted and page is None:
        return [Fault("url", f"is no address at {config.web_origin}, where {config.name} is")]
    if held is not None and found is not None and held != found:
        return [Fault("url", f"is the page of {held}, not of {found}")]
    return []


def _canonical(config: DeskConfig, page: str | None, found: str, held: str | None) -> str | None:
    """The desk's own form of a recognised ticket page; any other page of the desk as it was pasted."""
    if page is not None and held is not None and config.web.url is not None and config.reference_proves_url:
        return render_url(config.web.url, {**config.page_scope, "reference": found})
    return page
