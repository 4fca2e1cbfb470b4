"""Numbers that stand for one person, thing or place: national identifiers with their check digits, papers, hardware."""

from __future__ import annotations

import re
from collections.abc import Iterator

from handrail.packets.findings import kinds
from handrail.packets.findings.kinds import Spotted

# Eight digits and a check letter (Spain; X, Y or Z for the first digit of foreigners).
_SPANISH = re.compile(r"(?<![\w-])(?P<number>[XYZ]\d{7}|\d{8})-?(?P<check>[A-HJ-NP-TV-Z])(?![\w-])")
_SPANISH_CHECKS = "TRWAGMYFPDXBNJZSQVHLCKE"
# Six digits of a birthday, a sign for the century, three digits and a check.
_FINNISH = re.compile(r"(?<![\w-])(?P<day>\d{6})[-+A](?P<serial>\d{3})(?P<check>[0-9A-FHJ-NPR-Y])(?![\w-])")
_FINNISH_CHECKS = "0123456789ABCDEFHJKLMNPRSTUVWXY"
_SWEDISH = re.compile(r"(?<![\w-])(?:19|20)?(?P<number>\d{6}[-+]?\d{4})(?![\w-])")
_BRITISH = re.compile(r"(?<![\w-])[A-CEGHJ-PR-TW-Z]{2} ?\d{2} ?\d{2} ?\d{2} ?[A-D](?![\w-])")
_NAMED = re.compile(
    r"(?i)(?<![a-z0-9])(?:bsn|pesel|nhs|nino|ssn|insee|nir|cpf|aadhaar|personnummer|henkilotunnus|hetu|dni|nie|iban|"
    r"codice fiscale|social security|national insurance|national id|id card|steuer-?(?:id|nummer)|tax id|passport|"
    r"reisepass|"
    r"passeport|pasaporte|personalausweis|(?:driver'?s|driving) licen[cs]e|fuhrerschein|permis|(?:licen[cs]e )?plate|"
    r"kennzeichen|immatriculation|matricula|patient|versichertennummer|versicherungsnummer|kundennummer|employee|"
    r"personalnummer)"
    r"(?:[ -]?(?:number|no\.?|nr\.?|nummer|id|is|ist|est|:|#)){0,3}[: #]{0,2}"
    r"(?P<value>(?=[A-Z0-9 -]{0,6}\d)[A-Z0-9]{1,12}(?:[ -][A-Z0-9]{1,12}){0,4})(?![\w-])"
)
_HARDWARE = re.compile(r"(?<![\w:-])[0-9A-Fa-f]{2}(?:(?::[0-9A-Fa-f]{2}){5}|(?:-[0-9A-Fa-f]{2}){5})(?![\w:-])")
_PLACE = re.compile(r"(?<![\w.])[-+]?\d{1,2}\.\d{4,10}[NS]?[,; ] ?[-+]?\d{1,3}\.\d{4,10}(?!\w)")
_SEPARATORS = re.compile(r"[-+ ]")


def numbers_in(text: str) -> Iterator[Spotted]:
    """``text`` is folded."""
    for match in _SPANISH.finditer(text):
        number = int(match["number"].translate(str.maketrans("XYZ", "012")))
        if _SPANISH_CHECKS[number % 23] == match["check"]:
            yield Spotted(kinds.SOCIAL, match.start(), match.end())
    for match in _FINNISH.finditer(text):
        if _FINNISH_CHECKS[int(match["day"] + match["serial"]) % 31] == match["check"]:
            yield Spotted(kinds.SOCIAL, match.start(), match.end())
    for match in _SWEDISH.finditer(text):
        if luhn(_SEPARATORS.sub("", match["number"])) and _is_day(match["number"][2:6]):
            yield Spotted(kinds.SOCIAL, match.start(), match.end())
    for kind, pattern in ((kinds.SOCIAL, _BRITISH), (kinds.IDENTIFIER, _HARDWARE), (kinds.PLACE, _PLACE)):
        for match in pattern.finditer(text):
            yield Spotted(kind, match.start(), match.end())
    for match in _NAMED.finditer(text):
        yield Spotted(kinds.SOCIAL, match.start("value"), match.end("value"))


def _is_day(written: str) -> bool:
    """``MMDD``; in Sweden 60 is added to the day of those without a number of their own."""
    return 1 <= int(written[:2]) <= 12 and 1 <= int(written[2:]) % 60 <= 31  # noqa: PLR2004


def luhn(digits: str) -> bool:
    """ISO/IEC 7812-1, annex B."""
    doubled = [int(one) * (1 + at % 2) for at, one in enumerate(reversed(digits))]
    return sum(n - 9 if n > 9 else n for n in doubled) % 10 == 0 and len(set(digits)) > 1  # noqa: PLR2004
