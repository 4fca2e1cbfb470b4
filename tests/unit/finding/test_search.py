"""The one search: what each text finds, in which order and how much of it, and that nothing shows what is another's."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from handrail.access import queries as access
from handrail.access.actor import Actor
from handrail.access.capabilities import Role
from handrail.finding.search import SHOWN, TEXT_MAX, FoundKind, FoundThings, find
from handrail.kernel.errors import Invalid
from handrail.kernel.scope import entered
from tests.factories import packet_rows, references, rows
from tests.factories.references import References
from tests.factories.unguarded import unguarded

pytestmark = pytest.mark.django_db

# By the name of each text: what is found by it first, and what that opens.
FINDS = {
    "run": (FoundKind.RUN, FoundKind.RUN),
    "task": (FoundKind.RUN, FoundKind.RUN),
    "exception": (FoundKind.EXCEPTION, FoundKind.EXCEPTION),
    "packet": (FoundKind.PACKET, FoundKind.PACKET),
    "case": (FoundKind.PACKET, FoundKind.PACKET),
    "request of tenant": (FoundKind.SUPPORT, FoundKind.TENANT),
    "request of run": (FoundKind.SUPPORT, FoundKind.RUN),
    "ticket": (FoundKind.SUPPORT, FoundKind.RUN),
    "refused task": (FoundKind.REFUSED, FoundKind.REFUSED),
    "tenant key": (FoundKind.TENANT, FoundKind.TENANT),
    "tenant name": (FoundKind.TENANT, FoundKind.TENANT),
}


@pytest.fixture
def own() -> References:
    return references.everything(rows.workspace(), mark="A")


@pytest.fixture
def actor(own: References) -> Actor:
    return access.actor_for(rows.member(own.tenant.workspace, *Role))


def opened(found: FoundThings) -> list[tuple[FoundKind, str]]:
    return [(hit.opens, hit.opens_ref) for group in found.groups for hit in group.hits]


@pytest.mark.parametrize("name", FINDS)
def test_whole_text_finds_its_thing_first(own: References, actor: Actor, name: str) -> None:
    found = find(actor, f"  {own.texts()[name]} ")
    first = found.groups[0]
    assert (first.kind, first.hits[0].opens) == FINDS[name]
    assert first.hits[0].exact
    assert found.left_out == ()


@pytest.mark.parametrize("name", ["run", "exception", "packet", "request of run"])
def test_a_reference_is_found_however_it_is_typed(own: References, actor: Actor, name: str) -> None:
    assert opened(find(actor, own.texts()[name].lower())) == opened(find(actor, own.texts()[name]))


def test_support_request_opens_what_it_belongs_to_and_shows_nothing_of_itself(own: References, actor: Actor) -> None:
    for name, expected in (
        ("request of tenant", own.tenant.key),
        ("request of run", own.run.ref),
        ("ticket", own.run.ref),
    ):
        ((group,), text) = find(actor, own.texts()[name]).groups, own.texts()[name]
        assert [hit.opens_ref for hit in group.hits] == [expected], text
        assert "canary-summary" not in str(group)


@pytest.mark.parametrize("cut", [slice(0, -1), slice(1, None)])
@pytest.mark.parametrize("name", ["request of tenant", "request of run", "ticket", "exception"])
def test_part_of_a_reference_or_ticket_finds_nothing(own: References, actor: Actor, name: str, cut: slice) -> None:
    assert find(actor, own.texts()[name][cut]).groups == ()


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("CHG-A-47", {FoundKind.RUN}),
        ("HG-A-4711", set()),
        ("CASE-A-88", {FoundKind.PACKET}),
        ("CASE-A-8", {FoundKind.PACKET}),
        ("ASE-A-88", set()),
        ("nord a", {FoundKind.TENANT}),
        ("ZWEIG", {FoundKind.TENANT}),
    ],
)
def test_beginnings_of_task_keys_and_cases_and_parts_of_tenants_are_found(
    own: References, actor: Actor, text: str, kinds: set[FoundKind]
) -> None:
    assert {group.kind for group in find(actor, text).groups} == kinds


def test_exact_hit_comes_before_beginnings_and_its_kind_first(own: References, actor: Actor) -> None:
    for key in ("CHG-A-47110", "CHG-A-47111"):
        run = rows.made_run(own.tenant, own.definition)
        run.task_key = key
        run.save(force_insert=True)
    rows.tenant(own.tenant.workspace, name="CHG-A-4711 and Sons")
    (group, other) = find(actor, "CHG-A-4711").groups
    assert [hit.exact for hit in group.hits] == [True, False, False]
    assert (group.hits[0].ref, group.kind, other.kind) == (own.run.ref, FoundKind.RUN, FoundKind.TENANT)


def test_ten_of_a_kind_are_shown_and_that_there_are_more(own: References, actor: Actor) -> None:
    workspace, profile = own.tenant.workspace, own.profile
    for number in range(SHOWN + 2):
        tenant = rows.tenant(workspace, name=f"Many {number}")
        run = rows.made_run(tenant, own.definition)
        run.task_key = f"Many {number}"
        run.save(force_insert=True)
        packet_rows.packet(tenant, profile, subject=f"Many {number}")
        references.request(tenant, ticket="T-MANY")
    found = find(actor, "Many")
    assert {group.kind for group in found.groups} == {FoundKind.RUN, FoundKind.PACKET, FoundKind.TENANT}
    assert [(len(group.hits), group.more) for group in found.groups] == [(SHOWN, True)] * 3
    (tickets,) = find(actor, "T-MANY").groups
    assert (len(tickets.hits), tickets.more) == (SHOWN, True)


def test_ticket_of_many_requests_of_one_run_is_one_hit(own: References, actor: Actor) -> None:
    newest = [references.request(own.tenant, own.run, ticket="T-A-1200") for _ in range(3)][-1]
    (group,) = find(actor, "T-A-1200").groups
    assert [hit.ref for hit in group.hits] == [newest.ref]


def test_exception_packet_is_found_by_the_task_key_of_its_run(own: References, actor: Actor) -> None:
    found = find(actor, own.exception.run.task_key)
    assert [group.kind for group in found.groups] == [FoundKind.RUN, FoundKind.EXCEPTION]


@pytest.mark.parametrize("role", Role)
def test_each_role_finds_the_kinds_that_it_may_see(own: References, role: Role) -> None:
    who = access.actor_for(rows.member(own.tenant.workspace, role))
    for name, (kind, _) in FINDS.items():
        found = find(who, own.texts()[name])
        assert (kind in found.left_out) is (kind not in {group.kind for group in found.groups}), name


def test_refused_task_is_for_those_who_are_entitled_to_every_tenant(own: References) -> None:
    part = access.actor_for(rows.member(own.tenant.workspace, *Role, tenants=[own.tenant]))
    assert find(part, own.refused.task_key).groups == ()


@pytest.mark.parametrize("guards", [True, False], ids=["filters", "rows alone"])
def test_foreign_is_found_like_missing_with_the_same_statements(
    own: References, actor: Actor, guards: bool, counted: Callable[[str], None]
) -> None:
    """Another workspace's and another customer's, by every text: not a byte and not a statement differs."""
    theirs = references.everything(rows.workspace("Elsewhere"), mark="B")
    empty = rows.tenant(own.tenant.workspace, name="Another customer")
    part = access.actor_for(rows.member(own.tenant.workspace, *Role, tenants=[empty]))
    looked = 0
    for who, foreign in ((actor, theirs), (part, own)):
        for text in foreign.texts().values():
            answers = []
            missing = "".join("Q" if one.isalpha() else one for one in text)
            for one in (text, missing):
                with CaptureQueriesContext(connection) as asked, entered(who.scope):
                    if guards:
                        found = find(who, one)
                    else:
                        with unguarded():
                            found = find(who, one)
                answers.append((found.groups, found.left_out, len(asked)))
            assert answers[0] == answers[1], text
            assert answers[0][0] == (), text
            looked += 1
    counted(f"{looked} foreign texts are found like missing ones")


def test_statements_do_not_grow_with_what_there_is(own: References, actor: Actor) -> None:
    def count(text: str) -> int:
        with CaptureQueriesContext(connection) as asked:
            find(actor, text)
        return len(asked)

    before = count("CHG-A")
    for number in range(30):
        run = rows.made_run(own.tenant, own.definition)
        run.task_key = f"CHG-A-{number}"
        run.save(force_insert=True)
        packet_rows.packet(own.tenant, own.profile, subject="CHG-A")
    assert count("CHG-A") - before <= 1  # the revisions of packets, where there are any


@pytest.mark.parametrize(
    "text", ["%", "Nord_A", "\\", "%%%", "'; --", "\u202eRUN-", "\U0001f4a9" * 60, "a" * TEXT_MAX, "\u0301"]
)
def test_odd_text_is_only_text(own: References, actor: Actor, text: str) -> None:
    assert find(actor, text).groups == ()


@pytest.mark.parametrize("text", ["", "   ", "\n", "x" * (TEXT_MAX + 1)])
def test_text_that_is_empty_or_too_long_is_refused(actor: Actor, text: str) -> None:
    with pytest.raises(Invalid) as refused:
        find(actor, text)
    assert refused.value.code == "search-text"
