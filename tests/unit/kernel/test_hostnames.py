from __future__ import annotations

import pytest

from handrail.kernel.hostnames import end_of, normal_host


@pytest.mark.parametrize(
    ("raw", "normal"),
    [
        ("Login.Example.COM.", "login.example.com"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("XN--BCHER-KVA.example", "xn--bcher-kva.example"),
        ("login。example。com", "login.example.com"),
        ("_dmarc.example.com", "_dmarc.example.com"),
        ("a b", None),
        ("xn--a", None),
        ("", None),
        ("a..b", None),
        (f"{'a' * 64}.com", None),
        (".".join(["abcdefg"] * 40), None),
    ],
)
def test_normal_host(raw: str, normal: str | None) -> None:
    assert normal_host(raw) == normal


@pytest.mark.parametrize(
    ("host", "end"),
    [
        ("example.com", "example.com"),
        ("a.example.com", "example.com"),
        ("a.eu.example.com", "eu.example.com"),
        ("badexample.com", None),
        ("example.com.evil.example", None),
    ],
)
def test_end_of_stops_at_the_border_of_a_label(host: str, end: str | None) -> None:
    assert end_of(host, ["example.com", "eu.example.com"]) == end
