"""How secrets and numbers of people are written: random, of a seed, and with check digits that hold."""

from __future__ import annotations

import base64
import json
import string
from random import Random

ALNUM = string.ascii_letters + string.digits
UPPER = string.ascii_uppercase + string.digits
URL_SAFE = ALNUM + "-_"
# No word of the sanitiser's vocabulary: a password that is spelled with those alone can't be told from a path.
NOUNS = (
    "horse", "staple", "battery", "lantern", "otter", "walnut", "glacier", "thimble", "marmot", "saffron", "trombone",
    "pebble", "juniper", "falcon", "biscuit", "harpoon", "meadow", "velvet", "cinnamon", "turnip",
)  # fmt: skip


def pick(r: Random, letters: str, count: int) -> str:
    return "".join(r.choice(letters) for _ in range(count))


def digits(r: Random, count: int) -> str:
    return r.choice("123456789") + pick(r, string.digits, count - 1)


def hexadecimal(r: Random, count: int) -> str:
    return pick(r, "0123456789abcdef", count)


def token(r: Random, count: int) -> str:
    """Letters and digits of both cases, such as no counter and no word has."""
    return (
        f"{r.choice(string.ascii_lowercase)}{digits(r, 2)}{pick(r, ALNUM, count - 4)}{r.choice(string.ascii_uppercase)}"
    )


def base64url(value: bytes | dict[str, object]) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def base64_text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def uuid(r: Random) -> str:
    text = hexadecimal(r, 32)
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:]}"


def words(r: Random, count: int, between: str = "-") -> str:
    return between.join(r.sample(NOUNS, count))


def luhn(body: str) -> str:
    """``body`` with its check digit."""
    doubled = [int(digit) * (2 - at % 2) for at, digit in enumerate(reversed(body))]
    return body + str(-sum(value - 9 * (value > 9) for value in doubled) % 10)


def iban(country: str, account: str) -> str:
    """``account`` with the check digits of its country."""
    spelled = "".join(str(int(letter, 36)) for letter in f"{account}{country}00")
    return f"{country}{98 - int(spelled) % 97:02}{account}"


def weighted(body: str, weights: tuple[int, ...], of: int) -> int:
    return sum(int(digit) * weight for digit, weight in zip(body, weights, strict=True)) % of


def born(r: Random) -> tuple[int, int, int]:
    return r.randrange(1940, 2005), r.randrange(1, 13), r.randrange(1, 29)


def swedish(r: Random) -> str:
    year, month, day = born(r)
    body = luhn(f"{year % 100:02}{month:02}{day:02}{r.randrange(100, 999)}")
    return f"{body[:6]}-{body[6:]}"


def finnish(r: Random) -> str:
    year, month, day = born(r)
    date, number = f"{day:02}{month:02}{year % 100:02}", f"{r.randrange(2, 900):03}"
    check = "0123456789ABCDEFHJKLMNPRSTUVWXY"[int(date + number) % 31]
    return f"{date}{'-' if year < 2000 else 'A'}{number}{check}"


def spanish(r: Random) -> str:
    number = digits(r, 8)
    return number + "TRWAGMYFPDXBNJZSQVHLCKE"[int(number) % 23]


def dutch(r: Random) -> str:
    while True:
        body = digits(r, 8)
        check = weighted(body, (9, 8, 7, 6, 5, 4, 3, 2), 11)
        if check < 10:
            return f"{body}{check}"


def polish(r: Random) -> str:
    year, month, day = born(r)
    month += 20 if year >= 2000 else 0
    body = f"{year % 100:02}{month:02}{day:02}{r.randrange(1000, 9999)}"
    return f"{body}{-weighted(body, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3), 10) % 10}"


def british_patient(r: Random) -> str:
    while True:
        body = digits(r, 9)
        check = 11 - weighted(body, (10, 9, 8, 7, 6, 5, 4, 3, 2), 11)
        if check != 10:
            body += str(check % 11)
            return f"{body[:3]} {body[3:6]} {body[6:]}"


def pem(r: Random, what: str) -> str:
    lines = [base64_text(r.randbytes(48)) for _ in range(4)]
    return "\n".join([f"-----BEGIN {what}-----", *lines, f"-----END {what}-----"])


def jwt(r: Random) -> str:
    head = base64url({"alg": "RS256", "typ": "JWT", "kid": hexadecimal(r, 16)})
    body = base64url({"iss": "https://idp.example.com", "sub": token(r, 18), "exp": 1795161723})
    return f"{head}.{body}.{base64url(r.randbytes(64))}"
