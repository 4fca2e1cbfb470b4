"""From what a source asks to the operation that a connector executes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from handrail.connectors import saml
from handrail.connectors.operation import Operation
from handrail.definitions.language.templates import Escaping, parse, render
from handrail.definitions.profile import sources as profile_sources
from handrail.definitions.requests import operations

__all__ = ["Operation", "build"]


def build(asked: profile_sources.AnySource, scope: Mapping[str, Any]) -> Operation:
    """Raises Invalid (``placeholder``) for a value that is absent or can't stand where it is asked to."""
    if isinstance(asked, profile_sources.SamlForm):
        return saml.Metadata(
            entity_id=_rendered(asked.saml.entity, scope, Escaping.TEXT),
            path=_rendered(asked.saml.path, scope, Escaping.PATH),
            every=asked.saml.every,
        )
    return operations.build(asked, scope, None)


def _rendered(text: str | None, scope: Mapping[str, Any], place: Escaping) -> str | None:
    return None if text is None else render(parse(text), scope, place)
