"""The kinds of canaries: what somebody could use, or find somebody by. Each is made anew from a seed.

A kind's function gives the secret, or the secret within what is written around it: ``(written, secret)``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from random import Random

from tests.canaries import shapes as s
from tests.canaries.shapes import ALNUM, UPPER, URL_SAFE, digits, hexadecimal, pick, token, words

Maker = Callable[[Random], "str | tuple[str, str]"]


@dataclass(frozen=True, slots=True)
class Canary:
    """``written`` is planted, ``secret`` is what must not leave; ``place`` is where it was planted."""

    kind: str
    place: str
    written: str
    secret: str


def _within(before: str, secret: str, after: str = "") -> tuple[str, str]:
    return f"{before}{secret}{after}", secret


# What opens a door: keys and tokens of services.
KEYS: Mapping[str, Maker] = {
    "AWS access key": lambda r: f"AKIA{pick(r, UPPER, 16)}",
    "AWS temporary key": lambda r: f"ASIA{pick(r, UPPER, 16)}",
    "AWS secret key": lambda r: _within("aws_secret_access_key=", pick(r, ALNUM + "/+", 40)),
    "Google key": lambda r: f"AIza{pick(r, URL_SAFE, 35)}",
    "Google access token": lambda r: f"ya29.{pick(r, URL_SAFE, 60)}",
    "Azure storage key": lambda r: _within("AccountKey=", s.base64_text(r.randbytes(64))),
    "Azure client secret": lambda r: _within("client_secret=", f"{pick(r, ALNUM, 3)}8Q~{pick(r, URL_SAFE, 31)}"),
    "GitHub token": lambda r: f"ghp_{pick(r, ALNUM, 36)}",
    "GitHub fine-grained token": lambda r: f"github_pat_{pick(r, ALNUM, 22)}_{pick(r, ALNUM, 59)}",
    "GitLab token": lambda r: f"glpat-{pick(r, URL_SAFE, 20)}",
    "Slack token": lambda r: f"xoxb-{digits(r, 12)}-{digits(r, 12)}-{pick(r, ALNUM, 24)}",
    "Slack hook": lambda r: _within(
        "https://hooks.slack.com/services/", f"T{pick(r, UPPER, 8)}/B{pick(r, UPPER, 8)}/{pick(r, ALNUM, 24)}"
    ),
    "Stripe key": lambda r: f"sk_live_{pick(r, ALNUM, 24)}",
    "Twilio key": lambda r: f"SK{hexadecimal(r, 32)}",
    "npm token": lambda r: f"npm_{pick(r, ALNUM, 36)}",
    "PyPI token": lambda r: f"pypi-AgEIcHlwaS5vcmc{pick(r, URL_SAFE, 80)}",
    "OpenAI key": lambda r: f"sk-proj-{pick(r, ALNUM, 48)}",
    "SendGrid key": lambda r: f"SG.{pick(r, URL_SAFE, 22)}.{pick(r, URL_SAFE, 43)}",
    "Vault token": lambda r: f"hvs.{pick(r, URL_SAFE, 60)}",
    "key in a query": lambda r: _within("?api_key=", token(r, 32)),
}
# What proves who somebody is, on its way.
PROOFS: Mapping[str, Maker] = {
    "JWT": s.jwt,
    "JWE": lambda r: ".".join(
        [s.base64url({"alg": "RSA-OAEP", "enc": "A256GCM"}), *(s.base64url(r.randbytes(n)) for n in (64, 12, 48, 16))]
    ),
    "PASETO": lambda r: f"v4.local.{s.base64url(r.randbytes(72))}",
    "bearer": lambda r: _within("Bearer ", token(r, 40)),
    "basic log-in": lambda r: _within("Basic ", s.base64_text(f"svc-{words(r, 1)}:{token(r, 14)}".encode())),
    "digest log-in": lambda r: _within(
        'Digest username="svc", realm="corp", nonce="', hexadecimal(r, 32), '", response="0"'
    ),
    "NTLM": lambda r: _within("NTLM ", s.base64_text(b"NTLMSSP\0\3\0\0\0" + r.randbytes(48))),
    "Kerberos ticket": lambda r: _within("Negotiate ", f"YII{pick(r, ALNUM, 80)}"),
    "SAML assertion": lambda r: s.base64_text(
        f'<saml:Assertion ID="_{hexadecimal(r, 32)}"><saml:NameID>{token(r, 20)}</saml:NameID>'.encode()
    ),
    "SAML artifact": lambda r: _within("SAMLart=", s.base64_text(b"\0\4\0\1" + r.randbytes(40)).rstrip("=")),
    "OAuth code": lambda r: _within("code=", f"{digits(r, 1)}/0A{pick(r, URL_SAFE, 60)}"),
    "PKCE verifier": lambda r: _within("code_verifier=", pick(r, URL_SAFE + ".~", 43)),
    "refresh token": lambda r: _within("refresh_token=", f"1//0{pick(r, URL_SAFE, 48)}"),
    "one-time password": lambda r: _within("otp=", digits(r, 8)),
    "recovery code": lambda r: f"{pick(r, UPPER, 5)}-{digits(r, 2)}{pick(r, UPPER, 3)}",
    "magic link": lambda r: _within("https://app.example.com/magic/", token(r, 36)),
    "UUID of a session": s.uuid,
    "CSRF token": lambda r: _within("csrf_token=", s.base64_text(r.randbytes(32)).rstrip("=")),
    "signed S3 URL": lambda r: _within(
        "https://b.s3.example.com/f?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=", hexadecimal(r, 64)
    ),
    "Azure SAS": lambda r: _within("?sv=2024-11-04&sp=r&sig=", s.base64_text(r.randbytes(32)).replace("/", "a")),
    "CloudFront signature": lambda r: _within("?Key-Pair-Id=APKA1&Signature=", f"{pick(r, URL_SAFE + '~', 90)}__"),
}
# A session cookie, as ten frameworks name and write theirs.
COOKIES: Mapping[str, Maker] = {
    "cookie of Django": lambda r: _within("sessionid=", pick(r, "abcdefghijklmnopqrstuvwxyz0123456789", 32)),
    "cookie of Rails": lambda r: _within("_app_session=", f"{s.base64url(r.randbytes(48))}--{hexadecimal(r, 40)}"),
    "cookie of Laravel": lambda r: _within("laravel_session=", s.base64url(r.randbytes(60))),
    "cookie of PHP": lambda r: _within("PHPSESSID=", pick(r, "abcdefghijklmnopqrstuv0123456789", 26)),
    "cookie of Java": lambda r: _within("JSESSIONID=", f"{pick(r, '0123456789ABCDEF', 32)}.node3"),
    "cookie of ASP.NET": lambda r: _within(".AspNetCore.Cookies=CfDJ8", pick(r, URL_SAFE, 80)),
    "cookie of Express": lambda r: _within("connect.sid=s%3A", f"{pick(r, URL_SAFE, 32)}.{pick(r, ALNUM, 43)}"),
    "cookie of Flask": lambda r: _within("session=", f"{s.base64url(r.randbytes(30))}.{s.base64url(r.randbytes(20))}"),
    "cookie of Spring": lambda r: _within("SESSION=", s.base64_text(s.uuid(r).encode())),
    "cookie of Shibboleth": lambda r: _within("_shibsession_64656661=_", hexadecimal(r, 32)),
}
# Keys and passwords that people write down.
WRITTEN: Mapping[str, Maker] = {
    "private key": lambda r: s.pem(r, "RSA PRIVATE KEY"),
    "SSH key": lambda r: s.pem(r, "OPENSSH PRIVATE KEY"),
    "connection string": lambda r: _within("postgresql://app:", token(r, 16), "@db7.corp.internal:5432/app"),
    "ODBC string": lambda r: _within("Server=sql3;Uid=sa;Pwd=", token(r, 14), ";"),
    "password in English": lambda r: _within("The password is ", f"{words(r, 1).title()}{digits(r, 4)}!"),
    "password in German": lambda r: _within("Das Passwort lautet ", f"{words(r, 1).title()}#{digits(r, 3)}"),
    "password in French": lambda r: _within("Le mot de passe est ", f"{words(r, 1)}{digits(r, 4)}$"),
    "password in Spanish": lambda r: _within("La contraseña es ", f"{words(r, 1).title()}_{digits(r, 4)}"),
    "password of words": lambda r: _within("password: ", words(r, 2)),
    "passphrase of words": lambda r: _within("passphrase: ", words(r, 4)),
}
# By what somebody is found, in numbers.
NUMBERS: Mapping[str, Maker] = {
    "IBAN": lambda r: s.iban("DE", digits(r, 18)),
    "card number": lambda r: s.luhn(f"4{digits(r, 14)}"),
    "telephone number of Sweden": lambda r: f"+46 70 {digits(r, 3)} {digits(r, 2)} {digits(r, 2)}",
    "telephone number of Germany": lambda r: f"+49 151 {digits(r, 8)}",
    "telephone number of Britain": lambda r: f"+44 7700 9{digits(r, 5)}",
    "telephone number of France": lambda r: f"+33 6 {digits(r, 2)} {digits(r, 2)} {digits(r, 2)} {digits(r, 2)}",
    "telephone number of America": lambda r: f"(415) 555-{digits(r, 4)} x{digits(r, 3)}",
    "telephone number of Japan": lambda r: f"+81 90-{digits(r, 4)}-{digits(r, 4)}",
    "national id of Sweden": s.swedish,
    "national id of Finland": s.finnish,
    "national id of Spain": s.spanish,
    "national id of the Netherlands": lambda r: _within("BSN ", s.dutch(r)),
    "national id of Poland": lambda r: _within("PESEL ", s.polish(r)),
    "national id of America": lambda r: f"{r.randrange(101, 665)}-{r.randrange(10, 99)}-{digits(r, 4)}",
    "patient number": lambda r: _within("NHS number ", s.british_patient(r)),
    "passport number": lambda r: _within("passport ", f"C{pick(r, 'FGHJKLMNPRTVWXYZ', 2)}{digits(r, 6)}"),
    "licence plate": lambda r: _within("plate ", f"{pick(r, 'ABCDEFGH', 2)}{digits(r, 2)} {pick(r, 'ABCDEFGH', 3)}"),
    "IMEI": lambda r: _within("IMEI ", s.luhn(f"35{digits(r, 12)}")),
    "place by GPS": lambda r: f"{r.randrange(40, 60)}.{digits(r, 6)}, {r.randrange(10, 20)}.{digits(r, 6)}",
}  # fmt: skip
# By what somebody, or a machine inside, is found, in words.
PEOPLE: Mapping[str, Maker] = {
    "e-mail address": lambda r: f"{words(r, 2, '.')}{digits(r, 2)}@customer-mail.example",
    "name of a person": lambda r: f"{words(r, 1).title()}ina {words(r, 1).title()}sdottir",
    "postal address": lambda r: f"{words(r, 1).title()}gatan {digits(r, 2)}, 413 {digits(r, 2)} Göteborg",
    "internal host": lambda r: f"{words(r, 1)}-{digits(r, 3)}.corp.internal",
    "internal host with a port": lambda r: f"{words(r, 1)}db{digits(r, 2)}.lan:8443",
    "UNC path": lambda r: f"\\\\{words(r, 1)}{digits(r, 3)}\\{words(r, 1)}$\\export",
    "MAC address": lambda r: ":".join(hexadecimal(r, 2) for _ in range(6)),
    "private IPv4 address": lambda r: f"10.{r.randrange(10, 250)}.{r.randrange(10, 250)}.{r.randrange(10, 250)}",
    "private IPv6 address": lambda r: (
        f"fd{hexadecimal(r, 2)}:{hexadecimal(r, 4)}:{hexadecimal(r, 4)}::{hexadecimal(r, 3)}"
    ),
}
KINDS: Mapping[str, Maker] = {**KEYS, **PROOFS, **COOKIES, **WRITTEN, **NUMBERS, **PEOPLE}


def made(kind: str, place: str, seed: str) -> Canary:
    """The canary of a kind for a place: another one for each place and seed."""
    found = KINDS[kind](Random(f"{seed}/{place}/{kind}"))
    written, secret = (found, found) if isinstance(found, str) else found
    return Canary(kind, place, written, secret)


def turns(seed: str) -> Iterator[str]:
    """All kinds again and again, in another order each time."""
    random = Random(f"{seed}/turns")
    while True:
        yield from random.sample(sorted(KINDS), len(KINDS))
