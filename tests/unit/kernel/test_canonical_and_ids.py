"""Digests that are the same everywhere, and references that survive a phone line."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from handrail.kernel.canonical import canonical_bytes, digest
from handrail.kernel.ids import ALPHABET, LENGTH, Prefix, new_ref


@given(value=st.dictionaries(st.text(max_size=5), st.integers(-1000, 1000) | st.text(max_size=5), max_size=6))
def test_digest_does_not_depend_on_the_order_of_keys(value: dict[str, object]) -> None:
    assert digest(value) == digest(dict(reversed(value.items())))


def test_canonical_bytes_are_those_of_rfc_8785() -> None:
    assert canonical_bytes({"b": 1.0, "a": "é\n"}) == '{"a":"é\\n","b":1}'.encode()


def test_new_ref_has_its_prefix_and_no_ambiguous_letters() -> None:
    prefix, _, rest = new_ref(Prefix.SUPPORT_REQUEST).partition("-")
    assert (prefix, len(rest)) == ("SR", LENGTH)
    assert set(rest) <= set(ALPHABET)
    assert not set("ILOU") & set(ALPHABET)


def test_new_refs_differ() -> None:
    assert len({new_ref(Prefix.RUN) for _ in range(1000)}) == 1000
