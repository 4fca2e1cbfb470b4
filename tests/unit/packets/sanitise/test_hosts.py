from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handrail.packets.sanitise import SanitiseContext, sanitise
from handrail.packets.sanitise.redaction import Redaction
from tests.factories.standins import numbered
from tests.lanes import examples

CONTEXT = SanitiseContext.of_packet(
    b"1" * 32,
    vendor=["signing.alder.example", "xn--bcher-kva.example"],
    identity_providers=["okta.com", "acme.onelogin.com"],
)


@pytest.mark.parametrize(
    ("raw", "shown", "of"),
    [
        ("signing.alder.example", "signing.alder.example", "vendor"),
        ("API.eu-west-1.Signing.Alder.Example.", "api.eu-west-1.signing.alder.example", "vendor"),
        ("acme.signing.alder.example", "hidden1.signing.alder.example", "vendor"),
        ("bücher.example", "xn--bcher-kva.example", "vendor"),
        ("b%C3%BCcher.example", "xn--bcher-kva.example", "vendor"),
        ("badsigning.alder.example", "hidden1.hidden2.example", "other"),
        ("signing.alder.example.evil.net", "signing.hidden1.hidden2.hidden3.net", "other"),
        ("login.okta.com", "login.okta.com", "identity-provider"),
        ("acme.okta.com", "hidden1.okta.com", "identity-provider"),
        ("acme.onelogin.com", "acme.onelogin.com", "identity-provider"),
        ("other.onelogin.com", "other.onelogin.com", "other"),
        ("login.acme.co.uk", "login.hidden1.co.uk", "other"),
        ("cloud.com", "hidden1.com", "other"),
        ("idp2.acme.com", "idp2.hidden1.com", "other"),
        ("portal12.acme.com", "hidden1.hidden2.com", "other"),
        ("intranet.corp", "intranet.corp", "internal"),
        ("wiki7.acme.local", "wiki7.hidden1.local", "internal"),
        ("buildserver", "hidden1", "internal"),
        ("10.0.0.7", "private1", "internal"),
        ("[fd00::7]", "private1", "internal"),
        ("8.8.8.8", "8.8.8.8", "other"),
        ("[2001:4860:4860::8888]", "[2001:4860:4860::8888]", "other"),
        ("not a host", "hidden1", "other"),
        ("", "", "other"),
    ],
)
def test_a_host_is_shown_by_its_name_and_the_profile_only(raw: str, shown: str, of: str) -> None:
    host = Redaction(CONTEXT).hosts.of(raw)

    assert (numbered(host.shown), host.of) == (shown, of)


HOSTS = ["login.signing.alder.example", "acme.okta.com", "starlight.com", "portal7.acme.co.uk", "login.example.com"]
NAMES = st.sampled_from(["alder", "signing.alder", "okta", "starlight", "portal7", "acme", "login", "example", "7"])


def forms(word: str) -> Iterator[str]:
    yield from (word, word.upper(), word.title(), f"x{word}x", "".join(f"%{b:02x}" for b in word.encode()))
    yield base64.b64encode(word.encode()).decode()


@given(word=NAMES, form=st.integers(0, 5), place=st.sampled_from(["cookie", "token", "body", "query", "form", "json"]))
@settings(max_examples=examples(60), deadline=None)
def test_no_token_in_a_capture_changes_a_host(word: str, form: int, place: str) -> None:
    plain = json.loads(sanitise("har/v1", capture(), context=CONTEXT).data or b"")
    secret = list(forms(word))[form]

    result = sanitise("har/v1", capture(place, secret), context=CONTEXT)

    assert result.data is not None, result.reasons
    assert shown_hosts(json.loads(result.data)) == shown_hosts(plain)


def shown_hosts(har: Any) -> list[str]:
    return [entry["request"]["url"].split("/")[2] for entry in har["log"]["entries"]]


def capture(place: str = "", secret: str = "") -> bytes:
    entries: list[dict[str, Any]] = [
        {"request": {"method": "GET", "url": f"https://{host}/login", "headers": []}, "response": {"status": 200}}
        for host in HOSTS
    ]
    request, response = entries[0]["request"], entries[0]["response"]
    if place == "cookie":
        request["headers"] = [{"name": "Cookie", "value": f"sid={secret}"}]
    elif place == "token":
        request["headers"] = [{"name": "Authorization", "value": f"Bearer {secret}"}]
    elif place == "body":
        response["content"] = {"mimeType": "text/html", "text": f'<input name="password" value="{secret}">'}
    elif place == "query":
        request["url"] += f"?password={secret}&token={secret}"
    elif place == "form":
        request["postData"] = {"mimeType": "x", "params": [{"name": "password", "value": secret}]}
    elif place == "json":
        request["postData"] = {"mimeType": "application/json", "text": json.dumps({"password": secret})}
    return json.dumps({"log": {"entries": entries}}).encode()
