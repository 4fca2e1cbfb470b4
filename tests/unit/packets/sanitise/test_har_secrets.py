from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handrail.packets.sanitise import sanitise
from tests.factories.captures import TOOLS, Plants, capture, found
from tests.lanes import examples

DATA = Path(__file__).parents[5] / "shared" / "data"


@pytest.mark.parametrize("tool", TOOLS)
def test_sanitise_leaves_no_planted_secret_in_any_place(tool: str) -> None:
    data, plants = capture(tool)
    assert len(plants.planted) >= 60

    result = sanitise("har/v1", data)

    assert result.cleared, result.reasons
    assert result.data is not None
    assert found(result.data, plants) == []


@pytest.mark.parametrize("tool", TOOLS)
def test_report_quotes_no_planted_secret(tool: str) -> None:
    data, plants = capture(tool)

    result = sanitise("har/v1", data)

    assert found(json.dumps([result.report, [str(r) for r in result.reasons]]).encode(), plants) == []


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/login;jsessionid=star7light", []),
        ("/login%3Bjsessionid%3Dstar7light", []),
        ("/login", [{"name": "User-Agent", "value": "Chrome/119 star7light"}]),
        ("/login", [{"name": "Content-Type", "value": "multipart/form-data; boundary=star7light"}]),
        ("/login", [{"name": "Via", "value": "1.1 star7light"}]),
    ],
    ids=["matrix parameter", "encoded matrix parameter", "agent", "boundary", "proxy"],
)
def test_sanitise_hides_a_registered_name_in_which_something_cut_reappears(path: str, headers: Any) -> None:
    referer = {"name": "Referer", "value": "https://star7-star7light.com/"}
    har = minimal(f"https://idp.example.com{path}", [referer, *headers])

    result = sanitise("har/v1", har)

    assert result.data is not None
    assert b"star7light" not in result.data


def test_sanitise_counts_a_matrix_parameter() -> None:
    result = sanitise("har/v1", minimal("https://idp.example.com/login;jsessionid=abc", []))

    assert result.report["removed"] == [{"rule": "matrix-parameter", "place": "request.url", "count": 1}]


@pytest.mark.parametrize(
    "value", ["1.1 star7light", "application/star7light; charset=utf-8", "Bearer realm=star7light", "star7light;dur=1"]
)
@pytest.mark.parametrize("name", ["Via", "Content-Type", "WWW-Authenticate", "Server-Timing"])
def test_sanitise_counts_what_it_cuts_from_a_header(name: str, value: str) -> None:
    result = sanitise("har/v1", minimal("https://idp.example.com/", [{"name": name, "value": value}]))

    assert [(one["place"], one["count"]) for one in result.report["removed"]] == [("request.headers", 1)]
    assert b"star7light" not in (result.data or b"")


@pytest.mark.parametrize("name", ["cnn-chrome.har", "humanssuck.net.har"])
def test_sanitise_clears_a_real_capture_without_its_cookies_and_bodies(name: str) -> None:
    path = DATA / name
    if not path.exists():
        pytest.skip("no real captures beside the checkout")
    data = path.read_bytes()
    plants = Plants(name)
    for at, entry in enumerate(json.loads(data)["log"]["entries"]):
        for header in entry["request"]["headers"] + entry["response"]["headers"]:
            if header["name"].lower() in {"cookie", "set-cookie"} and len(header["value"]) > 30:
                plants.planted[f"{at} cookie {len(plants.planted)}"] = header["value"]
        for pair in entry["request"].get("queryString", []):
            if len(pair["value"]) > 16 and "/" not in pair["value"] and "." not in pair["value"]:
                plants.planted[f"{at} query {pair['name']}"] = pair["value"]
        if text := entry["response"]["content"].get("text"):
            plants.planted[f"{at} body"] = text

    result = sanitise("har/v1", data)

    assert result.cleared, result.reasons
    assert result.data is not None
    assert found(result.data, plants) == []


@pytest.mark.parametrize("tool", ["chrome", "safari"])
def test_sanitise_removes_a_real_saml_response_from_everywhere(tool: str) -> None:
    path = DATA / "simplesamlphp_authnresponse.xml"
    if not path.exists():
        pytest.skip("no real SAML response beside the checkout")
    wrapped = base64.b64encode(path.read_bytes()).decode()
    har = json.loads(capture(tool)[0])
    one = har["log"]["entries"][0]
    one["request"]["postData"]["params"] = [{"name": "SAMLResponse", "value": wrapped}]
    one["request"]["url"] = f"https://sp.example.com/saml2/acs/{wrapped[:2000]}"
    one["response"]["content"]["text"] = wrapped

    result = sanitise("har/v1", json.dumps(har).encode())

    assert result.data is not None
    assert not any(wrapped[at : at + 24].encode() in result.data for at in range(0, len(wrapped) - 24, 24))


SECRETS = st.text(st.characters(codec="utf-8", categories=["L", "N", "P"]), min_size=12, max_size=40).filter(
    lambda s: sum(c.isalnum() for c in s) >= 10 and len(set(s)) > 5
)


@given(data=st.data(), secret=SECRETS)
@settings(max_examples=examples(50), deadline=None)
def test_sanitise_never_lets_a_secret_through_wherever_it_stands(data: st.DataObject, secret: str) -> None:
    har = json.loads(data.draw(st.sampled_from(CAPTURES)))
    place(har, data, secret)

    result = sanitise("har/v1", json.dumps(har).encode())

    assert found(result.data or b"", Plants("random", {"somewhere": secret})) == []


CAPTURES = [capture(tool)[0] for tool in ("chrome", "firefox", "fiddler")]


def place(har: Any, data: st.DataObject, secret: str) -> None:
    """Puts ``secret`` into a value, a key or beside others, somewhere in the tree."""
    node: Any = har
    while True:
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))
        key = data.draw(st.sampled_from(keys))
        if not isinstance(node[key], dict | list) or not node[key] or data.draw(st.integers(0, 9)) == 0:
            break
        node = node[key]
    old = node[key] if isinstance(node[key], str) else ""
    how = data.draw(st.sampled_from(["replace", "append", "prefix", "list", "object", "key"]))
    if how == "key" and isinstance(node, dict):
        node[secret] = node.pop(key)
    else:
        made = {"append": f"{old} {secret}", "prefix": secret + old, "list": [secret], "object": {secret: secret}}
        node[key] = made.get(how, secret)


def minimal(url: str, headers: list[dict[str, str]]) -> bytes:
    request = {"method": "GET", "url": url, "httpVersion": "h2", "headers": headers}
    return json.dumps({"log": {"entries": [{"request": request, "response": {"status": 200}}]}}).encode()
