"""A call's final URL stays where the configuration says."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handrail.connectors.config import HttpConfig
from handrail.connectors.http.urls import target_url
from handrail.kernel.errors import Misconfigured

BASE = "https://api.example/v2"
ORIGINS = frozenset({("https", "api.example", 443)})


@pytest.mark.parametrize(
    ("path", "query", "expected"),
    [
        ("/tenants/ten_1", None, b"https://api.example:443/v2/tenants/ten_1"),
        ("/a%2Fb", None, b"https://api.example:443/v2/a%2Fb"),
        ("/a", {"q": "x y&z", "n": 1, "on": True}, b"https://api.example:443/v2/a?q=x+y%26z&n=1&on=true"),
        ("/a?b=1", {"c": "2"}, b"https://api.example:443/v2/a?b=1&c=2"),
        ("https://api.example/elsewhere?x=1", None, b"https://api.example:443/elsewhere?x=1"),
        ("https://API.example:443/", None, b"https://api.example:443/"),
    ],
)
def test_target_url_puts_the_path_below_the_base(path: str, query: dict[str, str] | None, expected: bytes) -> None:
    assert bytes(target_url(BASE, ORIGINS, path, query)) == expected


def test_allow_adds_origins_to_that_of_the_base_url() -> None:
    config = HttpConfig(kind="rest", base_url=BASE, allow=("https://files.example:8443",))
    for url in (f"{BASE}/a", "https://files.example:8443/b"):
        assert bytes(target_url(config.base_url, config.origins, url)).endswith(url[-2:].encode())
    with pytest.raises(Misconfigured, match="not among the allowed origins"):
        target_url(config.base_url, config.origins, "https://files.example/b")


@pytest.mark.parametrize(
    "path",
    [
        "tenants",
        "",
        "//evil.example/",
        "http://[evil/a",
        "https://api\uff0fexample/a",
        "/../admin",
        "/a/./b",
        "/a/%2e%2e/b",
        "/a/%2E./b",
        "/a%2f..%2fb",
        "/a\\..\\b",
        "/a%5c..%5cb",
        "/a b",
        "/a\r\nX-Evil: 1",
        "/a#fragment",
        "/a%zz",
        "/a%",
        "/naïve",
        "/{task.id}",
        "https://api.example/a/../b",
        "https://api.example//evil.example/",
    ],
)
def test_target_url_refuses_a_path_that_could_climb_or_be_misread(path: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        target_url(BASE, ORIGINS, path)
    assert caught.value.code == "refused-path"


@pytest.mark.parametrize(
    "url",
    [
        "http://api.example/",
        "https://evil.example/",
        "https://api.example.evil.example/",
        "https://api.example:8443/",
        "https://api.example@evil.example/",
        "https://user:pass@api.example/",
        "https://api.example:port/",
    ],
)
def test_target_url_refuses_another_origin(url: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        target_url(BASE, ORIGINS, url)
    assert caught.value.code == "refused-origin"


def test_target_url_refuses_an_overlong_url() -> None:
    with pytest.raises(Misconfigured) as caught:
        target_url(BASE, ORIGINS, "/a", {"q": "x" * 9000})
    assert caught.value.code == "refused-path"


@given(st.text(alphabet="/\\.%2eEfF5cC:@?#[]a\r\n\t \x00é", max_size=30))
def test_target_url_never_leaves_origin_and_base(path: str) -> None:
    try:
        url = target_url(BASE, ORIGINS, path)
    except Misconfigured:
        return
    parts = urlsplit(bytes(url).decode())
    assert (parts.scheme, parts.hostname, parts.username) == ("https", "api.example", None)
    assert parts.path.startswith("/v2/")
    assert ".." not in unquote(parts.path).replace("\\", "/").split("/")
