"""Writes the pages of docs/ that follow from the code: states, commands, roles, doors, settings, the API's document.

    python docs/generate.py [--check]

With --check nothing is written; the exit code is 1, and the differing pages are named, when a page is not up to date.
So it is when a page shows an image that is not in docs/screenshots, or none shows one that is.
"""

from __future__ import annotations

import json
import re
import sys
import tomllib
import types
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args, get_origin

import asvs
import django
import doors
import requirements

django.setup()

from pydantic import BaseModel  # noqa: E402 - what follows needs Django
from pydantic_core import PydanticUndefined  # noqa: E402
from typer.main import get_command  # noqa: E402

from handrail.access import inventory  # noqa: E402
from handrail.access.capabilities import BUNDLES, Capability, Role  # noqa: E402
from handrail.access.inventory import KeptAs  # noqa: E402
from handrail.api.service import api  # noqa: E402
from handrail.cli.commands import app  # noqa: E402
from handrail.cli.entry import EXIT_CODES  # noqa: E402
from handrail.conf.config import Config  # noqa: E402
from handrail.connectors import registry  # noqa: E402
from handrail.connectors.anchors import TimestampSection, WitnessSection  # noqa: E402
from handrail.connectors.channels import ResponderSection  # noqa: E402
from handrail.connectors.channels.config import (  # noqa: E402
    ChatSection,
    DeskSection,
    EmailSection,
    PagerSection,
    WebhookSection,
)
from handrail.connectors.config import BreakerSettings, CallLimits  # noqa: E402
from handrail.connectors.lane.config import (  # noqa: E402
    CasePortalConfig,
    DirectoryLaneConfig,
    HttpLaneConfig,
    S3LaneConfig,
    SftpLaneConfig,
    UploadLaneConfig,
)
from handrail.connectors.tasksystem.config import AnswerRow, LookFor, WriteCall  # noqa: E402
from handrail.definitions.states import DEFINITION  # noqa: E402
from handrail.kernel.statemachine import StateMachine  # noqa: E402
from handrail.packets.states import REVISION  # noqa: E402
from handrail.runbooks.states import HANDLING, RUN, WAVE  # noqa: E402

DOCS = Path(__file__).resolve().parent
MACHINES: tuple[StateMachine[Any], ...] = (RUN, HANDLING, WAVE, DEFINITION, REVISION)
IMAGE = re.compile(r"!\[[^\]]+\]\([\w./-]*\bscreenshots/([\w-]+\.png)\)")
NOTE = "<!-- Made by docs/generate.py (make docs). Change the code, not this page. -->\n"


def pages() -> Iterator[tuple[str, str]]:
    """Every generated page: its path below docs/, and its text."""
    for machine in MACHINES:
        yield f"states/{machine.name}.md", f"{NOTE}\n# States: {machine.name}\n\n{diagram(machine)}"
    yield "reference/cli.md", f"{NOTE}\n# Commands\n\n{commands()}"
    yield "reference/configuration.md", f"{NOTE}\n# handrail.toml\n\n{configuration()}"
    yield "reference/roles.md", f"{NOTE}\n# Roles\n\n{roles()}"
    yield "reference/doors.md", doors_page()
    yield "reference/what-is-kept.md", what_is_kept()
    yield "requirements.md", requirement_page()
    yield "security/asvs.md", asvs_page()
    yield "reference/openapi.json", json.dumps(api.get_openapi_schema(), indent=1, sort_keys=True) + "\n"


KEPT_CLASSES = {
    KeptAs.SEALED: "A tenant's values, encrypted under a key of their own ([retention](../guides/retention.md)).",
    KeptAs.OVERWRITTEN: "A tenant's values in clear, which the database compares: an erasure overwrites them.",
    KeptAs.CLEAR: "In clear, and kept by an erasure, whose certificate counts them.",
    KeptAs.STAFF: "People of the workspace: who did what.",
    KeptAs.SECRET: "What opens something, or a digest of it.",
    KeptAs.IDENTIFIER: "References, row numbers and digests.",
    KeptAs.STRUCTURE: "States, codes, counts, times, and names that the installation gives.",
}


def what_is_kept() -> str:
    """Every column of every table by its class; those in clear with the reason."""
    known = inventory.columns()
    parts = [
        f"{NOTE}\n# What is kept\n\nEvery column of every table is in one class. A test compares this page with"
        " the tables; another erases a tenant and looks for its values in all of them.\n"
    ]
    for kept, said in KEPT_CLASSES.items():
        head = "| table | column | why |\n|---|---|---|" if kept is KeptAs.CLEAR else "| table | columns |\n|---|---|"
        rows = []
        for table, columns in sorted(known.items()):
            found = [one for one in columns.values() if one.kept is kept]
            if kept is KeptAs.CLEAR:
                rows += [f"| {table} | {one.column} | {one.why} |" for one in found]
            elif found:
                rows.append(f"| {table} | {', '.join(one.column for one in found)} |")
        parts.append("\n".join([f"## {kept.value.capitalize()}\n\n{said}\n", head, *rows]) + "\n")
    return "\n".join(parts)


