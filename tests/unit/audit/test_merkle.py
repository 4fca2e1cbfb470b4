"""RFC 6962 arithmetic: known vectors, every size to 64, tampering."""

from __future__ import annotations

import hashlib
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handrail.audit import merkle
from tests.lanes import examples

# The eight leaves and roots of the Certificate Transparency reference tests (google/certificate-transparency,
# merkletree/merkle_tree_test.cc), which RFC 6962 implementations share.
LEAVES = [
    bytes.fromhex(text)
    for text in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
PATHS = {  # (index, size): proof, from the same tests
    (0, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (5, 8): [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 3): ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"],
}
CONSISTENCY = {  # (first, second): proof, from the same tests
    (1, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (6, 8): [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 5): [
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}
MAX_SIZE = 64


def definition(leaves: list[bytes]) -> bytes:
    """MTH of RFC 6962, section 2.1, word for word."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return hashlib.sha256(b"\x01" + definition(leaves[:k]) + definition(leaves[k:])).digest()


class Log:
    """A log in memory: every node that appending completed, and the root after each leaf."""

    def __init__(self, leaves: list[bytes]) -> None:
        self.nodes: dict[tuple[int, int], bytes] = {}
        self.roots = [merkle.EMPTY_ROOT]
        self.fetched = 0
        frontier = merkle.Frontier()
        for data in leaves:
            frontier, born = frontier.append(merkle.leaf_hash(data))
            for node in born:
                assert (node.level, node.index) not in self.nodes
                self.nodes[node.level, node.index] = node.hash
            self.roots.append(frontier.root())

    def node_at(self, level: int, index: int) -> bytes:
        self.fetched += 1
        return self.nodes[level, index]


@pytest.fixture(scope="module")
def log() -> Log:
    return Log([f"event {n}".encode() for n in range(MAX_SIZE)])


def flipped(value: bytes) -> bytes:
    return bytes([value[0] ^ 1]) + value[1:]


def test_root_of_nothing_is_the_hash_of_nothing() -> None:
    assert merkle.Frontier().root().hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.mark.parametrize("size", range(1, 9))
def test_root_matches_the_reference_vector(size: int) -> None:
    assert merkle.root_of([merkle.leaf_hash(leaf) for leaf in LEAVES[:size]]).hex() == ROOTS[size - 1]


@pytest.mark.parametrize(("where", "path"), PATHS.items())
def test_inclusion_proof_matches_the_reference_vector(where: tuple[int, int], path: list[str]) -> None:
    assert [step.hex() for step in merkle.inclusion_proof(*where, Log(LEAVES).node_at)] == path


@pytest.mark.parametrize(("where", "path"), CONSISTENCY.items())
def test_consistency_proof_matches_the_reference_vector(where: tuple[int, int], path: list[str]) -> None:
    assert [step.hex() for step in merkle.consistency_proof(*where, Log(LEAVES).node_at)] == path


@settings(deadline=None)
@given(st.lists(st.binary(max_size=40), max_size=70))
def test_root_equals_the_definition(leaves: list[bytes]) -> None:
    assert merkle.root_of([merkle.leaf_hash(leaf) for leaf in leaves]) == definition(leaves)


def test_root_at_gives_every_earlier_root(log: Log) -> None:
    assert [merkle.root_at(size, log.node_at) for size in range(MAX_SIZE + 1)] == log.roots


def test_inclusion_holds_for_every_leaf_of_every_size(log: Log) -> None:
    for size in range(1, MAX_SIZE + 1):
        for index in range(size):
            proof = merkle.inclusion_proof(index, size, log.node_at)
            leaf = log.nodes[0, index]
            root = log.roots[size]
            assert merkle.verify_inclusion(leaf=leaf, index=index, size=size, proof=proof, root=root)


def test_consistency_holds_for_every_pair_of_sizes(log: Log) -> None:
    for second in range(MAX_SIZE + 1):
        for first in range(second + 1):
            proof = merkle.consistency_proof(first, second, log.node_at)
            assert merkle.verify_consistency(
                first=first, second=second, first_root=log.roots[first], second_root=log.roots[second], proof=proof
            )


@settings(max_examples=examples(100), deadline=None)
@given(data=st.data())
def test_inclusion_fails_when_anything_is_changed(log: Log, data: st.DataObject) -> None:
    size = data.draw(st.integers(2, MAX_SIZE))
    index = data.draw(st.integers(0, size - 1))
    proof = list(merkle.inclusion_proof(index, size, log.node_at))
    leaf, root = log.nodes[0, index], log.roots[size]
    step = data.draw(st.integers(0, len(proof) - 1))
    other = data.draw(st.integers(0, size - 1).filter(lambda n: n != index))

    def check(**change: object) -> bool:
        given_: dict[str, object] = {"leaf": leaf, "index": index, "size": size, "proof": proof, "root": root}
        return merkle.verify_inclusion(**{**given_, **change})  # type: ignore[arg-type]

    assert not check(leaf=flipped(leaf))
    assert not check(root=flipped(root))
    assert not check(index=other)
    assert not check(proof=[*proof[:step], flipped(proof[step]), *proof[step + 1 :]])
    assert not check(proof=proof[:-1])
    assert not check(proof=[*proof, root])
    assert not check(index=size)


@settings(max_examples=examples(100), deadline=None)
@given(data=st.data())
def test_consistency_fails_when_anything_is_changed(log: Log, data: st.DataObject) -> None:
    second = data.draw(st.integers(3, MAX_SIZE))
    first = data.draw(st.integers(1, second - 1))
    proof = list(merkle.consistency_proof(first, second, log.node_at))
    step = data.draw(st.integers(0, len(proof) - 1))
    old, new = log.roots[first], log.roots[second]

    def check(**change: object) -> bool:
        given_: dict[str, object] = {
            "first": first,
            "second": second,
            "first_root": old,
            "second_root": new,
            "proof": proof,
        }
        return merkle.verify_consistency(**{**given_, **change})  # type: ignore[arg-type]

    assert check()
    assert not check(first_root=flipped(old))
    assert not check(second_root=flipped(new))
    assert not check(proof=[*proof[:step], flipped(proof[step]), *proof[step + 1 :]])
    assert not check(proof=proof[:-1])
    assert not check(proof=[*proof, new])
    assert not check(first=second)


def test_consistency_fails_for_a_rewritten_history(log: Log) -> None:
    forged = Log([b"event 0", b"rewritten"] + [f"event {n}".encode() for n in range(2, MAX_SIZE)])
    proof = merkle.consistency_proof(20, 50, forged.node_at)
    assert not merkle.verify_consistency(
        first=20, second=50, first_root=log.roots[20], second_root=forged.roots[50], proof=proof
    )


def test_inner_node_does_not_pass_for_a_leaf(log: Log) -> None:
    children = log.nodes[0, 0] + log.nodes[0, 1]
    assert merkle.leaf_hash(children) != log.nodes[1, 0]


@pytest.mark.parametrize(("index", "size"), [(-1, 4), (4, 4), (0, 0)])
def test_inclusion_proof_refuses_a_leaf_outside(log: Log, index: int, size: int) -> None:
    with pytest.raises(ValueError, match="there is no leaf"):
        merkle.inclusion_proof(index, size, log.node_at)


@pytest.mark.parametrize(("first", "second"), [(-1, 4), (5, 4)])
def test_consistency_proof_refuses_a_shrinking_log(log: Log, first: int, second: int) -> None:
    with pytest.raises(ValueError, match="can't be the beginning"):
        merkle.consistency_proof(first, second, log.node_at)


@pytest.mark.parametrize(("size", "hashes"), [(3, (b"a" * 32,)), (1, (b"short",)), (-1, ())])
def test_frontier_refuses_hashes_that_do_not_fit(size: int, hashes: tuple[bytes, ...]) -> None:
    with pytest.raises(ValueError, match="hash"):
        merkle.Frontier(size, hashes)


def test_append_costs_a_bounded_number_of_hashes() -> None:
    frontier = merkle.Frontier()
    nodes = 0
    sizes = []
    for n in range(10_000):
        frontier, born = frontier.append(merkle.leaf_hash(str(n).encode()))
        nodes += len(born)
        sizes.append(len(frontier.hashes))
    assert nodes < 2 * 10_000
    assert max(sizes) <= 14
    assert all(after <= before + 1 for before, after in pairwise(sizes))


def test_proof_reads_few_nodes() -> None:
    log = Log([str(n).encode() for n in range(5_000)])
    merkle.inclusion_proof(1234, 4_999, log.node_at)
    assert log.fetched <= 13 * 13
