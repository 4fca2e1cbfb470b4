"""Makes docs/reference/doors.md of docs/reference/doors.toml and of the code's own doors: what can be done, through
which door, and what it needs.

Doors are the addresses of pages, operations of the API, commands, tasks of workers and what their sweep does by the
clock. One that is in no act, an act whose door is gone, and a function that acts in somebody's name (``by``) and is in
none, each are a fault: ``make check`` fails.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import handrail

TABLE = Path(__file__).resolve().parent / "reference" / "doors.toml"
KINDS = ("pages", "plain", "api", "commands", "work", "duties")
WHO = ("member", "operator", "local", "anyone", "signed", "process")
SCOPES = ("tenant", "workspace", "own", "installation")
HEAD = (
    "Everything that can be done with Handrail, through which doors, and what it needs. Roles and what they include: "
    "[roles](roles.md).\n\n"
    "- **Person**: a decision. Only a member decides, on the pages, with their own token, or at the command line with "
    "`--as` where `[cli] act_as` lets a name count. The command line without a name, workers and the task system are "
    "refused, and the refusal is in the audit log. *proposes*: the same, except that with `act_as` the installation's "
    "operator may do it without a name.\n"
    "- **Proof**: a session is asked to confirm who its person is when that was longer ago than `[web] proof_minutes`: "
    "with a passkey where they have one, else with a code, else with a password. A token is a proof of its own kind.\n"
    "- **Token**: what the scope of a token must name; `read` includes it where that is said.\n"
    "- **Scope**: outside it, a thing is answered like one that doesn't exist.\n"
    "- Commands under *operator* are refused with a member's token in `HANDRAIL_TOKEN`; those under *local* work on "
    "this machine's files and processes, and ignore it.\n"
)


@dataclass(frozen=True, slots=True)
class Act:
    """One row. See the head of doors.toml. ``person``: yes, proposes or empty. ``asks_again``: whether a session must
    have proven lately who its person is."""

    name: str
    scope: str
    call: str = ""
    also: tuple[str, ...] = ()
    capability: str = ""
    who: str = "member"
    own_word: bool = False
    own_without: bool = False
    recent: bool | None = None
    reason: bool = False
    separation: str = ""
    state: str = ""
    events: tuple[str, ...] = ()
    doors: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def person(self) -> str:
        from handrail.access.decisions import AUTHORED, DECISIONS  # noqa: PLC0415 - enums compare with their text

        if self.own_word or self.capability in DECISIONS:
            return "yes"
        return "proposes" if self.capability in AUTHORED else ""

    @property
    def asks_again(self) -> bool:
        from handrail.access.decisions import SENSITIVE  # noqa: PLC0415 - enums compare with their text

        return self.capability in SENSITIVE if self.recent is None else self.recent

    @property
    def reads(self) -> bool:
        from handrail.access.scopes import READING  # noqa: PLC0415

        return self.capability in READING

    def pairs(self) -> Iterator[tuple[str, str]]:
        """Every door of the act, with its kind."""
        for kind, doors in self.doors.items():
            for door in doors:
                yield kind, door


def load() -> tuple[list[Act], set[str]]:
    """The acts of the table, and the functions that it calls internal."""
    table = tomllib.loads(TABLE.read_text(encoding="utf-8"))
    return [_act(name, dict(row)) for name, row in table["act"].items()], set(table["internal"])


def _act(name: str, row: dict[str, Any]) -> Act:
    doors = {kind: tuple(row.pop(kind)) for kind in KINDS if kind in row}
    return Act(name, doors=doors, **{key: tuple(v) if isinstance(v, list) else v for key, v in row.items()})


def existing() -> dict[str, set[str]]:
    """Every door that the code has, by kind."""
    from django.urls import get_resolver  # noqa: PLC0415 - needs Django's settings
    from typer.main import get_command  # noqa: PLC0415

    from handrail.api.health import PROBES  # noqa: PLC0415
    from handrail.api.service import api  # noqa: PLC0415
    from handrail.cli.commands import app  # noqa: PLC0415
    from handrail.worker import loop  # noqa: PLC0415

    pages, plain = set(), set()
    for path, view in _routes(get_resolver().url_patterns, ""):
        if not path.startswith(("api/", "^api")):
            pages.add(path)
        elif not getattr(view, "__module__", "").startswith(("ninja.", "handrail.api.problems")):
            plain.add(path)
    plain |= {path.removeprefix("/") for path in PROBES}
    operations = {op["operationId"] for verbs in api.get_openapi_schema()["paths"].values() for op in verbs.values()}
    found = {"pages": pages, "plain": plain, "api": operations, "commands": set(_leaves("", get_command(app)))}
    return {**found, "work": set(loop.KINDS), "duties": set(_duties())}


def _routes(patterns: Any, before: str) -> Iterator[tuple[str, Any]]:
    for pattern in patterns:
        text = before + str(pattern.pattern)
        if hasattr(pattern, "url_patterns"):
            yield from _routes(pattern.url_patterns, text)
            continue
        for kind in ("str", "int", "slug", "path", "text"):
            text = text.replace(f"<{kind}:", "<")
        yield text.replace("^(?P<provider_id>[^/]+)", "<provider_id>"), pattern.callback


def _leaves(name: str, command: Any) -> Iterator[str]:
    for word, child in getattr(command, "commands", {}).items():
        yield from _leaves(f"{name} {word}".strip(), child)
    if not hasattr(command, "commands"):
        yield name


def _duties() -> Iterator[str]:
    """The recurring duties, as ``worker/recurring.py`` names them, with those that need a task system or a witness."""
    from handrail.anchoring import services  # noqa: PLC0415
    from handrail.runbooks import task_system  # noqa: PLC0415
    from handrail.worker import recurring  # noqa: PLC0415

    system = object.__new__(task_system.TaskSystem)
    witness = services.AnchorServices({"w": object.__new__(services.WitnessService)})
    with task_system.use(system), services.configured.use(witness):
        yield from recurring.duties(sweep=1, pull_every=1, seal_every=1)


def acting() -> set[str]:
    """Every public function that acts in somebody's name: with a ``by``, in a module of actions or of access."""
    found = set()
    for module in pkgutil.walk_packages(handrail.__path__, "handrail."):
        parts = module.name.split(".")
        if module.ispkg or not ("actions" in parts or parts[1] == "access"):
            continue
        for name, function in inspect.getmembers(importlib.import_module(module.name), inspect.isfunction):
            own = function.__module__ == module.name and not name.startswith("_")
            if own and "by" in inspect.signature(function).parameters:
                found.add(f"{module.name.removeprefix('handrail.')}.{name}")
    return found


