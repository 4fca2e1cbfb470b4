"""Template filters and tags of Handrail's own: instants, spans of time, states, references, JSON values."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from django import template
from django.contrib.staticfiles import finders
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString

from handrail.kernel.clock import now
from handrail.notifications.queries import messages_about
from handrail.web.shell import words

register = template.Library()


@register.filter
def ago(at: datetime | None) -> SafeString:
    """A ``<time>`` that reads as a distance from now, with the exact instant on hover."""
    if at is None:
        return format_html('<span class="muted">{}</span>', words.NOTHING)
    exact = words.exact(at)
    return format_html(
        '<time datetime="{}" title="{}" data-ago>{}</time>', at.isoformat(), exact, words.distance(at, now())
    )


@register.filter
def instant(at: datetime | None) -> SafeString:
    """A ``<time>`` that reads as the exact instant."""
    if at is None:
        return format_html('<span class="muted">{}</span>', words.NOTHING)
    return format_html('<time datetime="{}">{}</time>', at.isoformat(), words.exact(at))


@register.filter
def parsed(text: str | None) -> datetime | None:
    """An ISO instant of a ledger row as a datetime."""
    return datetime.fromisoformat(text) if text else None


@register.filter
def clock_time(at: datetime | None) -> SafeString:
    """Only hours to milliseconds, for rows that stand within one run."""
    if at is None:
        return ago(None)
    return format_html(
        '<time datetime="{}" title="{}">{}</time>', at.isoformat(), words.exact(at), at.strftime("%H:%M:%S.%f")[:-3]
    )


register.filter("span", words.span)
register.filter("humanise", words.humanise)
register.filter("value_text", words.value_text)
register.filter("seen", words.visible_value)


@register.filter
def pairs(mapping: dict[str, Any]) -> list[tuple[str, Any]]:
    """A mapping's items, even when one of its keys is called ``items``."""
    return list(mapping.items())


@register.filter
def pretty(value: Any) -> str:
    """JSON over several lines, for values too large for one."""
    return json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True, default=str)


@register.filter
def definition_kind(kind: str) -> str:
    """A definition's kind, as people call it: ``packet`` as ``Packet profile``."""
    return "Packet profile" if kind == "packet" else words.humanise(kind)


@register.inclusion_tag("shell/parts/state.html")
def state(value: str) -> dict[str, Any]:
    """A state as a word and a shape."""
    tone, icon = words.STATES.get(value, ("idle", "question-mark-circle"))
    return {"word": words.humanise(value), "tone": tone, "icon": icon}


@register.inclusion_tag("shell/parts/notified.html", takes_context=True)
def notified(context: template.Context, about: str) -> dict[str, Any]:
    """Who was notified of the object that a page shows, to somebody who may see it."""
    return {"notified": messages_about(context["request"].actor, about), "about": about}


@register.inclusion_tag("shell/parts/copyable.html")
def copyable(text: str, *, shown: str = "") -> dict[str, str]:
    """An identifier with a button that copies it (where scripts run)."""
    return {"text": text, "shown": words.visible(shown or text)}


@register.filter
def visible(text: str) -> str:
    """Text from outside with what shows nothing, or turns its neighbours round, written out."""
    return words.visible(text)


@register.filter
def to_twelve(depth: int) -> int:
    """How deep something is drawn: no deeper than twelve steps."""
    return min(depth, 12)


@register.filter
def short_digest(digest: str) -> str:
    """``sha256:1a2b3c4d5e6f`` of a full digest, for places where the whole is a copy away."""
    kind, _, value = digest.partition(":")
    return f"{kind}:{value[:12]}" if value else digest


@register.simple_tag
def asset(path: str) -> str:
    """The URL of a static file, with its digest, so that an upgrade is seen at once."""
    return f"{static(path)}?v={_digest(path)}"


@cache
def _digest(path: str) -> str:
    found = finders.find(path)
    if not found:
        raise template.TemplateSyntaxError(f"There is no static file {path}.")
    return hashlib.sha256(Path(str(found)).read_bytes()).hexdigest()[:12]
