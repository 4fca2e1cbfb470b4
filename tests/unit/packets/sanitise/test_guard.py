from __future__ import annotations

import gzip
import io
import json
import random
import tarfile
import time
import tracemalloc
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handrail.packets.sanitise import Limits, sanitise
from handrail.packets.sanitise.guard import _deeper, _deepest, _skeleton

SMALL = b'{"log":{"entries":[]}}'


def packed(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)


def zipped() -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr(zipfile.ZipInfo("a.har"), SMALL)  # of a fixed date, since tests are named by it
    return made.getvalue()


def tarred() -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("a.har"), io.BytesIO())
    return made.getvalue()


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty"),
        (b" \n ", "empty"),
        (zipped(), "archive"),
        (tarred(), "archive"),
        (SMALL.decode().encode("utf-16"), "not-utf8"),
        (b'{"log": "\xff"}', "not-utf8"),
        (b'{"log": "\x00"}', "not-utf8"),
        (b'{"log": {"entries": [], "entries": []}}', "duplicate-key"),
        (b'{"log": NaN}', "not-json"),
        (b'{"log": ' + b"9" * 5000 + b"}", "not-json"),
        (b'{"log": ', "not-json"),
        (b"<html></html>", "not-json"),
        (b"[" * 10_000, "too-deep"),
        (b"[" * 10_000 + b"]" * 10_000, "too-deep"),
        (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, "too-deep"),
        (b'{"x":"]]]]\\"]]]]",' + b'"a":[' * 5_000 + b"]" * 5_000 + b"}", "too-deep"),
    ],
)
def test_sanitise_holds_hostile_bytes_with_a_reason(data: bytes, code: str) -> None:
    result = sanitise("har/v1", data)

    assert (result.cleared, result.data) == (False, None)
    assert [r.code for r in result.reasons] == [code]


def test_sanitise_unpacks_one_gzip_member() -> None:
    assert sanitise("har/v1", packed(SMALL)).data == sanitise("har/v1", SMALL).data


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (packed(packed(SMALL)), "archive"),
        (packed(zipped()), "archive"),
        (packed(SMALL) + packed(SMALL), "bad-gzip"),
        (packed(SMALL) + b"hunter2", "bad-gzip"),
        (packed(SMALL)[:-9], "bad-gzip"),
        (packed(SMALL)[:20], "bad-gzip"),
        (b"\x1f\x8bhunter2", "bad-gzip"),
        (packed(b""), "empty"),
        (packed(b"<html>"), "not-json"),
        (packed(b" " * 3_000_000 + SMALL), "too-tight"),
    ],
)
def test_sanitise_holds_what_no_gzip_file_of_a_capture_is(data: bytes, code: str) -> None:
    assert [reason.code for reason in sanitise("har/v1", data).reasons] == [code]


def test_sanitise_unpacks_no_more_than_it_takes() -> None:
    noise = bytes(random.Random(1).choices(range(33, 127), k=400_000))
    reasons = sanitise("har/v1", packed(noise), limits=Limits(max_bytes=390_000)).reasons

    assert [(reason.code, "Unpacked" in reason.message) for reason in reasons] == [("too-large", True)]


def test_sanitise_holds_a_gzip_bomb_in_little_memory() -> None:
    bomb = packed(bytes(200_000_000))
    tracemalloc.start()
    try:
        result = sanitise("har/v1", bomb, limits=Limits(max_bytes=4_000_000))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert [reason.code for reason in result.reasons] == ["too-large"]
    assert peak < 20_000_000


def test_sanitise_takes_a_byte_order_mark() -> None:
    assert sanitise("har/v1", b"\xef\xbb\xbf" + SMALL).cleared


@pytest.mark.parametrize("declared", ["application/zip", "text/html", "image/png", ""])
def test_sanitise_holds_a_wrong_content_type(declared: str) -> None:
    assert [r.code for r in sanitise("har/v1", SMALL, content_type=declared).reasons] == ["wrong-content-type"]


def test_sanitise_takes_a_declared_content_type_with_parameters() -> None:
    assert sanitise("har/v1", SMALL, content_type="Application/JSON; charset=utf-8").cleared


def test_sanitise_holds_200_megabytes_at_once() -> None:
    started = time.monotonic()

    result = sanitise("har/v1", bytes(200_000_000))

    assert [r.code for r in result.reasons] == ["too-large"]
    assert time.monotonic() - started < 20


def test_sanitise_holds_too_many_values() -> None:
    data = b'{"log":{"entries":[' + b",".join([b"{}"] * 600) + b"]}}"

    assert [r.code for r in sanitise("har/v1", data, limits=Limits(max_values=1000)).reasons] == ["too-many-values"]


def test_reasons_quote_nothing_of_the_artifact() -> None:
    for data in (b'{"hunter2":1,"hunter2":2}', b'{"log": hunter2}', b'["hunter2"]'):
        assert "hunter2" not in str(sanitise("har/v1", data).reasons)


JSON = st.recursive(
    st.none() | st.text() | st.integers(), lambda x: st.lists(x) | st.dictionaries(st.text(), x), max_leaves=30
)


def nesting(value: object) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inner is None else 1 + max((nesting(v) for v in inner), default=0)


def members(value: object) -> int:
    if isinstance(value, dict):
        return len(value) + sum(members(v) for v in value.values())
    return sum(members(v) for v in value) if isinstance(value, list) else 0


@given(JSON, st.booleans())
def test_depth_without_parsing_is_the_depth_of_the_value(value: object, plain: bool) -> None:
    assert _deepest(_skeleton(json.dumps(value, ensure_ascii=plain).encode())[0]) == nesting(value)


@given(JSON, st.booleans())
def test_members_without_parsing_are_the_members_of_the_value(value: object, plain: bool) -> None:
    assert _skeleton(json.dumps(value, ensure_ascii=plain).encode())[2] == members(value)


@given(st.text("[]{}").map(str.encode), st.integers(0, 12))
def test_depth_by_pairs_is_the_depth_by_counting(brackets: bytes, levels: int) -> None:
    balanced = brackets + b"".join({ord("["): b"]", ord("{"): b"}"}.get(b, b"") for b in reversed(brackets))
    for one in (brackets, balanced):
        assert _deeper(one, levels) == (_deepest(one) > levels)


@pytest.mark.parametrize("data", ['{"a": 1, "\\u0061": 2}', '{"x": [{"b": ":", "b": "\\":"}]}', '{"": 1, "": 2}'])
def test_sanitise_holds_a_key_that_stands_twice_however_it_is_written(data: str) -> None:
    assert [reason.code for reason in sanitise("har/v1", data.encode()).reasons] == ["duplicate-key"]
