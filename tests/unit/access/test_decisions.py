"""Decisions need a person, whatever door they come through: the rule is the actor's, not a face's."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest

from handrail.access import decisions, queries
from handrail.access.actor import Actor, ActorKind
from handrail.access.capabilities import Capability
from handrail.access.decisions import AUTHORED, BY_NAME, DECISIONS, Proof
from handrail.kernel.errors import Denied
from tests.factories.people import as_person

WORKER = queries.worker("w", 1)
COMMAND = dataclasses.replace(WORKER, kind=ActorKind.COMMAND, name=queries.COMMAND_LINE)
PERSON = as_person(WORKER)
OTHERS = sorted(set(Capability) - DECISIONS - AUTHORED)


@pytest.fixture(params=[False, True], ids=["act_as=false", "act_as=true"])
def by_name(request: pytest.FixtureRequest) -> Iterator[bool]:
    allowed = bool(request.param)
    with decisions._names_decide.use(lambda: allowed):
        yield allowed


def named(actor: Actor) -> Actor:
    return dataclasses.replace(actor, proof=Proof.NAME)


@pytest.mark.requirement("R2-23")
@pytest.mark.parametrize("capability", sorted(DECISIONS))
@pytest.mark.parametrize("process", [WORKER, COMMAND], ids=["worker", "command"])
def test_a_process_decides_nothing_whatever_names_may(process: Actor, capability: Capability, by_name: bool) -> None:
    with pytest.raises(Denied) as caught:
        process.require(capability)
    assert (caught.value.code, caught.value.capability) == ("not-a-person", capability)


@pytest.mark.parametrize("capability", sorted(DECISIONS))
@pytest.mark.parametrize("proof", [Proof.SESSION, Proof.TOKEN])
def test_a_person_who_has_shown_it_decides(capability: Capability, proof: Proof, by_name: bool) -> None:
    dataclasses.replace(PERSON, proof=proof).require(capability)


@pytest.mark.parametrize("capability", sorted(DECISIONS | AUTHORED))
def test_a_name_decides_only_where_the_installation_says_so(capability: Capability, by_name: bool) -> None:
    if by_name:
        named(PERSON).require(capability)
        return
    with pytest.raises(Denied) as caught:
        named(PERSON).require(capability)
    assert caught.value.capability == BY_NAME


@pytest.mark.parametrize("capability", sorted(DECISIONS))
def test_a_person_without_a_word_decides_nothing(capability: Capability, by_name: bool) -> None:
    with pytest.raises(Denied, match="Only a person"):
        dataclasses.replace(PERSON, proof=Proof.NONE).require(capability)


@pytest.mark.parametrize("capability", sorted(AUTHORED))
def test_nobody_is_both_author_and_approver_by_being_nameless_at_the_shell(
    capability: Capability, by_name: bool
) -> None:
    if by_name:
        COMMAND.require(capability)
        return
    with pytest.raises(Denied, match="Only a person"):
        COMMAND.require(capability)


@pytest.mark.parametrize("capability", OTHERS)
def test_what_is_no_decision_a_process_does_too(capability: Capability, by_name: bool) -> None:
    for process in (WORKER, COMMAND):
        process.require(capability)


def test_an_installation_that_said_nothing_takes_no_name_for_a_word() -> None:
    with decisions._names_decide.use(None), pytest.raises(Denied):
        named(PERSON).require(Capability.PACKET_APPROVE)
