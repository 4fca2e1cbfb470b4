"""The kinds of finding, the hold that each is, and what a field may carry on purpose."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

SECRET, PERSONAL, HOST, CLAIM = "secret-in-text", "personal-data-in-text", "internal-host-in-text", "forbidden-claim"
CODES = (SECRET, PERSONAL, HOST, CLAIM)

JWT = "JSON web token"
PRIVATE_KEY = "private key"
TOKEN = "token"  # noqa: S105 - the name of a kind
PASSWORD = "password"  # noqa: S105 - as above
ONE_TIME_CODE = "one-time code"
IN_ADDRESS = "credential in an address"
RANDOM = "random text"
ENCODED = "encoded text"
HEXADECIMAL = "hexadecimal text"
EMAIL = "e-mail address"
TELEPHONE = "telephone number"
POSTAL = "postal address"
ACCOUNT = "bank account number"
CARD = "card number"
PERSON = "name of a person"
LOGIN = "account name"
BIRTH = "date of birth"
SOCIAL = "national identifier"
IDENTIFIER = "identifier"
INTERNET = "internet address"
PLACE = "coordinates of a place"
INTERNAL_HOST = "internal host name"
INTERNAL_ADDRESS = "internal address"
SHARE = "internal share"

_SECRETS = (JWT, PRIVATE_KEY, TOKEN, PASSWORD, ONE_TIME_CODE, IN_ADDRESS, RANDOM, ENCODED, HEXADECIMAL)
_HOSTS = (INTERNAL_HOST, INTERNAL_ADDRESS, SHARE)
_PERSONAL = (
    EMAIL, TELEPHONE, POSTAL, ACCOUNT, CARD, PERSON, LOGIN, BIRTH, SOCIAL, IDENTIFIER, INTERNET, PLACE,
)  # fmt: skip
_CODE_OF: Mapping[str, str] = {
    **dict.fromkeys(_SECRETS, SECRET),
    **dict.fromkeys(_HOSTS, HOST),
    **dict.fromkeys(_PERSONAL, PERSONAL),
}

# Where two kinds are found in the same place, the first of them names it.
_RANKS = {kind: rank for rank, kind in enumerate(_CODE_OF)}

# What stands where something was masked: one of these, which no look takes for anything. A claim's own name isn't
# among them, for it may be what the claim looks for.
_MARK = "[masked: {}]"
_OF_A_CLAIM = _MARK.format("forbidden claim")
MARKS = frozenset(map(_MARK.format, _CODE_OF)) | {_OF_A_CLAIM}


def mark_of(kind: str) -> str:
    """The mark in the place of a finding."""
    return _MARK.format(kind) if kind in _CODE_OF else _OF_A_CLAIM


# What a field may say that it carries on purpose. Secrets and claims can't be declared.
CARRIED: Mapping[str, frozenset[str]] = {
    "email": frozenset({EMAIL}),
    "telephone": frozenset({TELEPHONE}),
    "name": frozenset({PERSON}),
    "address": frozenset({POSTAL}),
    "host": frozenset({INTERNAL_HOST, INTERNAL_ADDRESS, INTERNET}),
    "identifier": frozenset({IDENTIFIER}),
}


class Spotted(NamedTuple):
    """One finding in a reading of the text: ``start`` and ``end`` are places in that reading."""

    kind: str
    start: int
    end: int


class TextFinding(NamedTuple):
    """``code``: the hold that it is. ``start`` and ``end`` are places in the text itself, in characters."""

    code: str
    kind: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class TextTerms:
    """What may stand, and which claims are.

    ``hosts``: names that may stand, with all below them. ``carries``: see CARRIED. ``bound``: the value is held to a
    pattern or format, so that only what certainly is a secret counts. ``claims``: words by first word, see ``claims``.
    """

    hosts: frozenset[str] = frozenset()
    carries: frozenset[str] = frozenset()
    bound: bool = False
    claims: Mapping[str, tuple[tuple[tuple[str, ...], str], ...]] | None = None

    def kinds(self) -> frozenset[str]:
        """The kinds that may stand."""
        return frozenset[str]().union(*(CARRIED[name] for name in self.carries))

    def shows(self, host: str) -> bool:
        """Whether ``host`` is one of those that may stand, or below one."""
        labels = host.lower().strip(".").split(".")
        return bool(self.hosts) and any(".".join(labels[at:]) in self.hosts for at in range(len(labels)))


def code_of(kind: str) -> str:
    """The code of the hold; a kind that is none of ours is the name of a claim."""
    return _CODE_OF.get(kind, CLAIM)


def not_overlapping(found: Iterable[TextFinding]) -> tuple[TextFinding, ...]:
    """In their order, those of one code joined where they overlap; the kind of the longest names what was joined."""
    joined: list[TextFinding] = []
    last: dict[str, int] = {}
    for one in sorted(set(found), key=lambda one: (one.start, -one.end, one.code, _RANKS.get(one.kind, 0), one.kind)):
        at = last.get(one.code)
        if at is not None and one.start < joined[at].end:
            before = joined[at]
            joined[at] = before._replace(end=max(before.end, one.end))
            continue
        last[one.code] = len(joined)
        joined.append(one)
    return tuple(joined)
