"""What scim2-models knows and we do not repeat: the filter grammar, and the model of a service's own configuration.

It is imported when first used: it takes a good part of a second, which every short command would pay otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import JsonValue, ValidationError

from handrail.kernel.errors import Misconfigured


@dataclass(frozen=True, slots=True)
class Offered:
    """What a service says of itself (RFC 7643 §5)."""

    patch: bool
    filters: bool


def quoted(value: str) -> str:
    """``value`` as a string literal of a filter or a path, quotes included; it stays a value whatever it holds."""
    from scim2_models import ScimFilter  # noqa: PLC0415 - slow

    return ScimFilter.quote(value)


def checked_filter(text: str) -> str:
    """``text`` if it is a filter (RFC 7644 §3.4.2.2). Raises Misconfigured otherwise."""
    from scim2_models import ScimFilter  # noqa: PLC0415 - slow
    from scim2_models.exceptions import SCIMException  # noqa: PLC0415 - slow

    try:
        return str(ScimFilter(text))
    except (SCIMException, RecursionError):
        raise Misconfigured("A SCIM filter is malformed (RFC 7644 §3.4.2.2).", code="scim-filter") from None


def offered(body: JsonValue) -> Offered | None:
    """The service's answer about itself; None when it is nothing of the kind."""
    from scim2_models import ServiceProviderConfig  # noqa: PLC0415 - slow
    from scim2_models.exceptions import SCIMException  # noqa: PLC0415 - slow

    try:
        config = ServiceProviderConfig.model_validate(body)
    except (ValidationError, SCIMException):
        return None
    return Offered(
        patch=bool(config.patch and config.patch.supported), filters=bool(config.filter and config.filter.supported)
    )
