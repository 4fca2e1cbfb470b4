"""Passwords in prose: after their name, in several languages, and those that look like nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from handrail.packets.findings import kinds
from handrail.packets.findings.credentials import has_both
from handrail.packets.findings.kinds import Spotted
from handrail.packets.findings.talk import TALK, TALKING

_STRONG = (
    r"passwor[dt]s?|passwd|passcodes?|passphrases?|pass ?phrase|pass ?code|pwd|pw|psw|kennw[oö]rt(?:er)?|zugangscode|"
    r"mots? de passe|mdp|contrase[nñ]a|losenord(?:et)?|salasana|passord(?:et)?|adgangskode(?:n)?|wachtwoord|has[lł]o|"
    r"parola|senha|login details|zugangsdaten|credentials?|creds"
)
_WEAK = (
    r"[a-z0-9_-]{0,20}(?:secret|token)(?:[_ ]?(?:key|value|id))?|api[_ -]?keys?|apikey|access[_ -]?keys?|"
    r"account[_ -]?key|client[_ -]?secret|private[_ -]?key|shared[_ -]?(?:access[_ -]?)?key|encryption[_ -]?key|"
    r"license[_ -]?key|code[_ -]?(?:verifier|challenge)|nonce|state|assertion|recovery[_ -]?(?:code|key)s?|"
    r"seed phrase|pass|jsessionid|phpsessid|session[_ -]?id|sessionid|cookie|asp\.net_sessionid|samlresponse|"
    r"samlrequest|accountkey|sharedaccesskey|sharedaccesssignature|schl[uü]ssel|cl[eé]"
)
_COPULA = (
    r"(?:[ \n]?(?::=|=>|->|=|:)[ \n]?|"
    r"[ \n](?:is|was|are|were|be|been|reads|to|now|lautet|ist|war|auf|est|etait|sera|es|ar|on|er|e)"
    r"(?:[ \n](?:now|been|set|changed|reset|updated|still|just|simply|always|temporarily|geandert|gesetzt)){0,3}"
    r"(?:[ \n](?:to|as|auf))?[ \n])"
)
# The name, at most five more words, and what says that the value follows.
_NAMED = re.compile(
    rf"(?i)(?<![a-z0-9])(?P<name>(?P<strong>{_STRONG})|{_WEAK})(?![a-z0-9])[\"')\]]?"
    rf"(?:[ \n][\w'@./-]{{1,40}}){{0,5}}?(?P<copula>{_COPULA})(?P<value>\S{{3,}})"
)
_DIRECT = re.compile(rf"(?i)(?<![a-z0-9])(?:{_STRONG}|{_WEAK})[ \n](?P<value>[^\s:=]{{4,}})")
_PAIR = re.compile(
    r"(?i)(?<![a-z0-9])(?:admin(?:istrator)?|root|user(?:name)?|sa|svc[_-][\w-]{1,30}|service account|log ?in|logon|"
    r"benutzer|utilisateur)(?: (?:with|as|mit|avec|and|und|et|is|ist|est)){0,2} ?[:=/, ] ?"
    r"(?P<user>[\w.@\\-]{1,60} ?[:/,] ?)?(?P<value>\S{6,})"
)
_CODE = re.compile(
    r"(?i)(?<![a-z0-9])(?:pin|puk|otp|totp|mfa|2fa|tan|(?:verification|security|one-time|one time|access|"
    r"auth(?:entication)?|log-?in|door|sicherheits|bestatigungs|einmal|acces|de verification)[ -]?code|"
    r"einmalkennwort)s?(?: (?:code|nr|no))?"
    r"(?:(?: [\w'-]{1,20}){0,4}? (?:is|was|of|ist|lautet|est)|[:=#])? ?(?P<value>\d[\d -]{2,9}\d)(?![\d.:])"
)
_SPACED = re.compile(
    rf"(?i)(?<![a-z0-9])(?:{_STRONG}) ?[:=] ?(?P<value>[^\W\d_]{{2,20}}(?: [^\W\d_]{{2,20}}){{2,7}})(?=[.;,\n]|$)"
)
_PLAIN_CODE = re.compile(
    r"(?i)(?<!error )(?<!status )(?<!exit )(?<!return )(?<!response )(?<!area )(?<!reason )"
    r"(?<![a-z0-9])code(?: is|:| ist) (?P<value>\d{5,8})(?![\w.])"
)
# Groups of letters and digits, as they are handed out to let somebody in once.
_GROUPS = re.compile(r"(?<![\w-])[A-Z0-9]{4,6}(?:-[A-Z0-9]{4,6}){1,7}(?![\w-])")
_PHRASE = re.compile(
    r"(?i)(?<![a-z0-9])(?:pass ?phrase|(?:seed|recovery|secret|backup) (?:phrase|words)|mnemonic|merksatz|"
    r"phrase secrete)"
    r"[\"']?(?: ?(?::|=) ?| (?:is|was|lautet|ist|est) )[\"']?"
    r"(?P<value>[^\W\d_]{3,20}(?:[ -][^\W\d_]{3,20}){2,23})"
)
_WORD = re.compile(r"(?<![^\s\"'(\[,;:=/>])[^\s\"'(\[,;:=<>/]{8,64}")
_JOINTS = re.compile(r"[-.]")
_EDGES = "\"'`.,;:!?()[]{}<>«»"
_PLAIN = re.compile(
    r"v?\d+(?:[.,:/-]\d+)*(?:st|nd|rd|th|am|pm|h|ms|s|min|%|z|utc|cet|x|k|kb|mb|gb)?|[A-Z]{1,10}-\d+|[A-Za-z]+[.,]?",
    re.I,
)
_STAMP = re.compile(
    r"\d{4}-\d{2}-\d{2}(?:T[\d:.]+(?:Z|[+-]\d\d:?\d\d)?)?|\w+@[\w.-]+|https?://.*|[A-Z]{2,10}-?\d{1,10}"
)
_KNOWN = re.compile(
    r"(?i)(?:sha|md|aes|rsa|es|rs|ps|hs|utf|iso|oauth|saml|ipv|http|tls|ssl|win|windows|x|base|rfc|cve|p|h|s|ec|log|u|int)-?\d[\d._-]*[a-z]{0,3}"
)
# They say many other things too, so that only what somebody chose counts behind them.
_LOOSE = frozenset({"to", "ar", "on", "er", "e"})
_SMALL = frozenset(
    {
        "the", "a", "an", "by", "to", "of", "at", "in", "on", "is", "was", "for", "and", "or", "not", "no", "with",
        "from", "as", "be", "has", "it", "they", "we", "this", "that", "der", "die", "das", "ein", "und", "le", "la",
        "les", "un", "une", "et", "est",
    }
)  # fmt: skip
_OF_A_KIND = frozenset({"date", "time", "service", "side", "wide", "level", "term", "line", "only", "free", "end"})
_LEAST, _WORD_LEAST = 4, 5
_SIGNS = frozenset("!@#$%^&*?+=~_")


def passwords_in(text: str) -> Iterator[Spotted]:
    """Values after the name of a secret, user and password in one, codes, and words that only a password looks like."""
    for match in _NAMED.finditer(text):
        value, start = _bare(match["value"], match.start("value"))
        written = any(sign in match["copula"] for sign in ":=>")
        strong = match["strong"] is not None
        if is_chosen(value) or (
            strong and match["copula"].strip() not in _LOOSE and _is_word(value, match["value"], written=written)
        ):
            yield Spotted(kinds.PASSWORD if strong else kinds.TOKEN, start, start + len(value))
    for pattern in (_DIRECT, _PAIR):
        for match in pattern.finditer(text):
            value, start = _bare(match["value"], match.start("value"))
            if is_chosen(value):
                yield Spotted(kinds.PASSWORD, start, start + len(value))
    yield from _phrases_in(text)
    yield from _codes_in(text)
    for match in _WORD.finditer(text):
        value, start = _bare(match[0], match.start(), signs=True)
        if _only_a_password(value):
            yield Spotted(kinds.PASSWORD, start, start + len(value))


def _phrases_in(text: str) -> Iterator[Spotted]:
    """Passwords of several words."""
    for match in _PHRASE.finditer(text):
        yield Spotted(kinds.PASSWORD, match.start("value"), match.end("value"))
    for match in _SPACED.finditer(text):
        if _SMALL.isdisjoint(match["value"].casefold().split()):
            yield Spotted(kinds.PASSWORD, match.start("value"), match.end("value"))


def _codes_in(text: str) -> Iterator[Spotted]:
    for match in _GROUPS.finditer(text):
        if any(_is_mixed(part) for part in match[0].split("-")):
            yield Spotted(kinds.ONE_TIME_CODE, match.start(), match.end())
    for match in (*_CODE.finditer(text), *_PLAIN_CODE.finditer(text)):
        yield Spotted(kinds.ONE_TIME_CODE, match.start("value"), match.end("value"))


def is_chosen(value: str) -> bool:
    """Whether somebody chose it: not a word, number, time, version or reference."""
    if len(value) < _LEAST or _PLAIN.fullmatch(value) or _STAMP.fullmatch(value) or _KNOWN.fullmatch(value):
        return _is_humped(value)
    letters, digits = any(map(str.isalpha, value)), any(map(str.isdigit, value))
    return (letters and digits) or (letters and bool(_SIGNS & set(value)))


def _is_mixed(part: str) -> bool:
    return has_both(part) and not _KNOWN.fullmatch(part)


def _is_humped(value: str) -> bool:
    """``hUnTer``, ``CorrectHorse``: capitals where no word has them."""
    inner = sum(one.isupper() and before.islower() for before, one in pairwise(value))
    return value.isalpha() and inner > 1


def _is_word(value: str, written_as: str, *, written: bool) -> bool:
    """Whether a plain word is more likely a password than talk about one."""
    lowered = value.casefold()
    if value.isdecimal():
        return len(value) >= _LEAST
    parts = _JOINTS.split(lowered)
    if len(value) < _WORD_LEAST or not all(map(str.isalpha, parts)) or lowered in TALK:
        return False
    quoted = written_as[0] in "\"'`«" or written_as[len(value) :][:1] in ("'", '"', "`")
    if len(parts) > 1:
        return quoted or written or not (parts[-1].endswith(TALKING) or parts[-1] in TALK or parts[-1] in _OF_A_KIND)
    return quoted or (not lowered.endswith(TALKING) and (written or value == lowered))


def _only_a_password(value: str) -> bool:
    kinds_of = (str.islower, str.isupper, str.isdigit, _SIGNS.__contains__)
    if "@" in value and "." in value.partition("@")[2]:
        return False
    return len(value) >= 8 and all(any(test(one) for one in value) for test in kinds_of)  # noqa: PLR2004


def _bare(value: str, start: int, *, signs: bool = False) -> tuple[str, int]:
    """Without what stands around it, and its place. ``signs``: an exclamation mark at its end belongs to it."""
    edges = _EDGES.replace("!", "").replace("?", "") if signs else _EDGES
    left = len(value) - len(value.lstrip(edges))
    kept = value.strip(edges)
    return kept, start + left
