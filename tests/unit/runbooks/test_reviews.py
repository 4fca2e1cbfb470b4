"""Completed runs are drawn by chance for a second look, by another person, and what was found is kept."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import connection, transaction
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext

from handrail.access.actor import Actor
from handrail.access.capabilities import Capability, Role, bundled
from handrail.audit.models import AuditEvent
from handrail.kernel.canonical import digest_bytes
from handrail.kernel.errors import Conflict, Denied, HandrailError, Invalid, NotFound
from handrail.kernel.ids import Prefix, new_ref
from handrail.runbooks import metrics, sampling
from handrail.runbooks.actions import corrections, reviews
from handrail.runbooks.evaluation import evaluate
from handrail.runbooks.models import OperationRun, RunReview, SampledRun, WrongCompletion
from handrail.runbooks.queries.reviews import count_waiting, list_reviews
from handrail.runbooks.queries.runs import get_run
from tests.factories.log import superuser
from tests.factories.people import as_person
from tests.factories.runs import Runs
from tests.factories.switches import FORBIDDEN, SwitchBoard

pytestmark = pytest.mark.django_db
ALL = sampling.Sampling(b"key", 1.0)
REFS = [new_ref(Prefix.RUN) for _ in range(20_000)]


@pytest.fixture
def senior(estate: Runs) -> Actor:
    return as_person(estate.worker, "senior@example.com", capabilities=bundled([Role.SENIOR_SUPPORT]))


@pytest.fixture
def drawn(estate: Runs, board: SwitchBoard) -> OperationRun:
    with sampling.use(ALL):
        return estate.advance(estate.start())


def share_of(key: bytes, share: float, **runbooks: float) -> float:
    with sampling.use(sampling.Sampling(key, share, runbooks)):
        return sum(sampling.drawn(ref, "flip") is not None for ref in REFS) / len(REFS)


@pytest.mark.parametrize(("share", "expected"), [(0.0, 0.0), (0.02, 0.02), (0.5, 0.5), (1.0, 1.0)])
def test_as_large_a_share_is_drawn_as_is_configured(share: float, expected: float) -> None:
    assert share_of(b"key", share) == pytest.approx(expected, abs=0.02 if 0 < share < 1 else 0)


def test_another_key_draws_others_and_the_same_key_the_same() -> None:
    def by(key: bytes) -> set[str]:
        with sampling.use(sampling.Sampling(key, 0.5)):
            return {ref for ref in REFS if sampling.drawn(ref, "flip") is not None}

    assert by(b"one") == by(b"one")
    assert len(by(b"one") & by(b"two")) == pytest.approx(len(REFS) / 4, rel=0.1)


def test_runbook_has_a_share_of_its_own() -> None:
    assert (share_of(b"key", 0.0, flip=1.0), share_of(b"key", 1.0, flip=0.0)) == (1.0, 0.0)


def test_drawing_takes_no_statement_of_an_ordinary_run(estate: Runs, board: SwitchBoard) -> None:
    board.add("s2", owner=estate.tenant.key)
    counts = []
    for key, switch, share in (("A", "s1", 0.0), ("B", "s2", 1.0)):
        run = estate.start(key, switch)
        with sampling.use(sampling.Sampling(b"key", share)), CaptureQueriesContext(connection) as asked:
            estate.advance(run)
        counts.append(len(asked))
    assert counts[0] == counts[1]
    assert SampledRun.objects.get().run.task_key == "B"


def test_stopped_and_cancelled_runs_are_not_drawn(estate: Runs, board: SwitchBoard) -> None:
    board.script = [FORBIDDEN]
    with sampling.use(ALL):
        assert estate.advance(estate.start()).state == "exception"
    assert not SampledRun.objects.exists()


@pytest.mark.parametrize("verdict", ["right", "wrong"])
def test_review_is_kept_shown_counted_and_audited(drawn: OperationRun, senior: Actor, verdict: str) -> None:
    assert [one.run for one in list_reviews(senior)] == [drawn.ref]
    assert count_waiting(senior) == 1
    reviews.review(ref=drawn.ref, verdict=verdict, reason="Looked at the board.", by=senior)
    found = get_run(senior, drawn.ref).review
    assert found is not None
    assert (found.verdict, found.by, found.reason) == (verdict, "senior@example.com", "Looked at the board.")
    assert (list_reviews(senior), count_waiting(senior)) == ([], 0)
    assert [one.run for one in list_reviews(senior, done=True)] == [drawn.ref]
    event = AuditEvent.objects.get(event="run.reviewed")
    assert event.context == {"verdict": verdict, "reason": digest_bytes(b"Looked at the board.")}
    figures = evaluate(senior).total
    assert (figures.review.drawn, figures.review.reviewed, figures.review.wrong) == (1, 1, int(verdict == "wrong"))
    assert figures.found_wrong == int(verdict == "wrong")
    assert AuditEvent.objects.filter(event="run.found_wrong").count() == int(verdict == "wrong")


def waiting() -> int:
    return next(int(one.values[""]) for one in metrics.read() if one.name == "handrail_reviews_waiting")


def test_metric_counts_those_that_wait(drawn: OperationRun, senior: Actor) -> None:
    assert waiting() == 1
    reviews.review(ref=drawn.ref, verdict="right", reason="Seen.", by=senior)
    assert waiting() == 0


def test_nobody_reviews_a_run_that_they_started(estate: Runs, drawn: OperationRun, senior: Actor) -> None:
    with superuser("runbooks_operationrun"):
        OperationRun.objects.filter(pk=drawn.pk).update(requested_by=senior.name)
    with pytest.raises(Conflict) as refused:
        reviews.review(ref=drawn.ref, verdict="right", reason="Mine.", by=senior)
    assert refused.value.code == "own-run"
    assert count_waiting(senior) == 0
    assert [one.why_not_review.code for one in list_reviews(senior) if one.why_not_review] == ["own-run"]


def test_run_is_reviewed_once(drawn: OperationRun, senior: Actor) -> None:
    reviews.review(ref=drawn.ref, verdict="right", reason="Seen.", by=senior)
    with pytest.raises(Conflict) as refused:
        reviews.review(ref=drawn.ref, verdict="wrong", reason="No.", by=senior)
    assert refused.value.code == "run-reviewed"
    assert not WrongCompletion.objects.exists()


def test_run_that_was_not_drawn_is_not_reviewed(estate: Runs, board: SwitchBoard, senior: Actor) -> None:
    run = estate.advance(estate.start())
    with pytest.raises(Conflict) as refused:
        reviews.review(ref=run.ref, verdict="right", reason="Seen.", by=senior)
    assert refused.value.code == "run-not-drawn"


def test_run_that_was_marked_before_is_called_wrong_without_a_second_mark(drawn: OperationRun, senior: Actor) -> None:
    corrections.mark_wrong(ref=drawn.ref, reason="Another one.", by=senior)
    with pytest.raises(Conflict) as refused:
        reviews.review(ref=drawn.ref, verdict="right", reason="Seen.", by=senior)
    assert refused.value.code == "found-wrong"
    reviews.review(ref=drawn.ref, verdict="wrong", reason="Seen.", by=senior)
    assert (WrongCompletion.objects.get().reason, RunReview.objects.get().verdict) == ("Another one.", "wrong")


REFUSED: dict[str, tuple[dict[str, str], type[HandrailError]]] = {
    "no verdict": ({"verdict": ""}, Invalid),
    "another verdict": ({"verdict": "maybe"}, Invalid),
    "no reason": ({"reason": " \u200b"}, Invalid),
    "too long": ({"reason": "x" * 501}, Invalid),
    "no such run": ({"ref": "RUN-0000000000"}, NotFound),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_can_not_be_recorded_leaves_nothing(drawn: OperationRun, senior: Actor, case: str) -> None:
    change, expected = REFUSED[case]
    with pytest.raises(expected):
        reviews.review(**{"ref": drawn.ref, "verdict": "right", "reason": "Seen.", **change}, by=senior)
    assert not RunReview.objects.exists()


WHO: dict[str, tuple[Callable[[Actor], Actor], type[HandrailError]]] = {
    "operator": (lambda by: as_person(by, capabilities=bundled([Role.OPERATOR])), Denied),
    "process": (lambda by: by, Denied),
    "other tenant": (lambda by: as_person(by, tenant_ids=frozenset({0})), NotFound),
}


@pytest.mark.parametrize("case", WHO)
def test_others_are_refused(estate: Runs, drawn: OperationRun, case: str) -> None:
    who, expected = WHO[case]
    with pytest.raises(expected):
        reviews.review(ref=drawn.ref, verdict="right", reason="Seen.", by=who(estate.worker))


def test_list_shows_only_the_scope_and_pages_over_one_moment(estate: Runs, board: SwitchBoard, senior: Actor) -> None:
    runs = []
    with sampling.use(ALL):
        for n in range(5):
            board.add(f"m{n}", owner=estate.tenant.key)
            runs.append(estate.advance(estate.start(f"M-{n}", f"m{n}")))
    with superuser("runbooks_sampledrun"):
        SampledRun.objects.update(at=Now())
    seen: list[str] = []
    while page := list_reviews(senior, after=seen[-1] if seen else "", limit=2):
        seen += [one.run for one in page]
    assert seen == [run.ref for run in runs]
    other = as_person(senior, tenant_ids=frozenset({0}))
    assert (list_reviews(other), count_waiting(other)) == ([], 0)
    for ref in (runs[0].ref, "RUN-0000000000"):
        with pytest.raises(Invalid):
            list_reviews(other, after=ref)


@pytest.mark.parametrize("table", ["runbooks_sampledrun", "runbooks_runreview"])
@pytest.mark.parametrize("statement", ["DELETE FROM {}", "UPDATE {} SET at = now()"])
def test_what_was_drawn_and_found_is_never_changed(
    drawn: OperationRun, senior: Actor, table: str, statement: str
) -> None:
    reviews.review(ref=drawn.ref, verdict="right", reason="Seen.", by=senior)
    with pytest.raises(Exception, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement.format(table))


def test_roles_that_review_are_those_that_resolve_and_govern() -> None:
    able = {role for role in Role if Capability.RUN_REVIEW in bundled([role])}
    assert able == {Role.SENIOR_SUPPORT, Role.GOVERNANCE_OWNER}
