"""Which passwords are refused: those that are guessed first. Every door that sets one asks here.

The length is bounded first, so that nothing a password contains costs time. There are no rules about kinds of
characters. NIST SP 800-63B-4, 3.1.1.2; OWASP ASVS 5.0, V6.2.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING

from django.contrib.auth.password_validation import CommonPasswordValidator
from django.core.exceptions import ValidationError

from handrail.access import directory
from handrail.kernel.hostile import is_storable, normalized

if TYPE_CHECKING:
    from handrail.access.models import User

_APART = re.compile(r"[\W_]+")
SHORTEST, LONGEST = 12, 256
FEWEST_CHARACTERS = 5
FEWEST_UNPREDICTED = 6
# Shorter words stand by chance in good passwords.
SHORTEST_WORD = 4
# Shorter ones count only where they stand alone, as "other" does not in "another".
LONG_WORD = 6
# Of the product and its roles. With the names of the person's workspaces and the parts of their name and address they
# are the context-specific words of ASVS 6.1.2.
PRODUCT_WORDS = ("handrail", "workspace", "administrator", "password", "passwort", "letmein", "welcome", "changeme")
# Rows and columns of keyboards (US, German, French) and of the number pad, and the alphabet itself.
ROWS = (
    "abcdefghijklmnopqrstuvwxyz", "01234567890", "`1234567890-=", "qwertyuiop[]", "asdfghjkl;'", "zxcvbnm,./",
    "qwertzuiopü", "asdfghjklöä", "yxcvbnm,.-", "azertyuiop", "qsdfghjklm", "wxcvbn,;:!", "!@#$%^&*()_+", "!\"§$%&/()=",
    "1qaz", "2wsx", "3edc", "4rfv", "5tgb", "6yhn", "7ujm", "8ik,", "9ol.", "0p;/", "741", "852", "963",
    "147", "258", "369",
)  # fmt: skip
_PAIRS = frozenset(pair for row in ROWS for a, b in pairwise(row) for pair in (a + b, b + a))
_DIGITS = str.maketrans("013457@$!", "oieastasi")


def faults(password: str, *, words: Iterable[str] = ()) -> list[str]:
    """What is wrong with ``password``, in sentences; none when it can be taken.

    ``words`` are names and addresses connected with the person; of each, every part of four characters or more counts.
    """
    if not SHORTEST <= len(password) <= LONGEST:
        return [f"Use {SHORTEST} to {LONGEST} characters."]
    if not is_storable(password):
        return ["This contains characters that can't be stored."]
    plain = fold(password)
    found = []
    if len(set(plain)) < FEWEST_CHARACTERS:
        found.append(f"Use at least {FEWEST_CHARACTERS} different characters.")
    elif _repeats(plain) or _repeats("".join(plain.split())):
        found.append("This is one pattern, repeated.")
    elif sum(1 for _ in _unpredicted(plain)) < FEWEST_UNPREDICTED:
        found.append("This follows the keyboard, the alphabet or the digits.")
    if _is_common(plain):
        found.append("This is one of the passwords that are guessed first.")
    if any(_contains(variant, word) for word in _words(words) for variant in _variants(plain)):
        found.append("Don't use your address, your name, or the name of a workspace or of this product.")
    return found


def fold(text: str) -> str:
    """``text`` as somebody who guesses sees it: without compatibility forms, case, accents and outer white space."""
    # Character by character: the order of marks doesn't matter, and sorting many takes the square of their number.
    decomposed = "".join(unicodedata.normalize("NFKD", c) for c in normalized(text, "NFKC").casefold())
    return "".join(c for c in decomposed if not unicodedata.combining(c)).strip()


class GuessablePasswordValidator:
    """The same rules for Django's forms, with the names that are connected with the user."""

    def validate(self, password: str, user: User | None = None) -> None:
        found = faults(password, words=words_of(user) if user is not None else ())
        if found:
            raise ValidationError([ValidationError(message, code="password-guessable") for message in found])

    def get_help_text(self) -> str:
        return f"{SHORTEST} to {LONGEST} characters of any kind; not a common password, a pattern, or a name."


def words_of(user: User) -> list[str]:
    """The address and names of ``user``, and the names of the workspaces that they belong to."""
    of_workspaces = directory.names(directory.workspaces_of(user.pk, active=False)) if user.pk else ()
    return [user.email, user.first_name, user.last_name, *(name for names in of_workspaces for name in names)]


def _variants(plain: str) -> tuple[str, ...]:
    """As it stands, with digits read as the letters that they stand for, and without what separates."""
    letters = plain.translate(_DIGITS)
    return plain, letters, _APART.sub("", plain), _APART.sub("", letters)


def _repeats(plain: str) -> bool:
    """Whether a shorter text, written twice or more, begins with all of ``plain``. The length is bounded."""
    return any(plain[period:] == plain[:-period] for period in range(1, len(plain) // 2 + 1))


def _unpredicted(plain: str) -> Iterator[str]:
    """The characters that don't follow from the one before: no repetition, no neighbour in a row."""
    before = ""
    for character in plain:
        if character != before and before + character not in _PAIRS:
            yield character
        before = character


@cache
def _common() -> frozenset[str]:
    # Django's list of 20,000: https://gist.github.com/roycewilliams/226886fd01572964e1431ac8afc999ce
    return frozenset(fold(word) for word in CommonPasswordValidator().passwords)


def _is_common(plain: str) -> bool:
    """Whether it is in the list, or becomes so without the digits and signs that people put around a word, or twice."""
    return any(
        variant in _common() or (len(core := _core(variant)) >= SHORTEST_WORD and core in _common())
        for variant in _variants(plain)
    )


def _core(text: str) -> str:
    return text.strip("0123456789!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~ §")


def _contains(text: str, word: str) -> bool:
    if len(word) >= LONG_WORD:
        return word in text
    return re.search(rf"(?<![^\W\d_]){re.escape(word)}(?![^\W\d_])", text) is not None  # law: kept, of one word


def _words(given: Iterable[str]) -> set[str]:
    parts = {part for text in (*PRODUCT_WORDS, *given) for part in _APART.split(fold(text))}
    whole = {_APART.sub("", fold(text)) for text in given}
    return {word for word in parts | whole if len(word) >= SHORTEST_WORD}
