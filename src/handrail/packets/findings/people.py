"""Personal data: addresses, telephone numbers, accounts and cards with their check digits, names with a title."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from handrail.packets.findings import kinds
from handrail.packets.findings.kinds import Spotted
from handrail.packets.findings.numbers import luhn, numbers_in

# The sign in the middle is looked for; what stands on both sides is measured from there.
_AT = re.compile(r"(?i)(?<=[\w.+%'-])(?: ?(?:@|%40) ?| ?[(\[{] ?at ?[)\]}] ?)(?=[\w-])")
_LOCAL = re.compile(r"[\w.+%'-]{1,64}$")
_DOMAIN = re.compile(r"(?i)[\w-]{1,63}(?:(?:\.| ?[(\[{] ?(?:dot|punkt|point) ?[)\]}] ?)[\w-]{1,63}){1,8}")
_LONGEST = 64
_IN_WORDS = re.compile(r"(?i)(?<![\w.+-])[\w.+-]{2,64} at [\w-]{2,63}(?: dot [\w-]{2,63}){1,4}(?!\w)")
_NUMBER = re.compile(r"(?:(?<=tel:)|(?<![\w.+,:/-]))(?:\+|00|\(\+?)?\d[\d ()./\n-]{4,22}\d(?![^\W_x]|[.:/-]\d)")
_EXTENSION = re.compile(r"(?i),? ?(?:x|ext\.?|extension|durchwahl|poste) ?\d{1,6}(?!\w)")
_DOTTED = re.compile(r"\(?\d{3}\)?[. ]\d{3}\.\d{4}")
_DIGITS = re.compile(r"\D+")
_DATE = re.compile(r"(?:19|20)\d\d[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.](?:19|20)?\d\d(?!\d)")
_CALLED = re.compile(
    r"(?i)(?:\btel|phone|\bcall|mobile|\bcell|\bring|\bfax|reach|dial|\bfon|telefon|handy|mobil|durchwahl|ruf|portable|joindre|"
    r"appel|hotline|whatsapp|extension|\bext)[^0-9+(]{0,24}$"
)
_BEFORE = 40
_REGIONS = ("US", "GB", "DE", "FR", "CH", "AT", "ES", "IT", "NL", "IN", "AU")
_IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?(?![A-Za-z0-9])")
_CARD = re.compile(r"(?<![\d.,-])\d(?:[ -]?\d){12,18}(?![\d.,-]?\d)")
_LONG_NUMBER = re.compile(r"(?<![\d.])\d{13,}(?![\d.])")
_SOCIAL = re.compile(r"(?<![\d-])(?!000|666|9\d\d)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\d-])")
_POSTAL = re.compile(
    r"(?<![\w.-])\d{1,5}[a-zA-Z]?,? (?:[A-Z][\w.'-]{1,30} ){1,3}(?:Street|St|Road|Rd|Avenue|Ave|Lane|Ln|Drive|Dr|"
    r"Boulevard|Blvd|Way|Square|Sq|Court|Ct|Terrace|Close|Crescent)\b\.?"
    r"|(?<!\w)[A-Z][\w-]{2,40}(?:str(?:asse|\.)|weg|platz|allee|gasse|ring|damm|ufer|"
    r"gatan|vagen|katu|straat|laan|plein|gade|vej) \d{1,4} ?[a-z]?(?!\w)"
    r"|(?<!\w)(?:[A-Z][\w-]{2,30} ){1,2}(?:Str(?:asse|\.)|Weg|Platz|Allee|Gasse) \d{1,4} ?[a-z]?(?!\w)"
    r"|(?i:(?<![\w.-])\d{1,4}(?: ?(?:bis|ter))?,? (?:rue|avenue|boulevard|place|chemin|impasse|quai|allee) "
    r"(?:de |du |des |la |le |d'){0,2}[a-z][\w'-]{1,40})"
    r"|(?<!\w)(?:Calle|Avenida|Plaza|Via|Viale|Piazza|Rua|ul\.|Ulica) [A-Z]\w{1,30}(?: [A-Z]\w{1,30})?,? \d{1,4}(?!\w)"
    r"|(?i:(?<!\w)p\.? ?o\.? box \d{1,6}|(?<!\w)postfach \d{1,6}|(?<!\w)boite postale \d{1,6})"
    r"|(?<![A-Za-z0-9-])[A-Z]{1,2}\d[A-Z\d]? \d[A-Z]{2}(?![A-Za-z0-9])|(?<![A-Za-z0-9-])(?:D|A|CH|F)-\d{4,5} [A-Z]\w+"
)
_TOWN = re.compile(r",? (?:[A-Z]{1,2}-)?\d{3,5}(?: \d{2})? [A-Z]\w{1,30}(?: [A-Z]\w{1,30})?")
_TITLED = re.compile(
    r"(?<!\w)(?:Mrs?\.?|Ms\.?|Miss|Dr\.?|Prof\.?|Herrn?|Frau|Mme|Mlle|Monsieur|Madame|Signora?|Senora?) "
    r"(?:(?:Dr|Prof)\. )?[A-Z][\w'-]{1,40}(?: [A-Z][\w'-]{1,40})?"
)
_BORN = re.compile(
    r"(?i)(?<!\w)(?:born(?: on)?|date of birth|birth ?date|birthday|d\.?o\.?b\.?|geboren(?: am)?|geburtsdatum|nee? le|"
    r"date de naissance)[: ]{1,3}(?P<value>\d{1,4}[-/. ]\d{1,2}[-/. ]\d{1,4}|\d{1,2}\.? [a-z]{3,10} \d{4})"
)
_PATH = re.compile(r"(?i)(?:[a-z]:\\(?:users|benutzer)\\|/(?:home|users)/)(?P<value>[\w.-]{2,64})")
_DOMAIN_USER = re.compile(r"(?<![\w\\/.:-])[A-Z][A-Z0-9-]{1,15}\\(?P<value>[A-Za-z][\w.$-]{1,64})")
_SHORTEST_PHONE, _LONGEST_PHONE, _NATIONAL, _GROUPS = 7, 15, 9, 2


def people_in(text: str) -> Iterator[Spotted]:
    """All that says who somebody is, or how to reach them."""
    yield from emails_in(text)
    yield from _in_words(text)
    if any(map(str.isdigit, text)):
        yield from accounts_in(text)
        yield from _telephones(text)
        yield from numbers_in(text)
        for match in _POSTAL.finditer(text):
            town = _TOWN.match(text, match.end())
            yield Spotted(kinds.POSTAL, match.start(), town.end() if town else match.end())
        for kind, pattern in ((kinds.SOCIAL, _SOCIAL), (kinds.IDENTIFIER, _LONG_NUMBER)):
            for match in pattern.finditer(text):
                yield Spotted(kind, match.start(), match.end())
        for match in _BORN.finditer(text):
            yield Spotted(kinds.BIRTH, match.start("value"), match.end("value"))
    for match in _TITLED.finditer(text):
        yield Spotted(kinds.PERSON, match.start(), match.end())
    for pattern in (_PATH, _DOMAIN_USER):
        for match in pattern.finditer(text):
            yield Spotted(kinds.LOGIN, match.start(), match.end())


def emails_in(text: str) -> Iterator[Spotted]:
    for match in _AT.finditer(text):
        begin = max(0, match.start() - _LONGEST)
        local = _LOCAL.search(text[begin : match.start()])
        domain = _DOMAIN.match(text, match.end())
        if local is not None and domain is not None:
            yield Spotted(kinds.EMAIL, begin + local.start(), domain.end())


def _in_words(text: str) -> Iterator[Spotted]:
    for match in _IN_WORDS.finditer(text):
        yield Spotted(kinds.EMAIL, match.start(), match.end())


def accounts_in(text: str) -> Iterator[Spotted]:
    """Bank accounts and cards whose check digits are right."""
    for match in _IBAN.finditer(text):
        if _checks(match[0].replace(" ", "")):
            yield Spotted(kinds.ACCOUNT, match.start(), match.end())
    for match in _CARD.finditer(text):
        if luhn(_DIGITS.sub("", match[0])):
            yield Spotted(kinds.CARD, match.start(), match.end())


def _checks(iban: str) -> bool:
    """ISO 13616: the first four characters moved to the end, letters as numbers, modulo 97."""
    turned = iban[4:] + iban[:4]
    return int("".join(str(int(one, 36)) for one in turned)) % 97 == 1


def _telephones(text: str) -> Iterator[Spotted]:
    """Candidates are of at most 25 characters, so that the library's work on each is bounded."""
    for match in _NUMBER.finditer(text):
        number = match[0].rstrip(" (./-")
        digits = _DIGITS.sub("", number)
        if not _SHORTEST_PHONE <= len(digits) <= _LONGEST_PHONE or _DATE.search(number):
            continue
        called = _CALLED.search(text[max(0, match.start() - _BEFORE) : match.start()]) is not None
        if _is_telephone(number, digits, called=called):
            end = match.start() + len(number)
            extension = _EXTENSION.match(text, end)
            yield Spotted(kinds.TELEPHONE, match.start(), extension.end() if extension else end)


def _is_telephone(number: str, digits: str, *, called: bool) -> bool:
    if number.lstrip("(").startswith(("+", "00")):
        return _parsed("+" + digits.removeprefix("00") if number.startswith("00") else "+" + digits, None)
    if called:
        return True
    groups = len(_DIGITS.split(number.strip("()")))
    shaped = len(digits) >= _NATIONAL and groups >= _GROUPS and (number[0] in "(0" or groups > _GROUPS)
    if "." in number and number[0] != "0" and not _DOTTED.fullmatch(number):
        return False  # a version
    return shaped and any(_parsed(number, region) for region in _REGIONS)


def _parsed(number: str, region: str | None) -> bool:
    library = _library()
    try:
        found = library.parse(number, region)
    except library.NumberParseException:
        return False
    return bool(library.is_valid_number(found) if region else library.is_possible_number(found))


@lru_cache(maxsize=1)
def _library() -> Any:
    """Imported on first use: its tables are of no use to most commands."""
    import phonenumbers  # noqa: PLC0415 - as said

    return phonenumbers
