"""Plain text in the form that another system shows as it is: no words become markup, mentions or macros there."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import escape
from typing import Literal

Format = Literal["text", "html", "markdown", "jira", "textile"]

_NOFORMAT = re.compile(r"\{(?=noformat)", re.IGNORECASE)
_PRE_END = re.compile(r"<(?=/pre)", re.IGNORECASE)
_FENCES = re.compile(r"`{3,}")


def _html(text: str) -> str:
    return escape(text, quote=True).replace("\n", "<br>\n")


def _markdown(text: str) -> str:
    """A fenced block, with a fence longer than any inside: no mention, link or image in it comes alive."""
    longest = max((len(fence) for fence in _FENCES.findall(text)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}text\n{text}\n{fence}"


def _jira(text: str) -> str:
    """Jira's ``{noformat}`` block: no macro or mention in it comes alive. The text can't close the block early."""
    closed = _NOFORMAT.sub("{ ", text)
    return f"{{noformat}}\n{closed}\n{{noformat}}"


def _textile(text: str) -> str:
    """Textile's ``<pre>`` block, in which Redmine escapes everything. The text can't close the block early."""
    closed = _PRE_END.sub("< ", text)
    return f"<pre>\n{closed}\n</pre>"


_WRITERS: dict[Format, Callable[[str], str]] = {
    "text": str,
    "html": _html,
    "markdown": _markdown,
    "jira": _jira,
    "textile": _textile,
}


def in_format(text: str, form: Format) -> str:
    """``text`` (bounded and cleaned already) so that the desk shows it as it was written."""
    return _WRITERS[form](text)