def requirement_page() -> str:
    try:
        return requirements.page(NOTE)
    except ValueError as error:
        raise SystemExit(f"requirements: {error}") from None


def doors_page() -> str:
    try:
        return doors.page(NOTE)
    except ValueError as error:
        raise SystemExit(f"doors: {error}") from None


def asvs_page() -> str:
    try:
        return asvs.page(NOTE)
    except ValueError as error:
        raise SystemExit(f"asvs: {error}") from None


def diagram(machine: StateMachine[Any]) -> str:
    return f"```mermaid\n{machine.to_mermaid()}```\n"


def commands() -> str:
    codes = "\n".join(f"| {code} | {means} |" for code, means in EXIT_CODES.items())
    parts = [f"`handrail COMMAND --help` shows the same. Exit codes:\n\n| code | meaning |\n|---|---|\n{codes}\n"]
    parts += [command_page(name, command) for name, command in leaves("handrail", get_command(app))]
    return "\n".join(parts)


def leaves(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    """Every command that does something, with the words that call it."""
    for word, child in getattr(command, "commands", {}).items():
        yield from leaves(f"{name} {word}", child)
    if not hasattr(command, "commands"):
        yield name, command


def command_page(name: str, command: Any) -> str:
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    options = [p for p in command.params if p.param_type_name == "option" and p.name != "help"]
    usage = " ".join([name, *("[OPTIONS]" if options else "",), *(argument_of(a) for a in arguments)]).strip()
    lines = [f"## {name}\n", f"{(command.help or '').strip()}\n", f"    {usage}\n"]
    lines += [f"- `{argument_of(argument)}`: {argument.help}" for argument in arguments]
    lines += [f"- {', '.join(f'`{name}`' for name in o.opts)}{value_of(o)}: {o.help}" for o in options]
    return "\n".join(lines) + "\n"


def argument_of(argument: Any) -> str:
    return str(argument.metavar or argument.name.upper())


def value_of(option: Any) -> str:
    if option.is_flag:
        return ""
    return f" {option.metavar or option.display_type(None).upper()}"


def roles() -> str:
    """What each role may do. Raises KeyError for a role or capability whose meaning nobody has written."""
    said = tomllib.loads((DOCS / "reference" / "roles.toml").read_text(encoding="utf-8"))
    parts = [
        "A member has one or more roles (`handrail members add --role`), for some tenants or for all of them. "
        "Groups (`--group`), which a packet profile can name as signers, grant nothing by themselves. "
        "Nobody can approve what they proposed, or sign a packet that they assembled.\n",
        "| role | description |\n|---|---|",
        *(f"| `{role}` | {said['role'][role]} |" for role in Role),
        "\n| capability | allows members to | roles |\n|---|---|---|",
    ]
    for capability in Capability:
        holders = ", ".join(f"`{role}`" for role, held in BUNDLES.items() if capability in held)
        parts.append(f"| `{capability}` | {said['capability'][capability]} | {holders} |")
    return "\n".join(parts) + "\n"


def configuration() -> str:
    said = tomllib.loads((DOCS / "reference" / "settings.toml").read_text(encoding="utf-8"))
    parts = [
        "Unknown keys are rejected. Durations are in seconds. Secrets are references: `env:NAME`, `file:PATH`. "
        "`HANDRAIL_CONFIG` names a file other than `./handrail.toml`; `DATABASE_URL` and `HANDRAIL_STATE_DIR` override "
        "its contents.\n",
        section("top level", Config, said["top"], skip=list(SECTIONS)),
    ]
    parts += [section(f"[{name}]", model, said[name]) for name, model in SECTIONS.items()]
    parts.append(section("[tasks.outcome] and [tasks.messages]", WriteCall, said["task_call"]))
    parts.append(section("[[tasks.outcome.answers]]", AnswerRow, said["task_answer"]))
    parts.append(section("[tasks.outcome.look]", LookFor, said["task_look"]))
    for name, connector in sorted(registry.kinds().items()):
        parts.append(section(f'[connectors.NAME] of kind "{name}"', connector.config, said["connector"]))
    parts.append(section("[connectors.NAME.limits]", CallLimits, said["connector_limits"]))
    parts.append(section("[connectors.NAME.breaker]", BreakerSettings, said["connector_breaker"]))
    for name, lane in LANES.items():
        parts.append(section(f'[lanes.NAME] of kind "{name}"', lane, {**said["connector"], **said["lane"]}))
    parts.append(section("[audit.witnesses.NAME]", WitnessSection, {**said["connector"], **said["anchor"]}))
    parts.append(section("[audit.timestamps.NAME]", TimestampSection, {**said["connector"], **said["anchor"]}))
    parts.append(section("[responders.NAME]", ResponderSection, said["responder"]))
    for name, channel in CHANNELS.items():
        title = f'[[responders.NAME.channels]] of kind "{name}"'
        parts.append(section(title, channel, {**said["connector"], **said["channel"]}))
    parts.append("## [desk]\n\nThe service desk: see [guides/desks](../guides/desks/README.md).\n")
    return "\n".join(parts)


def section(title: str, model: type[BaseModel], said: Mapping[str, str], *, skip: Sequence[str] = ()) -> str:
    """One table. Raises KeyError for a key whose meaning nobody has written."""
    fields = {name: field for name, field in model.model_fields.items() if name not in skip}
    rows = [f"| `{name}` | {said[name]} | {kind(f.annotation)} | {default(f)} |" for name, f in fields.items()]
    return f"## {title}\n\n| key | meaning | type | default |\n|---|---|---|---|\n" + "\n".join(rows) + "\n"


def model_of(annotation: Any) -> type[BaseModel] | None:
    """The section's model behind ``Model`` or ``Model | None``."""
    several = get_origin(annotation) in (dict, Mapping)
    found = [
        a
        for a in (annotation, *(() if several else get_args(annotation)))
        if isinstance(a, type) and issubclass(a, BaseModel)
    ]
    return found[0] if found else None


def kind(annotation: Any) -> str:
    origin, args = get_origin(annotation), get_args(annotation)
    if model_of(annotation) is not None:
        return "table"
    if origin is None:
        return "nothing" if annotation is types.NoneType else getattr(annotation, "__name__", str(annotation)).lower()
    if origin in (tuple, list):
        return f"list of {kind(args[0])}"
    if origin is dict or origin is Mapping:
        return "table"
    if str(origin).endswith("Literal"):
        return " or ".join(f'"{arg}"' for arg in args)
    if hasattr(annotation, "__metadata__"):
        return kind(args[0])
    return " or ".join(kind(arg) for arg in args if arg is not types.NoneType)


def default(field: Any) -> str:
    if field.is_required():
        return "required"
    value = field.default if field.default is not PydanticUndefined else None
    if value is None or isinstance(value, BaseModel):
        return ""
    return f"`{json.dumps(list(value) if isinstance(value, tuple) else value, default=str)}`"


def images() -> Iterator[str]:
    """What is wrong with docs/screenshots and the pages that show its images."""
    texts = [(path, path.read_text(encoding="utf-8")) for path in (*DOCS.parent.glob("*.md"), *DOCS.rglob("*.md"))]
    shown = {name: path for path, text in texts for name in IMAGE.findall(text)}
    made = {path.name for path in (DOCS / "screenshots").glob("*.png")}
    for name in sorted(shown.keys() - made):
        yield f"{shown[name].relative_to(DOCS.parent)} shows {name}, which is not in docs/screenshots"
    for name in sorted(made - shown.keys()):
        yield f"docs/screenshots/{name} is shown, with words for those who do not see it, on no page"


LANES = {
    "directory": DirectoryLaneConfig,
    "http": HttpLaneConfig,
    "portal": CasePortalConfig,
    "s3": S3LaneConfig,
    "sftp": SftpLaneConfig,
    "upload": UploadLaneConfig,
}
CHANNELS = {
    "webhook": WebhookSection,
    "email": EmailSection,
    "chat": ChatSection,
    "pager": PagerSection,
    "desk": DeskSection,
}
# Sections with a model of their own in Config.
SECTIONS = {
    name: model
    for name, field in Config.model_fields.items()
    if get_origin(field.annotation) is not dict and (model := model_of(field.annotation))
}


def main() -> int:
    stale = []
    for name, text in pages():
        path = DOCS / name
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(name)
        if "--check" not in sys.argv:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    checked = "--check" in sys.argv
    for name in stale:
        print(f"docs/{name} {'is not up to date: run make docs' if checked else 'written'}")
    print(doors.counts())
    wrong = list(images())
    for line in wrong:
        print(line)
    return 1 if wrong or (stale and checked) else 0


if __name__ == "__main__":
    sys.exit(main())
