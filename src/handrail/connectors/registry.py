"""The connectors of this process, by name. ``conf`` builds the registry once; everything else asks ``get``."""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from types import MappingProxyType
from typing import Any

from pydantic import ValidationError

from handrail import connectors
from handrail.connectors.config import Connector, ConnectorConfig, ConnectorKind, PassageSettings, ServiceConfig
from handrail.kernel.configured import Configured
from handrail.kernel.errors import Fault, Misconfigured
from handrail.kernel.secrets import Secrets


@cache
def kinds() -> Mapping[str, ConnectorKind]:
    """Every kind that a folder beside this file declares in its ``KINDS``."""
    found: dict[str, ConnectorKind] = {}
    for module in pkgutil.iter_modules(connectors.__path__):
        if not module.ispkg:
            continue
        declared: tuple[ConnectorKind, ...] = getattr(
            import_module(f"{connectors.__name__}.{module.name}"), "KINDS", ()
        )
        for kind in declared:
            if kind.name in found:
                raise RuntimeError(f"two folders declare the connector kind {kind.name}")
            found[kind.name] = kind
    return MappingProxyType(found)


def parse(sections: Mapping[str, Any]) -> dict[str, ConnectorConfig]:
    """The table ``[connectors]`` of handrail.toml as configuration models, by name.

    Raises Misconfigured with one fault per mistake, each naming section and field.
    """
    parsed: dict[str, ConnectorConfig] = {}
    faults: list[Fault] = []
    for name, section in sections.items():
        where = f"connectors.{name}"
        try:
            parsed[name] = parse_section(where, section)
        except Misconfigured as error:
            faults += error.faults
    if faults:
        raise _misconfigured(faults)
    return parsed


def parse_section(where: str, section: Any) -> ConnectorConfig:
    """One section of handrail.toml, by its ``kind``. Raises Misconfigured naming ``where`` and the field."""
    if not isinstance(section, Mapping):
        raise _misconfigured([Fault(where, "must be a table")])
    kind = kinds().get(str(section.get("kind", "")))
    if kind is None:
        raise _misconfigured([Fault(f"{where}.kind", f"must be one of {', '.join(sorted(kinds()))}")])
    try:
        return kind.config.model_validate(dict(section))
    except ValidationError as error:
        raise _misconfigured(faults_of(where, error)) from None


def faults_of(where: str, error: ValidationError) -> list[Fault]:
    """What pydantic refused, as faults named by section and field. Quotes no value: it could be a pasted secret."""
    return [
        Fault(".".join([where, *(str(part) for part in item["loc"])]), item["msg"].removeprefix("Value error, "))
        for item in error.errors(include_input=False, include_url=False)
    ]


def _misconfigured(faults: list[Fault]) -> Misconfigured:
    return Misconfigured("handrail.toml: " + "; ".join(str(fault) for fault in faults) + ".", faults=faults)


@dataclass(frozen=True, slots=True)
class Registry:
    """Open connectors by name. Opening resolves secrets and reads CA files; it calls nobody.

    ``passages``: what calls through a connector have to pass, where that is configured.
    """

    connectors: Mapping[str, Connector]
    passages: Mapping[str, PassageSettings] = field(default_factory=dict)

    @classmethod
    def build(cls, configs: Mapping[str, ConnectorConfig], secrets: Secrets) -> Registry:
        """Open every configured connector. Raises Misconfigured naming the section whose secret or file is missing."""
        opened: dict[str, Connector] = {}
        passages: dict[str, PassageSettings] = {}
        for name, config in configs.items():
            try:
                opened[name] = kinds()[config.kind].open(name, config, secrets)
            except Misconfigured as error:
                raise Misconfigured(f"connectors.{name}: {error.message}", code=error.code) from None
            if isinstance(config, ServiceConfig) and config.passage is not None:
                passages[name] = config.passage
        return cls(MappingProxyType(opened), MappingProxyType(passages))

    def get(self, name: str) -> Connector:
        """The connector of that name. Raises Misconfigured."""
        found = self.connectors.get(name)
        if found is None:
            known = ", ".join(sorted(self.connectors)) or "none"
            raise Misconfigured(
                f"No connector is called {name!r} (there is: {known}). Add [connectors.{name}] to handrail.toml, "
                "then run: handrail check.",
                code="no-such-connector",
            )
        return found

    def names(self) -> list[str]:
        return sorted(self.connectors)


_configured = Configured[Registry](
    missing="No connectors are configured. Add [connectors.NAME] sections to handrail.toml."
)
configure, current, use = _configured.set, _configured.get, _configured.use


def get(name: str) -> Connector:
    """The connector of that name. Raises Misconfigured, saying what to add."""
    return current().get(name)


def names() -> list[str]:
    """The names of all configured connectors, sorted; none before ``configure``."""
    registry = _configured.find()
    return registry.names() if registry else []


def passage(name: str) -> PassageSettings | None:
    """What calls through the connector of that name have to pass; None where nothing is configured."""
    registry = _configured.find()
    return registry.passages.get(name) if registry else None


def passages() -> Mapping[str, PassageSettings]:
    """Likewise of all connectors that have such settings, by name."""
    registry = _configured.find()
    return registry.passages if registry else {}
