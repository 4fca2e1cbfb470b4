"""The lanes of this process, by name. ``conf`` opens them once; everything else asks ``get``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from handrail.connectors.lane.config import LANE, AnyLane, open_lane
from handrail.connectors.lane.encryption import Encryption
from handrail.connectors.lane.lane import Lane
from handrail.connectors.registry import faults_of
from handrail.kernel import keyfiles
from handrail.kernel.configured import Configured
from handrail.kernel.errors import Invalid, Misconfigured
from handrail.kernel.secrets import Secrets


@dataclass(frozen=True, slots=True)
class Lanes:
    """Open lanes by name. Opening calls nobody. ``reply_keys``: the PEM text of the keys that each one's receiver signs
    replies with. ``encryption``: the keys that packages are encrypted to, where they are."""

    lanes: Mapping[str, Lane] = field(default_factory=dict)
    reply_keys: Mapping[str, str] = field(default_factory=dict)
    encryption: Mapping[str, Encryption] = field(default_factory=dict)

    @classmethod
    def open(cls, configs: Mapping[str, AnyLane], secrets: Secrets) -> Lanes:
        """Raises Misconfigured naming the section whose secret or file is missing."""
        opened: dict[str, Lane] = {}
        keys: dict[str, str] = {}
        for name, config in configs.items():
            try:
                opened[name] = open_lane(name, config, secrets)
                if config.reply_keys is not None:
                    keys[name] = _key_file(config.reply_keys)
            except Misconfigured as error:
                raise Misconfigured(f"lanes.{name}: {error.message}", code=error.code) from None
        encrypted = {name: Encryption(config.encrypt_to) for name, config in configs.items() if config.encrypt_to}
        return cls(opened, keys, encrypted)


def _key_file(file: Path) -> str:
    try:
        text = keyfiles.text_of(file.read_bytes(), name=f"The file {file} of reply_keys")
        found = keyfiles.blocks(text)
        if not any(one.label == keyfiles.PUBLIC for one in found) or any(one.is_private for one in found):
            is_ = keyfiles.what_it_is(text)
            raise Invalid(f"The file {file} of reply_keys must hold public keys in PEM. {is_}".rstrip())
    except Invalid as error:
        raise Misconfigured(error.message, code="reply-keys") from None
    except OSError:
        raise Misconfigured(f"The file {file} of reply_keys can't be read.", code="reply-keys") from None
    return text


def parse(sections: Mapping[str, Any]) -> dict[str, AnyLane]:
    """The table ``[lanes]`` of handrail.toml, by name. Raises Misconfigured with one fault per mistake."""
    parsed: dict[str, AnyLane] = {}
    for name, section in sections.items():
        try:
            parsed[name] = LANE.validate_python(section)
        except ValidationError as error:
            faults = faults_of(f"lanes.{name}", error)
            raise Misconfigured(
                "handrail.toml: " + "; ".join(map(str, faults)) + ".", faults=faults, code="lane"
            ) from None
    return parsed


_configured = Configured[Lanes](Lanes())
configure, use = _configured.set, _configured.use


def get(name: str) -> Lane:
    """The lane of that name. Raises Misconfigured, saying what to add."""
    found = _configured.get().lanes.get(name)
    if found is None:
        raise Misconfigured(
            f"No lane is called {name}. Add [lanes.{name}] to handrail.toml, then run: handrail check.",
            code="no-such-lane",
        )
    return found


def reply_keys(name: str) -> str:
    """The PEM text of the keys that replies on this lane are signed with; empty where none are configured."""
    return _configured.get().reply_keys.get(name, "")


def encryption(name: str) -> Encryption | None:
    """The keys that packages on this lane are encrypted to; None where they are not encrypted."""
    return _configured.get().encryption.get(name)


def names() -> list[str]:
    return sorted(_configured.get().lanes)
