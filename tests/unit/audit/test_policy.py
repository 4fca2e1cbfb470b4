"""tlog-policy: the specification's example, what each rule refuses, and any octets at all."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from handrail.audit import cosignature, policy
from handrail.audit.checkpoint import VerifierKey
from handrail.audit.cosignature import CosignatureType, CosignerKey
from handrail.audit.policy import TrustPolicy
from handrail.kernel.errors import Invalid


def private(number: int) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32)


KEYS = [cosignature.public_of(f"w{number}.example", private(number)) for number in range(1, 7)]
LOG = VerifierKey("example.com/log", private(99).public_key()).to_text()
X1, X2, X3, Y1, Y2, Y3 = KEYS
EXAMPLE = f"""\
# The example of tlog-policy, with keys.
log {LOG} https://log.example/

witness X1 {X1.to_text()}
witness X2\t{X2.to_text()} https://x2.example/
witness X3 {X3.to_text()}
  group X-witnesses 2 X1 X2 X3

witness Y1 {Y1.to_text()}
witness Y2 {Y2.to_text()}
witness Y3 {Y3.to_text()}
group Y-witnesses any Y1 Y2 Y3

group X-and-Y all X-witnesses Y-witnesses
quorum X-and-Y
"""


def read(text: str) -> TrustPolicy:
    return policy.parse(text.encode())


@pytest.mark.parametrize(
    ("cosigned", "enough"),
    [
        ([X1, X2, Y3], True),
        ([X1, X2, X3, Y1, Y2, Y3], True),
        ([X1, Y1, Y2, Y3], False),
        ([X1, X2, X3], False),
        ([], False),
    ],
)
def test_example_counts_by_group(cosigned: list[CosignerKey], enough: bool) -> None:
    assert read(EXAMPLE).is_reached(cosigned) is enough


def test_key_counts_and_not_its_name() -> None:
    other = cosignature.public_of("w1.example", private(50))
    found = read(f"witness A {X1.to_text()}\nquorum A\n")
    assert found.is_reached([X1])
    assert not found.is_reached([other])


def test_quorum_none_asks_for_nobody() -> None:
    assert read("quorum none\n").is_reached([])


def test_all_of_no_keys_asks_for_nobody() -> None:
    assert policy.all_of([]).quorum is None
    assert not policy.all_of([X1, X2]).is_reached([X1])


A, B = f"witness A {X1.to_text()}\n", f"witness B {X2.to_text()}\n"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "newline"),
        ("quorum none", "newline"),
        ("\n", "exactly one quorum"),
        ("quorum none\nquorum none\n", "exactly one quorum"),
        (f"{A}quorum A\nquorum none\n", "exactly one quorum"),
        ("quorum A\n" + A, "line before"),
        (f"quorum none\r\n{A}", "control"),
        ("quorum none\x00\n", "control"),
        ("Quorum none\n", "begins with"),
        ("quorum none # none\n", "1 to 1 words"),
        ("quorum\n", "1 to 1 words"),
        (f"witness none {X1.to_text()}\nquorum none\n", "defined once"),
        (f"{A}witness A {X2.to_text()}\nquorum A\n", "defined once"),
        (f"{A}witness B {X1.to_text()}\nquorum A\n", "one line only"),
        (f"{A}group A any A\nquorum A\n", "defined once"),
        (f"{A}group G any A A\nquorum G\n", "member once"),
        (f"{A}{B}group G any A\ngroup H any A B\nquorum H\n", "member once"),
        (f"{A}group G any none\nquorum G\n", "line before"),
        (f"{A}group G any G\nquorum G\n", "line before"),
        (f"{A}group G 0 A\nquorum G\n", "threshold"),
        (f"{A}group G 2 A\nquorum G\n", "threshold"),
        (f"{A}group G 01 A\nquorum G\n", "threshold"),
        (f"{A}group G +1 A\nquorum G\n", "threshold"),
        (f"{A}group G some A\nquorum G\n", "threshold"),
        (f"{A}group G all\nquorum G\n", "3 to"),
        (f"log {LOG}\nlog {LOG}\nquorum none\n", "one line only"),
        (f"witness A {LOG}\nquorum A\n", "verifier key"),
        ("witness A x+00000000+AAAA\nquorum A\n", "verifier key"),
        ("log x\nquorum none\n", "verifier key"),
    ],
)
def test_what_breaks_a_rule_is_refused(text: str, why: str) -> None:
    with pytest.raises(Invalid, match=why):
        read(text)


def test_same_key_under_two_types_is_a_duplicate() -> None:
    twice = CosignerKey("other.example", CosignatureType.ED25519, X1.public)
    with pytest.raises(Invalid, match="one line only"):
        read(f"{A}witness B {twice.to_text()}\nquorum A\n")


def test_names_are_octets() -> None:
    kelvin, letter = b"\xe2\x84\xaa", b"K"
    given_ = b"witness " + kelvin + b" " + X1.to_text().encode() + b"\nwitness " + letter + b" "
    given_ += X2.to_text().encode() + b"\nquorum " + kelvin + b"\n# \xff\xfe\n"
    assert policy.parse(given_).is_reached([X1])
    assert not policy.parse(given_).is_reached([X2])


def test_two_hundred_witnesses_are_read() -> None:
    keys = [CosignerKey(f"w{n}", CosignatureType.ED25519, n.to_bytes(32, "big")) for n in range(200)]
    lines = [f"witness w{n} {key.to_text()}" for n, key in enumerate(keys)]
    text = "\n".join(
        [*lines, "group all-of-them 101 " + " ".join(f"w{n}" for n in range(200)), "quorum all-of-them", ""]
    )
    assert read(text).is_reached(keys[:101])
    assert not read(text).is_reached(keys[:100])


WORDS = st.sampled_from(
    ["log", "witness", "group", "quorum", "none", "A", "B", "any", "all", "1", X1.to_text(), "#", LOG]
)


@given(st.lists(st.lists(WORDS, max_size=5), max_size=6) | st.binary(max_size=200))
def test_any_octets_are_read_or_refused(given_: list[list[str]] | bytes) -> None:
    octets = given_ if isinstance(given_, bytes) else "".join(" ".join(w) + "\n" for w in given_).encode()
    try:
        found = policy.parse(octets)
    except Invalid:
        return
    assert found.is_reached(list(found.witnesses.values()))
