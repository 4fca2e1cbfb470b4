"""Who may approve a revision, and whether those who did suffice."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Annotated

from handrail.kernel.assertions import ApprovalProof
from handrail.packets.proof.reading import strict
from handrail.packets.proof.rules import Integer, Length, String
from handrail.packets.proof.terms import Slug, Text

MAX_PEOPLE = 200
MAX_QUOTA = 20
MAX_ORIGINS = 10


@strict
class Quota:
    """At least this many approvals must come from holders of this role."""

    role: Slug
    least: Annotated[int, Integer(1, MAX_QUOTA)]


@strict
class Signer:
    """One person who may approve, with the roles that let them."""

    id: Text
    name: Text
    roles: Annotated[tuple[Slug, ...], Length(1, MAX_QUOTA)]


@strict
class Excluded:
    """One person who may not, whatever their roles: who assembled the revision, or edited its holds."""

    id: Text
    why: Slug


@strict
class RoleProof:
    """How the holders of ``role`` show that an approval is theirs."""

    role: Slug
    proof: ApprovalProof


@strict
class SignerProofs:
    """What approvals must prove, by role, and the site at which passkeys sign: relying party and origins.

    ``practice``: the installation is for practice, and takes a click instead; the receiver reads so.
    Raises BrokenRule where a role stands twice, or passkeys are asked for and no site is named.
    """

    roles: Annotated[tuple[RoleProof, ...], Length(1, MAX_QUOTA)]
    practice: bool
    rp_id: Annotated[str, String(most=253)]
    origins: Annotated[tuple[Text, ...], Length(0, MAX_ORIGINS)]

    def holds_together(self) -> None:
        names = [one.role for one in self.roles]
        if names != sorted(set(names)):  # PF-45
            raise ValueError("the roles whose approvals need a proof are not each named once, in order")
        wanted = any(one.proof is ApprovalProof.PASSKEY for one in self.roles)
        if wanted and not self.practice and not (self.rp_id and self.origins):  # PF-45
            raise ValueError("its profile asks for passkeys, and the installation has no address that they work at")


@strict
class SignerSet:
    """``threshold`` different people, of which each quota's share by role; one person fills one place.

    Raises BrokenRule when ids repeat, somebody is both eligible and excluded, or the eligible people
    could never fill it.
    """

    threshold: Annotated[int, Integer(1, MAX_QUOTA)]
    quotas: Annotated[tuple[Quota, ...], Length(0, MAX_QUOTA)]
    eligible: Annotated[tuple[Signer, ...], Length(1, MAX_PEOPLE)]
    excluded: Annotated[tuple[Excluded, ...], Length(0, MAX_PEOPLE)] = ()
    proofs: SignerProofs | None = None

    def holds_together(self) -> None:
        ids = [person.id for person in self.eligible]
        if len(set(ids)) != len(ids):  # PF-30
            raise ValueError("an eligible signer is named twice")
        if len({quota.role for quota in self.quotas}) != len(self.quotas):  # PF-30
            raise ValueError("a role has two quotas")
        both = set(ids) & {person.id for person in self.excluded}
        if both:  # PF-30
            raise ValueError("a signer is both eligible and excluded")
        missing = shortfall(self, ids)
        if missing:  # PF-30
            raise ValueError(f"the eligible signers can't suffice: {'; '.join(missing)}")

    def find(self, signer_id: str) -> Signer | None:
        return next((person for person in self.eligible if person.id == signer_id), None)

    def required(self, signer_id: str) -> ApprovalProof:
        """What this person's approval must prove: the strongest that one of their roles asks for."""
        person = self.find(signer_id)
        held = set(person.roles) if person else set()
        wanted = [one.proof for one in self.proofs.roles if one.role in held] if self.proofs else []
        return max(wanted, key=list(ApprovalProof).index, default=ApprovalProof.CLICK)

    def why_excluded(self, signer_id: str) -> str | None:
        return next((person.why for person in self.excluded if person.id == signer_id), None)


def shortfall(signers: SignerSet, approved: Collection[str]) -> tuple[str, ...]:
    """What is still missing, in words; empty when these people suffice. Ids that aren't eligible count for nothing.

    Who holds two roles fills one place only, so places are matched to people (augmenting paths), not counted by role.
    """
    people = {person.id: person for person in signers.eligible if person.id in set(approved)}
    missing = []
    if len(people) < signers.threshold:
        missing.append(f"{len(people)} of {signers.threshold} approvals")
    places = [quota.role for quota in signers.quotas for _ in range(quota.least)]
    filled = _match(places, people)
    for quota in signers.quotas:
        got = sum(1 for place, role in enumerate(places) if role == quota.role and place in filled)
        if got < quota.least:
            missing.append(f"{got} of {quota.least} from {quota.role}")
    return tuple(missing)


def _match(places: list[str], people: Mapping[str, Signer]) -> dict[int, str]:
    """A largest assignment of people to places, one each, by index of the place."""
    place_of: dict[str, int] = {}

    def seat(place: int, asked: set[str]) -> bool:
        for person in people.values():
            if person.id in asked or places[place] not in person.roles:
                continue
            asked.add(person.id)
            if person.id not in place_of or seat(place_of[person.id], asked):
                place_of[person.id] = place
                return True
        return False

    for place in range(len(places)):
        seat(place, set())
    return {place: person for person, place in place_of.items()}
