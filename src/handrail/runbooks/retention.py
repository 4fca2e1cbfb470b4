"""Which runs hold values that their runbook keeps no longer."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import structlog
from django.db.models import Exists, F, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Concat

from handrail.access.fields import MARK
from handrail.access.outlines import ERASED
from handrail.definitions.active import compiled_runbook
from handrail.definitions.models import Definition
from handrail.kernel.errors import HandrailError
from handrail.runbooks.models import OperationRun, Report, TaskUpdate
from handrail.runbooks.states import Handling

log = structlog.get_logger("handrail.runbooks")


def due(at: datetime, *, limit: int) -> Iterator[int]:
    """Runs in the current scope whose values are to be forgotten, of each version those that ended first before all
    others. By the version that a run followed: a later one says nothing about earlier runs."""
    used = Definition.objects.filter(Exists(OperationRun.objects.filter(definition=OuterRef("pk")))).order_by("pk")
    for definition in used:
        if (seconds := _keep_seconds(definition)) is not None:
            yield from _over(definition.pk, at - timedelta(seconds=seconds)).order_by("finished_at", "pk")[:limit]


def is_due(run: OperationRun, at: datetime) -> bool:
    """The same of one run, asked again under its lock."""
    seconds = _keep_seconds(run.definition)
    return seconds is not None and _over(run.definition_id, at - timedelta(seconds=seconds)).filter(pk=run.pk).exists()


def _keep_seconds(definition: Definition) -> float | None:
    """A version that can't be read keeps everything, and keeps no other from being forgotten."""
    try:
        return compiled_runbook(definition).keep_seconds
    except HandrailError as error:
        log.warning("a runbook that can't be read forgets nothing", definition=definition.pk, error=error.code)
        return None


def _over(definition_id: int, before: datetime) -> QuerySet[OperationRun, int]:
    """Ended, resolved where it stopped, and reported. Its subject in clear says that nobody has recorded it yet. Others
    of its subject count its turn and may be fenced by it, so while one of them is under way it is kept. What was
    written before values were encrypted can't be forgotten."""
    rows = OperationRun.objects.filter(definition=definition_id, finished_at__lte=before, task__has_key=MARK)
    rows = rows.exclude(subject=Concat(Value(f"{ERASED} "), F("ref")))
    rows = rows.filter(
        Q(exception_packet=None)
        | Q(exception_packet__handling=Handling.RESOLVED, exception_packet__resolved_at__lte=before)
    )
    same = OperationRun.objects.filter(tenant=OuterRef("tenant"), subject=OuterRef("subject"), finished_at=None)
    unsent = [kind.objects.filter(run=OuterRef("pk"), due_at__isnull=False) for kind in (Report, TaskUpdate)]
    for still in (same, *unsent):
        rows = rows.filter(~Exists(still))
    return rows.values_list("pk", flat=True)
