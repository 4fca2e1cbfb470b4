"""Each contract of ``.importlinter`` refuses what it is for; what slices know of each other's inside only falls."""

from __future__ import annotations

import configparser
import re
import sys
from copy import deepcopy
from functools import cache
from pathlib import Path

import grimp
import pytest
from importlinter.application import use_cases
from importlinter.application.user_options import UserOptions
from importlinter.configuration import configure
from importlinter.domain.contract import registry

ROOT = Path(__file__).resolve().parents[2]
# How many lines of the contracts "Others reach …" are exceptions. Never raise a number: go through the slice's queries,
# actions or states. When one has fallen, lower it here.
BASELINE = {
    "audit": 25,
    "access": 15,
    "definitions": 25,
    "runbooks": 9,
    "support": 7,
    "packets": 11,
    "notifications": 1,
}
PUBLIC = "handrail.** ->"
# For each contract, imports (below ``handrail``, unless they name a library) that it must refuse.
PLANTED = {
    "layers": [
        ("kernel.clock", "audit.events"),
        ("web.routes", "api.service"),
        ("cli.identity", "conf.config"),
        ("support.handoff", "packets.states"),
    ],
    "faces": [
        ("web.routes", "runbooks.models"),
        ("worker.handlers", "packets.models"),
        ("sandbox.estate", "access.models"),
    ],
    "ground": [("connectors.registry", "django"), ("kernel.clock", "psycopg")],
    "circles": [("sandbox.estate", "sandbox.server"), ("connectors.desk.outgoing", "connectors.desk.adapter")],
    "pure": [
        ("packets.proof.dsse", "django"),
        ("packets.assembly.compare", "packets.models"),
        ("packets.sanitise.guard", "psycopg"),
        ("definitions.source.diff", "definitions.models"),
        ("runbooks.engine.position", "runbooks.models"),
        ("audit.merkle", "audit.models"),
    ],
    "receiver": [
        ("packets.proof.verify", "packets.models"),
        ("packets.proof.unpack", "packets.rows"),
        ("packets.proof.unpack", "access.actor"),
        ("cli.commands.intake", "packets.moves"),
    ],
    "proof_alone": [("packets.proof.rules", "pydantic"), ("packets.proof.verify", "cli.output")],
    "walk_task": [("runbooks.states", "runbooks.engine.advance"), ("runbooks.actions.runs", "worker.handlers")],
    "walk_steps": [
        ("runbooks.engine.ledger", "runbooks.engine.advance"),
        ("runbooks.engine.moves.check", "runbooks.engine.holder"),
        ("runbooks.engine.holder", "runbooks.engine.moves.finish"),
        ("runbooks.engine.decision", "runbooks.engine.ledger"),
    ],
    "walk_digest": [
        ("packets.proof.dsse", "packets.proof.verify"),
        ("packets.proof.manifest", "packets.proof.approvals"),
        ("packets.proof.package", "packets.proof.verify"),
        ("packets.proof.keys", "packets.proof.archive"),
        ("packets.proof.rules", "packets.proof.terms"),
    ],
    "walk_release": [
        ("packets.packing", "packets.actions.delivering"),
        ("packets.proof.package", "packets.packing"),
        ("connectors.lane.intake", "packets.proof.package"),
    ],
    "walk_form": [
        ("support.handoff", "support.actions.support_requests"),
        ("support.input", "support.actions.support_requests"),
        ("connectors.desk.adapter", "support.models"),
        ("support.actions.support_requests", "web.support.part"),
    ],
    "walk_proposal": [
        ("definitions.source.loader", "definitions.requests.checking"),
        ("definitions.compilation", "definitions.actions"),
        ("definitions.runbook.compiler", "definitions.compilation"),
        ("definitions.language.conditions", "definitions.source.validate"),
    ],
    "inside_audit": [("cli.identity", "audit.sealing")],
    "inside_access": [("web.routes", "access.guards")],
    "inside_definitions": [("support.handoff", "definitions.active")],
    "inside_runbooks": [("web.routes", "runbooks.engine.advance")],
    "inside_support": [("web.routes", "support.handoff")],
    "inside_packets": [("web.routes", "packets.moves")],
    "inside_notifications": [("web.routes", "notifications.people")],
    "web": [("web.shell.home", "web.runs"), ("web.packets.packet", "web.support"), ("web.runs.run", "web.audit")],
}
# Everything of Handrail that the receiver's command stands on, beside the proof itself.
RECEIVER = {
    "kernel.canonical",
    "kernel.clock",
    "kernel.errors",
    "kernel.hostile",
    "kernel.keyfiles",
}
RECEIVER |= {"kernel.assertions", "kernel.configured"}  # which clock a process goes by: the receiver by its own


@cache
def contracts() -> dict[str, configparser.SectionProxy]:
    parser = configparser.ConfigParser()
    parser.read(ROOT / ".importlinter")
    return {name.rpartition(":")[2]: parser[name] for name in parser.sections() if ":inside_" in name}


def exceptions(slice_: str) -> list[str]:
    lines = contracts()[f"inside_{slice_}"]["ignore_imports"].split("\n")
    return [line.strip() for line in lines if line.strip() and not line.strip().startswith(PUBLIC)]


@cache
def imports() -> grimp.ImportGraph:
    # Not from a cache: it goes by the files' times, and a checkout changes files within one second.
    return grimp.build_graph(
        "handrail", include_external_packages=True, exclude_type_checking_imports=True, cache_dir=None
    )


