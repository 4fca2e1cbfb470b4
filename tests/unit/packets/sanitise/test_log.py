"""Text logs: what a line keeps, what of it goes, and which files are held."""

from __future__ import annotations

import json
import weakref
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handrail.packets import sanitise as sanitising
from handrail.packets.sanitise import Sanitised, lines, sanitise
from handrail.packets.sanitise.context import SanitiseContext
from handrail.packets.sanitise.log import Log
from handrail.packets.sanitise.redaction import Redaction
from tests.canaries.finding import Haystack
from tests.canaries.kinds import KINDS, made


def cleared(data: bytes | str) -> list[dict[str, Any]]:
    result = sanitise("log/v1", data.encode() if isinstance(data, str) else data)
    assert result.cleared, result.reasons
    assert result.data is not None
    return [json.loads(line) for line in result.data.splitlines()]


def texts(data: str) -> list[str]:
    return [line["text"] for line in cleared(data) if "text" in line]


def held(data: bytes) -> list[str]:
    result = sanitise("log/v1", data)
    assert (result.cleared, result.data) == (False, None)
    return [reason.code for reason in result.reasons]


@pytest.mark.parametrize(
    ("line", "time", "level", "text"),
    [
        ("2026-11-20T07:58:00.123Z ERROR handshake failed", "2026-11-20T07:58:00.123Z", "ERROR", "handshake failed"),
        ("[2026-11-20 07:58:00,123] [warn] retry 3 of 5", "2026-11-20 07:58:00,123", "WARN", "retry 3 of 5"),
        ("Nov 20 07:58:01 localhost sshd: closed", "Nov 20 07:58:01", None, "localhost sshd: closed"),
        ("I1120 07:58:03.123456 7 server.go:42] started", "1120 07:58:03.123456", "INFO", "7 server.go:42] started"),
        ("connection refused", None, None, "connection refused"),
    ],
)
def test_line_keeps_its_time_level_and_words(line: str, time: str | None, level: str | None, text: str) -> None:
    found = cleared(line)[1]
    assert (found.get("time"), found.get("level"), found["text"].strip()) == (time, level, text)


@pytest.mark.parametrize(
    "line",
    [
        "status=503 duration_ms=15234 bytes=48213",
        "GET /login/start HTTP/1.1 502 1234",
        "java.net.SocketTimeoutException: Read timed out",
        "at org.apache.catalina.core.ApplicationFilterChain.doFilter(ApplicationFilterChain.java:189)",
        "[http-nio-8443-exec-12] connection pool exhausted after 30000 ms",
        "SAML response rejected: clock skew of 734 seconds",
        "PKIX path validation failed: certificate expired",
        "token expired, session refresh refused",
        "upstream timed out (110: Connection timed out) while reading response header from upstream",
        "https://idp.example.com/saml/acs answered 503",
    ],
)
def test_line_of_programs_stays_as_it_is(line: str) -> None:
    assert texts(line) == [line]


@pytest.mark.parametrize(
    ("line", "left"),
    [
        ("password=welcome", "password=<*>"),
        ("password is welcome, retry", "password is <*>, retry"),
        ("Failed password for user summer from 10.0.0.1", "Failed password for user <*> from"),
        ('{"message":"log-in failed","secret":"summer"}', "log-in failed"),
        ("call +44 20 7946 0958 now", "call <*> <*> <*> <*> now"),
        ("user 4711 refused", "user ~"),
    ],
)
def test_value_after_a_word_that_opens_doors_or_names_somebody_goes(line: str, left: str) -> None:
    (found,) = texts(line)
    assert found.startswith(left) or left in found


@pytest.mark.parametrize(
    "line",
    [
        '81.229.12.34 - - [20/Nov/2026:07:58:00 +0000] "GET /login HTTP/1.1" 200 512',
        "connection from 81.229.12.34 port 50122",
        "client closed 2a02:1810:4f3::1 while reading",
        "refused 81.229.12.34:50122",
    ],
)
def test_address_of_a_client_has_a_stand_in(line: str) -> None:
    (found,) = texts(line)
    assert "81.229" not in found
    assert "2a02" not in found
    assert "~ip-" in found


def test_address_of_a_server_stays() -> None:
    assert texts("connected to 81.229.12.34:443") == ["connected to 81.229.12.34:443"]


@pytest.mark.parametrize(
    "line",
    [
        "Kennwort: 4711", "Passwort lautet 4711", "mot de passe: 4711", "contraseña: 4711", "clave=4711",
        "lösenord: 4711", "lösenordet är 4711", "salasana: 4711", "code secret : 4711", "Zugang: 4711", "zebra=4711",
        "code=4711", "code: 4711",
    ],
)  # fmt: skip
def test_short_number_after_a_label_that_is_not_ours_goes(line: str) -> None:
    assert "4711" not in texts(f"refused\n{line}")[1]


@pytest.mark.parametrize(
    "line",
    ["exit code: 1045", "code=503", "zebra=15ms", "queue: 4711", "port 50122 closed", "30000 bytes read"],
)
def test_number_that_is_a_measure_or_an_error_stays(line: str) -> None:
    kept = next(part for part in line.replace("=", " ").split() if part[0].isdigit())
    assert kept in texts(f"refused\n{line}")[1]


@pytest.mark.parametrize(
    ("line", "gone"),
    [
        ("Failed password for x from BSN 635171739 port 50122", "635171739"),
        ("refused port 635171739", "635171739"),
        ("refused host=db01", "db01"),
        ("running on host web-12", "web-12"),
        ("Nov 20 07:58:01 web-12 sshd: closed", "web-12"),
        ("refused lat=59.32", "59.32"),
        ("refused gps 59.32, 18.06", "18.06"),
    ],
)
def test_number_or_name_of_somebody_goes(line: str, gone: str) -> None:
    assert gone not in texts(line)[0]


