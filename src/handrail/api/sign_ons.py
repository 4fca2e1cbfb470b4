"""What came of log-ins through the identity provider lately, over all workspaces: read from the audit log."""

from __future__ import annotations

from datetime import timedelta

from handrail.access.actions import NoEntry
from handrail.audit import queries
from handrail.connectors import oidc
from handrail.kernel.clock import now
from handrail.kernel.metric import Metric, one

METHOD = "sso"  # as the audit events of log-ins name it
LATELY = timedelta(minutes=15)
# The provider does not answer, or not as configured: nobody gets in.
OF_THE_PROVIDER = oidc.PASSING | oidc.SETUP


def read() -> list[Metric]:
    """Refusals beyond those that the audit log takes of one address a minute are not counted."""
    counts = queries.count_log_ins(METHOD, now() - LATELY)
    by_cause = {cause.value: counts.get(cause.value, 0) for cause in (*oidc.Cause, *NoEntry)}
    failed = sum(by_cause[cause.value] for cause in OF_THE_PROVIDER)
    return [
        one("handrail_sign_ons", "Log-ins through the identity provider within 15 minutes.", counts[""]),
        Metric("handrail_sign_ons_refused", "Log-ins of this kind that were refused, by cause.", by_cause, "cause"),
        one("handrail_sign_ons_failed", "Those refused because of the provider or its configuration.", failed),
    ]