@cache
def options() -> UserOptions:
    configure()
    use_cases._register_contract_types(found := use_cases.read_user_options(str(ROOT / ".importlinter")))
    return found


def kept(name: str, graph: grimp.ImportGraph) -> bool:
    given = next(one for one in options().contracts_options if one["id"] == name)
    kind = registry.get_contract_class(given["type"])
    contract = kind(name=name, session_options=options().session_options, contract_options=given)
    return bool(contract.check(graph, verbose=False).kept)


def test_every_contract_has_an_import_that_it_refuses() -> None:
    assert [one["id"] for one in options().contracts_options] == list(PLANTED)


@pytest.mark.parametrize(
    ("name", "importer", "imported"), [(n, *pair) for n, pairs in PLANTED.items() for pair in pairs]
)
def test_contract_refuses_a_planted_import(name: str, importer: str, imported: str) -> None:
    graph = deepcopy(imports())
    target = imported if imported in {"django", "psycopg", "pydantic"} else f"handrail.{imported}"
    assert {f"handrail.{importer}", target} <= graph.modules
    assert kept(name, deepcopy(graph))
    graph.add_import(importer=f"handrail.{importer}", imported=target)
    assert not kept(name, graph)


def test_receiver_stands_on_the_proof_and_little_else() -> None:
    found = imports().find_upstream_modules("handrail.cli.commands.intake")
    ours = {name.removeprefix("handrail.") for name in found if name.startswith("handrail.")}
    assert {name for name in ours if not name.startswith("packets.proof")} == RECEIVER


def test_proof_needs_no_library_but_two() -> None:
    graph = imports()
    found = {one for one in graph.modules if one.startswith("handrail.packets.proof")}
    found |= {name for one in set(found) for name in graph.find_upstream_modules(one)}
    libraries = {name for name in found if not name.startswith("handrail")} - sys.stdlib_module_names
    assert libraries == {"cryptography", "rfc8785"}


def test_every_slice_is_protected() -> None:
    slices = {path.parent.name for path in (ROOT / "src" / "handrail").glob("*/models.py")}
    assert {name.removeprefix("inside_") for name in contracts()} == slices == set(BASELINE)


@pytest.mark.parametrize("slice_", BASELINE)
def test_what_others_know_of_a_slice_only_falls(slice_: str) -> None:
    there = len(exceptions(slice_))
    assert there <= BASELINE[slice_], f"{slice_}: {there} exceptions in .importlinter, {BASELINE[slice_]} are allowed"
    assert there == BASELINE[slice_], f"{slice_}: only {there} exceptions are left. Lower BASELINE in {__file__}"


@pytest.mark.parametrize("slice_", BASELINE)
def test_what_everybody_may_use_of_a_slice_is_what_its_contract_says(slice_: str) -> None:
    contract = contracts()[f"inside_{slice_}"]
    said = contract["name"].removeprefix(f"Others reach {slice_} through ").split(", ")
    lines = [line.strip() for line in contract["ignore_imports"].split("\n") if line.strip().startswith(PUBLIC)]
    assert {line.removeprefix(f"{PUBLIC} handrail.{slice_}.").removesuffix(".**") for line in lines} == set(said)
    assert set(said) <= {
        "queries",
        "actions",
        "states",
        "events",
        "evaluation",
        "sources",
        "proof",
        "actor",
        "capabilities",
        "refusals",
        "sessions",
        "snapshot",
        "fields",
        "outlines",
        "subjects",
        "passkeys",
        "proofs",
        "erasures",
        "ceremonies",
        "enrolment",
        "evidence",
        "factors",
        "holds",
        "signatures",
    }


def test_no_other_contract_has_more_exceptions() -> None:
    parser = configparser.ConfigParser()
    parser.read(ROOT / ".importlinter")
    others = {name.rpartition(":")[2]: parser[name] for name in parser.sections() if ":inside_" not in name}
    counts = {name: len(one.get("ignore_imports", "").split()) // 3 for name, one in others.items()}
    assert {name: count for name, count in counts.items() if count} == {"layers": 6}


@pytest.mark.parametrize("slice_", BASELINE)
def test_every_exception_names_one_module_that_is_still_imported(slice_: str) -> None:
    for line in exceptions(slice_):
        importer, _, imported = line.partition(" -> ")
        assert re.fullmatch(rf"handrail\.{slice_}(\.\w+)+", imported), line
        package = importer.removesuffix(".**")
        importers = imports().find_modules_that_directly_import(imported)
        assert any(name == package or name.startswith(f"{package}.") for name in importers), f"remove: {line}"


@pytest.mark.requirement("H-13")
def test_handoff_has_no_queue_no_worker_and_no_webhook() -> None:
    inside = {"handrail.support", *imports().find_descendants("handrail.support")}
    importers = {name for module in inside for name in imports().find_modules_that_directly_import(module)} - inside
    # The search reads which tenant or run a reference belongs to, and nothing else of it.
    assert {name for name in importers if name.startswith("handrail.finding")} == {"handrail.finding.search"}
    assert {name.split(".")[1] for name in importers} == {"api", "cli", "conf", "finding", "web"}
    assert not {name for name in importers if "webhook" in name}
    asked = {name for module in inside for name in imports().find_modules_directly_imported_by(module)}
    assert not {name for name in asked if name.startswith("handrail.work")}
