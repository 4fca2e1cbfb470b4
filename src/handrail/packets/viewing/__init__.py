"""How an annex is read on a page, by the kind of its sanitiser. Pure: bytes in, plain data out, no more than a page.

Another kind is added to ``VIEWERS``; one that is not there is shown as names and values where it is JSON.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from handrail.packets.viewing import texts, tree, waterfall
from handrail.packets.viewing.content import AnnexBytes, AnnexContent, AskedPart

__all__ = ["VIEWERS", "AnnexBytes", "AnnexContent", "AskedPart", "view"]

# By what stands before the version in a sanitiser's name.
VIEWERS: Mapping[str, Callable[[AnnexBytes, AskedPart], AnnexContent]] = {
    "har": waterfall.view,
    "otlp": tree.view,
    "log": texts.log,
    "threads": texts.threads,
    "pictures": texts.picture,
}


def view(annex: AnnexBytes, asked: AskedPart) -> AnnexContent:
    """The part of the annex that was asked for."""
    return VIEWERS.get(annex.sanitiser.partition("/")[0], texts.other)(annex, asked)
