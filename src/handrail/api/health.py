"""For machines that watch: alive, ready, and the figures of the installation."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterator

from django.conf import settings
from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from handrail import __version__
from handrail.access import subjects
from handrail.access.subjects import SubjectKeysUnavailable
from handrail.api import problems, sign_ons
from handrail.audit import metrics as audit
from handrail.notifications import metrics as notifications
from handrail.packets import metrics as packets
from handrail.runbooks import metrics as runbooks
from handrail.support import metrics as support
from handrail.worker import metrics as worker

_NO_STORE = {"Cache-Control": "no-store"}


class Probes:
    """Answers machines that watch before anything looks at host or scheme: they ask a process by its own address."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        view = PROBES.get(request.path_info)
        return view(request) if view is not None else self.get_response(request)


@require_safe
def alive(request: HttpRequest) -> HttpResponse:  # noqa: ARG001 - the signature of a view
    """200 while the process answers. Asks nothing else, so that a lost database does not get it killed."""
    return JsonResponse({"status": "alive"}, headers=_NO_STORE)


@require_safe
def ready(request: HttpRequest) -> HttpResponse:  # noqa: ARG001 - the signature of a view
    """200 when the database answers, has all migrations, and lets workers connect, and the store of subject keys
    answers; else 503."""
    try:
        executor = MigrationExecutor(connection)
        pending = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except Error:
        return problems.database_away()
    if pending:
        return problems.problem(503, "migrations-pending", "The database is missing migrations. Run: handrail migrate")
    try:
        starved = worker.starved()
    except Error:
        return problems.database_away()
    if starved:
        message = "A worker can't get a database connection for any run. Raise max_connections, or lower the threads."
        return problems.problem(503, "workers-unconnected", message)
    try:
        subjects.reach()
    except SubjectKeysUnavailable as error:
        return problems.problem(503, error.code, error.message)
    return JsonResponse({"status": "ready"}, headers=_NO_STORE)


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Figures in Prometheus's text format, for callers that send [web] metrics_secret as bearer; 404 to all others."""
    secret = settings.HANDRAIL_METRICS_SECRET
    given = request.headers.get("authorization", "")
    if secret is None or not hmac.compare_digest(given.encode(), f"Bearer {secret.reveal()}".encode()):
        return problems.nothing_here(request)
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Installation())
    try:
        text = generate_latest(registry)
    except Error:
        return problems.database_away()
    return HttpResponse(text, content_type=CONTENT_TYPE_LATEST, headers=_NO_STORE)


PROBES: dict[str, Callable[[HttpRequest], HttpResponse]] = {"/healthz": alive, "/readyz": ready, "/metrics": metrics}


class _Installation(Collector):
    """Read from the rows at every look: all processes of an installation tell the same figures."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        for slice_ in (runbooks, packets, support, audit, worker, notifications, sign_ons):
            for metric in slice_.read():
                family = GaugeMetricFamily(metric.name, metric.help, labels=[metric.label] if metric.label else [])
                for word, value in metric.values.items():
                    family.add_metric([word] if metric.label else [], value)
                yield family
        build = GaugeMetricFamily("handrail_build_info", "The version that answers.", labels=["version"])
        build.add_metric([__version__], 1)
        yield build
