"""For machines that watch: alive, ready, and the figures of the installation."""

from __future__ import annotations

import hmac
from collections.abc import Callable

from django.conf import settings
from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from handrail.api import problems
from handrail.runbooks import gauges

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
    """200 when the database answers and has all migrations; else 503."""
    try:
        executor = MigrationExecutor(connection)
        pending = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except Error:
        return problems.database_away()
    if pending:
        return problems.problem(503, "migrations-pending", "The database lacks migrations. Run: handrail migrate")
    return JsonResponse({"status": "ready"}, headers=_NO_STORE)


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Figures in Prometheus's text format, for whoever sends [web] metrics_secret as bearer; 404 to all others."""
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

    def collect(self) -> list[GaugeMetricFamily]:
        figures = gauges.read()
        runs = GaugeMetricFamily("handrail_runs", "Runs by state.", labels=["state"])
        for state, count in figures.runs.items():
            runs.add_metric([state], count)
        packets = GaugeMetricFamily("handrail_exception_packets", "Packets by handling.", labels=["handling"])
        for handling, count in figures.packets.items():
            packets.add_metric([handling], count)
        overdue = GaugeMetricFamily("handrail_runs_overdue", "Runs that should have moved by now.", figures.overdue)
        untold = GaugeMetricFamily("handrail_reports_undelivered", "Outcomes not yet told.", figures.untold)
        return [runs, packets, overdue, untold]