def test_same_value_has_the_same_stand_in_in_every_line() -> None:
    first, second = texts("refused jdoe@alder.example\nclosed jdoe@alder.example")
    assert first.split()[1] == second.split()[1] != "jdoe@alder.example"


def test_lines_that_say_the_same_are_one_and_shapes_are_counted() -> None:
    log = "2026-11-20T07:58:00Z ERROR timeout after 10 ms\n" * 2 + "2026-11-20T07:58:09Z ERROR timeout after 11 ms\n"
    _, twice, once, template = cleared(log)
    assert (twice["times"], twice["until"], once["line"]) == (2, "2026-11-20T07:58:00Z", 3)
    assert template == {"template": "ERROR timeout after <*> ms", "count": 3, "first": 1, "last": 3}


def test_removals_of_a_line_are_counted_once_however_many_others_come_between() -> None:
    others = [f"failed after {n} seconds" for n in range(lines._MOST_LINES + 1)]
    log = "\n".join(["failed for Jo.Doe", *others, "failed for Jo.Doe"]).encode()

    removed = sanitise("log/v1", log).report["removed"]

    assert removed == [{"rule": "unknown-word", "place": "lines", "count": 1}]


def test_what_one_pass_remembers_is_released_before_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    passes: list[weakref.ref[Redaction]] = []
    alive: list[int] = []

    class Watched(Log):
        def __init__(self, context: SanitiseContext, suspects: frozenset[str] = frozenset()) -> None:
            alive.append(sum(one() is not None for one in passes))
            super().__init__(context, suspects)
            passes.append(weakref.ref(self.redaction))

    kinds = {**sanitising.SANITISERS, "log/v1": replace(sanitising.SANITISERS["log/v1"], start=Watched)}
    monkeypatch.setattr(sanitising, "SANITISERS", kinds)
    sanitise("log/v1", b"user failed password=Session12\nsigned in at Session12\n")

    assert alive == [0, 0]


def test_json_lines_go_by_keys_of_known_words() -> None:
    raw = {"ts": 1795342502.25, "level": "warn", "msg": "retry", "http": {"status": 503, "Zebra": "x"}, "ok": True}
    found = cleared(json.dumps(raw))[1]
    assert found == {
        "line": 1, "time": "1795342502.25", "level": "WARN", "text": "retry",
        "fields": {"http": {"status": 503}, "ok": True},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("data", "encoding", "line_ends"),
    [
        ("connection refused\n".encode("utf-16"), "utf-16-le", "lf"),
        ("connection refused é\r\n".encode("latin-1"), "latin-1", "crlf"),
        (b"\xef\xbb\xbfconnection refused\n", "utf-8", "lf"),
    ],
)
def test_encoding_and_line_ends_are_said(data: bytes, encoding: str, line_ends: str) -> None:
    head = cleared(data)[0]
    assert (head["encoding"], head["line_ends"], head["lines"]) == (encoding, line_ends, 1)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty"),
        (b" \n\t\n", "empty"),
        (b"\x00\x01\x02", "not-text"),
        (bytes(range(1, 256)) * 8, "not-text"),
        (b"\xff\xfea", "not-text"),
        (b"PK\x03\x04....", "archive"),
        (b"Zyxw Vutsr 123456789\n", "nothing-left"),
        (b"connection refused\n".ljust(16 * 1024 * 1024 + 1), "too-large"),
    ],
)
def test_file_that_is_no_log_is_held_with_a_reason(data: bytes, code: str) -> None:
    assert held(data) == [code]


def test_annex_says_what_kind_of_file_it_is() -> None:
    result: Sanitised = sanitise("log/v1", b"connection refused")
    assert (result.media_type, result.extension) == ("application/x-ndjson", ".jsonl")


LINES = (
    "2026-11-20 07:58:00,123 ERROR [exec-1] log-in failed: {}",
    "user={} status=503",
    '{{"time":"2026-11-20T07:58:02Z","msg":"refused {}"}}',
    "GET /login?next={} HTTP/1.1",
    "\tat com.{}.Filter.doFilter(Filter.java:42)",
)


@pytest.mark.parametrize("line", LINES)
def test_log_leaves_no_canary_of_any_kind(line: str) -> None:
    planted = [made(kind, line, "log") for kind in KINDS]
    log = "\n".join(line.format(json.dumps(one.written)[1:-1] if "{{" in line else one.written) for one in planted)
    result = sanitise("log/v1", log.encode())
    assert Haystack({"log": result.data or b""}).found(planted) == []
    assert result.cleared


OPAQUE = st.text(
    "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ0123456789_-.+/=~%@:", min_size=12, max_size=60
).filter(lambda text: sum(c.isdigit() for c in text) > 2 and sum(c.isalpha() for c in text) > 5)


@given(OPAQUE, st.sampled_from(LINES[:2]))
def test_no_planted_token_survives(token: str, line: str) -> None:
    result = sanitise("log/v1", line.format(token).encode())
    assert token.encode() not in (result.data or b"")


def test_a_word_that_announces_secrets_holds_no_log_for_being_one() -> None:
    said = texts("Cookie: passphrase: hunter2xyz\nAuthorization: Basic passphrase\npassword=passphrase\n")

    assert said[0] == "Cookie: passphrase: <*>"
    assert "hunter2xyz" not in str(said)