def faults() -> Iterator[str]:
    """What the table and the code do not agree on, one sentence each."""
    from handrail.access.capabilities import Capability  # noqa: PLC0415
    from handrail.audit.events import EventName  # noqa: PLC0415

    acts, internal = load()
    named: dict[str, set[str]] = {kind: set() for kind in KINDS}
    calls = set(internal)
    for act in acts:
        calls |= {act.call, *act.also} - {""}
        for kind, door in act.pairs():
            named[kind].add(door)
        if act.who not in WHO or act.scope not in SCOPES or act.capability not in {"", *Capability}:
            yield f"{act.name}: who, scope or capability is not one that there is"
        yield from (f"{act.name}: there is no event {event}" for event in set(act.events) - set(EventName))
    for kind, doors in existing().items():
        yield from (f"{kind}: {door or '/'} is in no act of docs/reference/doors.toml" for door in doors - named[kind])
        yield from (f"{kind}: {door or '/'} is in doors.toml, and is gone" for door in named[kind] - doors)
    yield from (f"{name} acts in somebody's name, and is in no act of doors.toml" for name in acting() - calls)
    yield from (f"{name} is in doors.toml, and is gone" for name in calls if not _is_there(name))


def _is_there(call: str) -> bool:
    module, _, name = call.rpartition(".")
    try:
        return callable(getattr(importlib.import_module(f"handrail.{module}"), name, None))
    except ImportError:
        return False


def counts() -> str:
    acts, _ = load()
    doors = existing()
    each = ", ".join(f"{len(doors[kind])} {title.lower()}" for kind, title in TITLES.items() if kind in doors)
    pairs = sum(1 for act in acts for _ in act.pairs())
    decisions = sum(act.person == "yes" for act in acts)
    return f"{len(acts)} acts ({decisions} decisions), {sum(map(len, doors.values()))} doors ({each}), {pairs} pairs"


TITLES = {
    "pages": "Pages",
    "plain": "Plain addresses",
    "api": "API operations",
    "commands": "Commands",
    "work": "Workers",
    "duties": "Duties",
}


def page(note: str) -> str:
    """The page, beginning with ``note``. Raises ValueError naming each door and act that is missing or gone."""
    if wrong := sorted(faults()):
        raise ValueError("; ".join(wrong))
    acts, _ = load()
    parts = [f"{note}\n# Doors\n", HEAD, f"{counts()}.\n"]
    head = "| act | person | proof | capability | token | scope | separation of duties | reason | state | events |"
    parts.append(f"{head}\n{'|---' * 10}|")
    parts += [_row(act) for act in acts]
    parts.append("\n## Through which doors\n\n| act | who | " + " | ".join(t.lower() for t in TITLES.values()) + " |")
    parts.append("|---" * (len(TITLES) + 2) + "|")
    parts += [_doors(act) for act in acts]
    return "\n".join(parts) + "\n"


def _row(act: Act) -> str:
    token = "" if act.who != "member" or not act.capability else f"`{act.capability}`"
    token = f"{token} or `read`" if token and act.reads else token
    need = f"`{act.capability}`" if act.capability else ""
    events = ", ".join(f"`{event}`" for event in act.events)
    reason = "yes" if act.reason else ""
    proof = "yes" if act.asks_again else ""
    cells = (act.name, act.person, proof, need, token, act.scope, act.separation, reason, act.state, events)
    return f"| {' | '.join(cells)} |"


def _doors(act: Act) -> str:
    cells = [
        ", ".join(f"`{'/' if kind == 'pages' else ''}{door}`" for door in act.doors.get(kind, ())) for kind in TITLES
    ]
    return f"| {act.name} | {act.who} | {' | '.join(cells)} |"
