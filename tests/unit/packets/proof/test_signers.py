"""Quorum: one person, one vote, one place."""

from __future__ import annotations

from itertools import combinations, permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handrail.packets.proof.reading import BrokenRule
from handrail.packets.proof.signers import Excluded, Quota, Signer, SignerSet, shortfall

ADA = Signer("ada", "Ada", ("owner", "privacy"))
BEN = Signer("ben", "Ben", ("privacy",))
CY = Signer("cy", "Cy", ("owner",))
BOTH = (Quota("owner", 1), Quota("privacy", 1))
SIGNERS = SignerSet(2, BOTH, (ADA, BEN, CY))


@pytest.mark.parametrize("approved", [("ada", "ben"), ("ada", "cy"), ("ben", "cy"), ("ada", "ben", "cy")])
def test_shortfall_is_empty_when_both_roles_are_filled(approved: tuple[str, ...]) -> None:
    assert shortfall(SIGNERS, approved) == ()


def test_shortfall_gives_one_person_one_place() -> None:
    assert shortfall(SIGNERS, ["ada", "ada"]) == ("1 of 2 approvals", "0 of 1 from privacy")


def test_shortfall_counts_nobody_from_outside() -> None:
    assert shortfall(SIGNERS, ["ben", "eve"]) == ("1 of 2 approvals", "0 of 1 from owner")


def test_shortfall_asks_for_the_threshold_beyond_the_quotas() -> None:
    assert shortfall(SignerSet(3, BOTH, (ADA, BEN, CY)), ["ada", "ben"]) == ("2 of 3 approvals",)


def test_shortfall_names_the_role_that_lacks() -> None:
    dan = Signer("dan", "Dan", ("privacy",))
    signers = SignerSet(2, BOTH, (ADA, BEN, dan))
    assert shortfall(signers, ["ben", "dan"]) == ("0 of 1 from owner",)


@settings(deadline=None)
@given(
    roles=st.lists(st.sets(st.sampled_from("abc"), min_size=1), min_size=1, max_size=5),
    least=st.fixed_dictionaries({role: st.integers(0, 2) for role in "abc"}),
)
def test_shortfall_agrees_with_trying_every_seating(roles: list[set[str]], least: dict[str, int]) -> None:
    people = tuple(Signer(f"p{n}", f"P{n}", tuple(sorted(held))) for n, held in enumerate(roles))
    everybody = tuple(Signer(f"q{n}", f"Q{n}", ("a", "b", "c")) for n in range(6))
    quotas = tuple(Quota(role, count) for role, count in least.items() if count)
    signers = SignerSet(1, quotas, people + everybody)
    places = [role for role, count in least.items() for _ in range(count)]
    possible = any(
        all(place in person.roles for place, person in zip(places, seated, strict=True))
        for chosen in combinations(people, len(places))
        for seated in permutations(chosen)
    )
    assert (shortfall(signers, [person.id for person in people]) == ()) is possible


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda: SignerSet(2, BOTH, (ADA, ADA)), "named twice"),
        (lambda: SignerSet(1, (Quota("owner", 1), Quota("owner", 1)), (ADA, CY)), "two quotas"),
        (lambda: SignerSet(2, BOTH, (ADA, BEN), (Excluded("ben", "assembler"),)), "both eligible and excluded"),
        (lambda: SignerSet(3, BOTH, (ADA, BEN)), "2 of 3 approvals"),
        (lambda: SignerSet(1, BOTH, (ADA,)), "0 of 1 from privacy"),
        (lambda: SignerSet(0, (), (ADA,)), "greater than or equal to 1"),
    ],
)
def test_signer_set_refuses_what_could_never_suffice(make: object, why: str) -> None:
    assert callable(make)
    with pytest.raises(BrokenRule, match=why):
        make()
