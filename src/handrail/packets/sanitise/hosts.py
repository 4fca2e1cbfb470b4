"""Host names: which labels may be read. What somebody registered publicly may, and what the vocabulary spells.

Everything before the registered name is chosen by its operator, per customer, person or link: such labels are
machine names, people's names, or open a door by themselves. They are shown only when they say nothing of that kind.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from handrail.packets.sanitise.vocabulary import WORDS, reads_like_a_name, words

_MAX_DIGITS, _LONGEST = 6, 40
_PART = re.compile(r"([a-z]{0,24})([0-9]{0,4})([a-z]{0,3})")
_PIECES = re.compile(r"[a-z]+|[0-9]+|[^a-z0-9]+")
_COUNTRY = re.compile(r"[a-z]{2}")
_MAX_NUMBER = 2  # digits: ``idp2``, ``eu-west-1``; more could be somebody's number

# Ends under which anybody can register a name, apart from those of countries; and ends where nobody can.
_PUBLIC = words(
    "com net org edu gov mil int info biz name pro aero coop museum jobs mobi travel cat tel asia app dev page web "
    "cloud online site website tech store shop xyz top live life digital network systems solutions services agency "
    "company group team world global group email support software studio media news blog bank insurance health care "
    "energy university school academy international example"
)
_PRIVATE = words("local localhost localdomain internal intranet lan home corp private test invalid")
_UNDER_COUNTRIES = words("co com net org ac edu gov gouv gob govt or ne go ad nhs mil sch school ltd plc")
_HOST_WORDS = _PRIVATE | words(
    "www cdns eu us uk ap na sa af me emea apac east west north south central northeast southeast northwest southwest "
    "prod preprod production uat qa primary secondary dr dmz vpn fs sts smtp imap mx ns ftp sftp ntp git wiki edge lb"
)


def registered(labels: Sequence[str]) -> int:
    """How many labels at the end are the registered name and what it stands under; 0 where there is none.

    Without a list of every suffix: under ``co.uk`` and its like three labels, else two. Where a provider gives names
    to its customers (``acme.okta.com``), that is the provider's name, and the customer's is none.
    """
    end = labels[-1]
    if len(labels) == 1 or not (end in _PUBLIC or _COUNTRY.fullmatch(end)):
        return 0
    under = len(labels) > 2 and _COUNTRY.fullmatch(end) and labels[-2] in _UNDER_COUNTRIES  # noqa: PLR2004
    return 3 if under else 2


@lru_cache(maxsize=8192)
def is_name(label: str) -> bool:
    """Whether a registered label reads like a name: no random text, none of our stand-ins, nothing encoded."""
    if sum(c.isdigit() for c in label) > _MAX_DIGITS or label.startswith(("hidden-", "private-", "xn--")):
        return False
    parts = [_PART.fullmatch(part) for part in label.split("-")]
    return all(m is not None and reads_like_a_name(m[1]) for m in parts) and 0 < len(label) <= _LONGEST


@lru_cache(maxsize=8192)
def is_spelled(label: str) -> bool:
    """Whether a label is made only of words that protocols and data centres use, and numbers of two digits."""
    pieces = _PIECES.findall(label)
    return (
        0 < len(label) <= _LONGEST
        and not label[0].isdigit()
        and all(
            len(piece) <= _MAX_NUMBER if piece.isdigit() else piece in WORDS or piece in _HOST_WORDS or piece == "-"
            for piece in pieces
        )
    )
