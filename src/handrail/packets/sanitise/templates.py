"""What of a free text may stay: its shape. Known words and punctuation stand, everything else is a mark."""

from __future__ import annotations

import re

from handrail.packets.sanitise.redaction import Redaction
from handrail.packets.sanitise.urls import VALUE
from handrail.packets.sanitise.vocabulary import WORDS, opens_doors, words

_LONGEST, _MOST_WORDS = 20_000, 200
_WORD = re.compile(r"([(\[]?)([A-Za-z]{1,24})([.,:;)\]?!]{0,2})")
_PERSONAL = words("user username key code pin")


def template(text: str, hidden: frozenset[str], redaction: Redaction) -> str:
    """``text`` with every word that isn't a plain word of the vocabulary replaced by ``~``.

    After a word that announces a secret or a person, the rest of the sentence is marks too.
    """
    shown: list[str] = []
    quiet = False
    for piece in text[:_LONGEST].split()[:_MOST_WORDS]:
        found = _WORD.fullmatch(piece)
        if found is None or quiet or found[2].lower() not in WORDS or found[2] in hidden:
            shown.append(VALUE)
        else:
            shown.append(piece)
            redaction.spelled.add(found[2])
        if found is None:
            quiet = quiet or opens_doors(piece)
        else:
            quiet = (quiet or opens_doors(found[2]) or found[2].lower() in _PERSONAL) and "." not in found[3]
    return " ".join(shown)
