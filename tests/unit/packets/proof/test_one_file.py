"""``handrail-intake``: one file beside which there is only Python and ``cryptography``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from importlib import util
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from handrail.connectors import lane as lanes
from handrail.kernel.canonical import digest_bytes
from handrail.kernel.errors import Invalid
from handrail.kernel.secrets import Secrets
from handrail.packets import belief
from handrail.packets.proof import dsse, reply
from handrail.packets.proof.intake import building, keylist, program
from handrail.packets.proof.keys import KeyRing
from handrail.packets.proof.recall import PackageRecall, RecallReason, RecallRequest
from handrail.packets.proof.reply import ReplyKind, ReplyReason
from tests import vectors
from tests.unit.packets.proof.making import CREATED_AT, KEY, LANE, NOW, OTHER_KEY, PACKET, make_manifest, pack
from tests.unit.packets.proof.test_vectors import EXIT, arguments

AT = NOW.replace(microsecond=0).isoformat()
MANIFEST = make_manifest()
# What ``cryptography`` itself consists of, as a fresh environment with nothing else has it.
LIBRARIES = ("cryptography", "cffi", "pycparser", "_cffi_backend")
Intake = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The one file, and beside it ``site``: an environment that has only ``cryptography``."""
    folder = tmp_path_factory.mktemp("alone")
    building.write_file(folder / "handrail-intake")
    (folder / "site").mkdir()
    for name in LIBRARIES:
        spec = util.find_spec(name)
        if spec is not None and spec.origin is not None:
            origin = Path(spec.origin)
            source = origin.parent if origin.name == "__init__.py" else origin
            (folder / "site" / source.name).symlink_to(source)
    return folder


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with a package, the sender's public keys and a key of the vendor's."""
    (tmp_path / "package.zip").write_bytes(pack())
    (tmp_path / "sender.pem").write_text(KEY.public.to_pem())
    (tmp_path / "vendor.pem").write_text(OTHER_KEY.to_pem())
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def intake(capsys: pytest.CaptureFixture[str]) -> Intake:
    """Runs the program in this process, for what doesn't depend on where it runs."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        capsys.readouterr()
        try:
            code = program.main(arguments)
        except SystemExit as ended:
            code = int(ended.code or 0)
        out, err = capsys.readouterr()
        return subprocess.CompletedProcess(arguments, code, out, err)

    return run


@pytest.fixture
def one_file(alone: Path, tmp_path: Path) -> Intake:
    """Runs the one file, without this environment's packages (-S, -I)."""

    def run(
        *arguments: str, options: tuple[str, ...] = (), stdin: bytes = b"", **environ: str
    ) -> subprocess.CompletedProcess[str]:
        start = f"import sys, runpy; sys.path.append({str(alone / 'site')!r}); del sys.argv[0]; "
        start += "runpy.run_path(sys.argv[0], run_name='__main__')"
        command = [sys.executable, *options, "-I", "-S", "-c", start, str(alone / "handrail-intake"), *arguments]
        done = subprocess.run(
            command,
            check=False,
            cwd=tmp_path,
            env={"PATH": os.environ["PATH"], **environ},
            input=stdin,
            capture_output=True,
        )
        return subprocess.CompletedProcess(
            command, done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")
        )

    return run


VERIFY = ("verify", "package.zip", "--key", "sender.pem", "--lane", LANE, "--at", AT)


def test_it_accepts_a_package_with_nothing_but_cryptography(one_file: Intake) -> None:
    done = one_file(*VERIFY)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == "accepted"
    assert LANE in done.stdout


def test_it_says_what_it_lacks(alone: Path) -> None:
    command = [sys.executable, "-I", "-S", str(alone / "handrail-intake"), "version"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 1
    assert "pip install cryptography" in done.stderr


def test_it_brings_no_library_but_rfc8785(alone: Path) -> None:
    with zipfile.ZipFile(alone / "handrail-intake") as archive:
        names = archive.namelist()
        tops = {name.partition("/")[0] for name in names}
        assert tops == {"__main__.py", "README.txt", "handrail", "rfc8785"}
        assert "rfc8785/LICENSE.txt" in names
        assert all(entry.compress_type == zipfile.ZIP_STORED for entry in archive.infolist())
    assert (alone / "handrail-intake").stat().st_size <= building.MAX_BYTES
    assert b"verify(package: Path | BinaryIO" in (alone / "handrail-intake").read_bytes()


def test_it_gives_the_answer_of_every_vector_without_anything_but_cryptography(alone: Path) -> None:
    """All of them in one process that knows neither Handrail's sources nor its libraries."""
    cases = json.loads((vectors.FOLDER / "index.json").read_text(encoding="utf-8"))["cases"]
    asked = [[one["name"], arguments(one), one["answer"]] for one in cases]
    script = f"import sys; sys.path[:0] = [{str(alone / 'handrail-intake')!r}, {str(alone / 'site')!r}]; "
    script += "import contextlib, io, json; from handrail.packets.proof.intake.program import main\n"
    script += "for name, arguments, answer in json.load(sys.stdin):\n"
    script += "    with contextlib.redirect_stdout(io.StringIO()) as out: code = main(arguments)\n"
    script += "    print(json.dumps([name, code, [f['code'] for f in json.loads(out.getvalue())['findings']]]))\n"
    command = [sys.executable, "-I", "-S", "-c", script]
    done = subprocess.run(command, input=json.dumps(asked), capture_output=True, text=True, check=True, cwd="/")
    answered = {name: (code, set(codes)) for name, code, codes in map(json.loads, done.stdout.splitlines())}
    expected = {one["name"]: (EXIT[one["answer"]], {*one["codes"], *one["notes"]}) for one in cases}
    assert answered == expected


WINDOWS = """
import sys, time
for name in ("CLOCK_BOOTTIME", "CLOCK_MONOTONIC", "clock_gettime"): delattr(time, name)
for name in ("fcntl", "pwd", "grp", "resource", "termios"): sys.modules[name] = None
"""


def test_it_needs_nothing_that_windows_lacks(alone: Path) -> None:
    script = WINDOWS + f"import runpy; sys.path.append({str(alone / 'site')!r}); del sys.argv[0]\n"
    script += "runpy.run_path(sys.argv[0], run_name='__main__')"
    command = [sys.executable, "-I", "-S", "-c", script, str(alone / "handrail-intake"), *VERIFY]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_its_modules_are_all_that_the_proof_imports(alone: Path) -> None:
    script = "import sys; sys.path[:0] = [sys.argv[1]]; import handrail.packets.proof.intake.program as p; "
    script += (
        "print(sorted(n for n, m in sys.modules.items() if n.startswith('handrail') and sys.argv[1] not in str(m)))"
    )
    command = [sys.executable, "-c", script, str(alone / "handrail-intake")]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd="/")
    assert done.stdout.strip() == "[]"


def test_building_it_again_gives_the_same_bytes(alone: Path) -> None:
    assert building.build() == (alone / "handrail-intake").read_bytes()


@pytest.mark.parametrize("name", ["cryptography", "json", "rfc8785", "handrail"])
def test_it_runs_no_code_of_the_folder_with_what_was_sent(name: str, alone: Path, tmp_path: Path) -> None:
    """An empty entry of PYTHONPATH, as ``$PYTHONPATH:…`` leaves one, is the working directory."""
    (tmp_path / f"{name}.py").write_text("import sys; sys.exit('code of somebody else')")
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": f":{tmp_path}:{alone / 'site'}"}
    command = [sys.executable, str(alone / "handrail-intake"), *VERIFY]
    done = subprocess.run(command, check=False, cwd=tmp_path, env=environ, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("options", [("-OO",), ("-W", "error")])
def test_it_verifies_the_same_under_any_switch_of_python(
    options: tuple[str, ...], one_file: Intake, tmp_path: Path
) -> None:
    assert one_file(*VERIFY, options=options).returncode == 0
    raw = bytearray((tmp_path / "package.zip").read_bytes())
    raw[-400] ^= 1
    (tmp_path / "package.zip").write_bytes(raw)
    assert one_file(*VERIFY, options=options).returncode == 1


@pytest.mark.parametrize("locale", ["C", "de_DE.ISO-8859-1"])
def test_every_locale_prints_the_whole_answer(locale: str, one_file: Intake) -> None:
    done = one_file(*VERIFY, LC_ALL=locale, LANG=locale, PYTHONUTF8="0", PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Ada N" in done.stdout


def test_lines_have_80_columns_at_most(intake: Intake) -> None:
    for done in (
        intake(*VERIFY),
        intake("--help"),
        intake("verify", "--help"),
        intake("reply", "-h"),
        intake("version"),
    ):
        assert done.returncode == 0
        assert max(map(len, done.stdout.splitlines())) <= 80


def test_standard_input_is_a_package_too(one_file: Intake) -> None:
    assert one_file("verify", "-", *VERIFY[2:], stdin=pack()).returncode == 0
    assert one_file("verify", "-", *VERIFY[2:], stdin=b"").returncode == 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({1: "."}, "Is a directory"),
        ({1: "nowhere.zip"}, "No such file"),
        ({3: "nowhere.pem"}, "No such file"),
        ({3: "."}, "Is a directory"),
        ({3: "vendor.pem"}, "private key"),
        ({7: "tomorrow"}, "expected a time"),
        ({7: "9999-12-31T23:59:59"}, "expected a time"),
        ({7: "0001-01-01T00:00:00+05:00"}, "expected a time"),
    ],
)
def test_what_can_not_be_read_is_one_line_and_exit_2(change: dict[int, str], said: str, intake: Intake) -> None:
    arguments = list(VERIFY)
    for at, value in change.items():
        arguments[at] = value
    done = intake(*arguments)
    assert done.returncode == 2
    assert said in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


def test_a_hostile_name_reaches_no_terminal(intake: Intake, tmp_path: Path) -> None:
    name = "a\x1b[2J\nREFUSED\r.zip"
    (tmp_path / name).write_bytes(b"nothing")
    done = intake("verify", name, *VERIFY[2:])
    missing = intake("verify", name + "x", *VERIFY[2:])
    assert (done.returncode, missing.returncode) == (1, 2)
    assert "\x1b" not in done.stdout + done.stderr + missing.stdout + missing.stderr


def test_record_and_once_keep_what_was_accepted(intake: Intake) -> None:
    more = ("--accepted", "seen", "--record")
    assert intake(*VERIFY, *more).returncode == 0
    assert intake(*VERIFY, *more, "--once").returncode == 1
    assert intake(*VERIFY[:4], "--at", AT, *more).returncode == 2


def test_of_two_at_once_with_once_one_is_accepted(intake: Intake, alone: Path, tmp_path: Path) -> None:
    start = f"import sys, runpy; sys.path.append({str(alone / 'site')!r}); del sys.argv[0]; "
    start += "runpy.run_path(sys.argv[0], run_name='__main__')"
    command = [sys.executable, "-I", "-S", "-c", start, str(alone / "handrail-intake"), *VERIFY]
    command += ["--accepted", "seen", "--record", "--once"]
    running = [subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL) for _ in range(3)]
    assert sorted(one.wait() for one in running) == [0, 1, 1]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_directory_that_can_not_be_written_accepts_nothing(intake: Intake, tmp_path: Path) -> None:
    (tmp_path / "seen").mkdir(mode=0o500)
    done = intake(*VERIFY, "--accepted", "seen", "--record")
    assert done.returncode == 2
    assert "accepted" not in done.stdout


def test_a_file_where_the_directory_should_be_accepts_nothing(intake: Intake) -> None:
    done = intake(*VERIFY, "--accepted", "sender.pem", "--record")
    assert done.returncode == 2
    assert done.stdout == ""


# recalls


def recalled(**changes: object) -> PackageRecall:
    made = PackageRecall(
        MANIFEST.digest(), PACKET, 2, LANE, RecallReason.WRONG_CONTENT, RecallRequest.DELETE, NOW, "Another's capture."
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def test_a_recalled_package_is_refused_with_its_reason(intake: Intake, tmp_path: Path) -> None:
    (tmp_path / "recalls").mkdir()
    (tmp_path / "recalls" / "1.json").write_bytes(
        dsse.sign(recalled(manifest_digest="sha256:" + "0" * 64).payload(), KEY)
    )
    assert intake(*VERIFY, "--recalls", "recalls").returncode == 0
    (tmp_path / "recalls" / "2.json").write_bytes(dsse.sign(recalled().payload(), KEY))
    done = intake(*VERIFY, "--recalls", "recalls")
    assert done.returncode == 1
    said = " ".join(done.stdout.split())
    assert "recalled" in said
    assert "(wrong-content), and asks you to delete it. They say: Another's capture." in said


def test_a_recall_with_its_name_in_capitals_is_not_passed_over(intake: Intake, tmp_path: Path) -> None:
    (tmp_path / "recalls").mkdir()
    (tmp_path / "recalls" / "1.JSON").write_bytes(dsse.sign(recalled().payload(), KEY))
    assert intake(*VERIFY, "--recalls", "recalls").returncode == 1


def test_a_recall_of_somebody_elses_is_shown_and_not_believed(intake: Intake, tmp_path: Path) -> None:
    (tmp_path / "recall.json").write_bytes(dsse.sign(recalled().payload(), OTHER_KEY))
    done = intake(*VERIFY, "--recalls", "recall.json")
    assert done.returncode == 0
    assert "recall-not-believed" in done.stdout
    assert intake("recalls", "recall.json", "--key", "sender.pem").returncode == 1


@pytest.mark.parametrize(
    "raw", [b"", b"{}", dsse.sign(recalled().payload(), KEY)[:-9], dsse.sign(b"{}", KEY), b"x" * 70_000]
)
def test_a_damaged_recall_is_not_passed_over(raw: bytes, intake: Intake, tmp_path: Path) -> None:
    (tmp_path / "recall.json").write_bytes(raw)
    done = intake(*VERIFY, "--recalls", "recall.json")
    assert done.returncode == 2
    assert "is not a recall" in " ".join(done.stderr.split())


def test_a_file_with_a_recall_a_line_is_read_as_the_sender_exports_it(intake: Intake, tmp_path: Path) -> None:
    others = dsse.sign(recalled(manifest_digest="sha256:" + "0" * 64).payload(), KEY)
    (tmp_path / "recalls.jsonl").write_bytes(b"")
    assert intake(*VERIFY, "--recalls", "recalls.jsonl").returncode == 0
    (tmp_path / "recalls.jsonl").write_bytes(others + b"\r\n" + dsse.sign(recalled().payload(), KEY) + b"\n")
    for path in ("recalls.jsonl", "."):
        done = intake(*VERIFY, "--recalls", path)
        assert (done.returncode, "(wrong-content)" in " ".join(done.stdout.split())) == (1, True)


def test_a_recall_that_was_copied_with_another_line_end_counts(intake: Intake, tmp_path: Path) -> None:
    (tmp_path / "recall.json").write_bytes(dsse.sign(recalled().payload(), KEY) + b"\r\n")
    assert intake(*VERIFY, "--recalls", "recall.json").returncode == 1


def test_a_recall_that_was_written_anew_is_an_error_rather_than_not_believed(intake: Intake, tmp_path: Path) -> None:
    anew = json.dumps(json.loads(dsse.sign(recalled().payload(), KEY)), indent=2)
    (tmp_path / "recall.json").write_text(anew)
    assert intake(*VERIFY, "--recalls", "recall.json").returncode == 2


@pytest.mark.parametrize("end", [b"", b"\nx\n", b"\n\n", b"\n" + b"x" * 70_000])
def test_lines_that_are_cut_off_or_are_no_recall_are_not_passed_over(
    end: bytes, intake: Intake, tmp_path: Path
) -> None:
    (tmp_path / "recalls.jsonl").write_bytes(dsse.sign(recalled().payload(), KEY) + end)
    done = intake(*VERIFY, "--recalls", "recalls.jsonl")
    assert (done.returncode, "recalls.jsonl" in done.stderr) == (2, True)


def test_recalls_lists_what_counts(intake: Intake, tmp_path: Path) -> None:
    (tmp_path / "recall.json").write_bytes(dsse.sign(recalled().payload(), KEY))
    done = intake("recalls", "recall.json", "--key", "sender.pem", "--json")
    listed = json.loads(done.stdout)["recalls"]
    assert [(one["counts"], one["reason"]) for one in listed] == [(True, "wrong-content")]


def test_pins_refuse_votes_that_no_pinned_key_signed(intake: Intake, tmp_path: Path) -> None:
    (tmp_path / "pins.json").write_bytes(b'\xef\xbb\xbf{"handrail": "handrail-signer-pins/v1", "keys": []}\r\n')
    done = intake(*VERIFY, "--pins", "pins.json")
    assert done.returncode == 1
    assert "approval-too-weak" in done.stdout
    (tmp_path / "pins.json").write_bytes(b'{"handrail": "handrail-signer-pins/v1", "keys": [], "keys": []}')
    assert intake(*VERIFY, "--pins", "pins.json").returncode == 2


def test_pins_are_read_to_their_end_or_not_at_all(intake: Intake, tmp_path: Path) -> None:
    """What stands behind a mebibyte of spaces is not left out without a word."""
    listed = b'{"handrail": "handrail-signer-pins/v1", "keys": []}'
    (tmp_path / "pins.json").write_bytes(listed + b" " * 1024 * 1024 + b"and what nobody reads")
    done = intake(*VERIFY, "--pins", "pins.json")
    assert done.returncode == 2
    assert "is over 1048576 bytes" in " ".join(done.stderr.split())


# replies

REPLY = ("--lane", LANE, "--sign-with", "vendor.pem", "--at", AT)


def replied(file: Path) -> reply.VendorReply:
    opened = dsse.open_envelope(file.read_bytes(), keys=KeyRing.of([OTHER_KEY.public]), file="reply")
    return reply.from_payload(opened.payload)


def test_replies_are_signed_and_counted(intake: Intake, tmp_path: Path) -> None:
    (tmp_path / "replies").mkdir()
    about = ("reply", "package.zip", "--key", "sender.pem", *REPLY, "--out", "replies")
    assert intake(*about, "--reply", "accepted", "--ticket", "VND-7").returncode == 0
    why = ("--reason", "no-capture=It ends early.", "--wanted", "no-capture=A whole one.", "--reason", "late=Too late.")
    assert intake(*about, "--reply", "rejected", *why).returncode == 0
    first, second = (replied(file) for file in sorted((tmp_path / "replies").iterdir()))
    assert (first.number, first.kind, first.ticket) == (1, ReplyKind.ACCEPTED, "VND-7")
    assert first.manifest_digest == second.manifest_digest == MANIFEST.digest()
    assert second.reasons == (
        ReplyReason("no-capture", "It ends early.", "A whole one."),
        ReplyReason("late", "Too late."),
    )
    assert second.number == 2


def test_a_reply_never_replaces_another(intake: Intake, tmp_path: Path) -> None:
    (tmp_path / "replies").mkdir()
    about = ("reply", MANIFEST.digest(), *REPLY, "--out", "replies", "--number", "1")
    assert intake(*about, "--reply", "accepted").returncode == 0
    before = next((tmp_path / "replies").iterdir()).read_bytes()
    assert intake(*about, "--reply", "deleted").returncode == 5
    assert [file.read_bytes() for file in (tmp_path / "replies").iterdir()] == [before]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--reply", "maybe"), "expected one of"),
        (("--reply", "rejected"), "reasons"),
        (("--reply", "accepted", "--reason", "late=Late."), "reasons"),
        (("--reply", "rejected", "--reason", "late"), "CODE=TEXT"),
        (("--reply", "rejected", "--reason", "late=Late.", "--wanted", "other=x"), "no --reason does"),
        (("--reply", "accepted", "--number", "0"), "whole number"),
        (("--reply", "accepted", "--ticket", "a\x1b[2J"), "ticket"),
        (("--reply", "accepted", "--sign-with", "sender.pem"), "not an Ed25519 private key"),
        (("--reply", "accepted", "--out", "nowhere"), "not a directory"),
    ],
)
def test_a_reply_that_says_nothing_is_refused(more: tuple[str, ...], said: str, intake: Intake) -> None:
    done = intake("reply", MANIFEST.digest(), *REPLY, "--out", ".", *more)
    assert done.returncode == 2
    assert said in " ".join(done.stderr.split())


def test_a_reply_on_what_can_not_be_read_needs_its_digest(intake: Intake, tmp_path: Path) -> None:
    (tmp_path / "package.zip").write_bytes(b"no package")
    done = intake("reply", "package.zip", "--key", "sender.pem", *REPLY, "--out", "-", "--reply", "accepted")
    assert done.returncode == 2
    assert "Name it by its digest" in " ".join(done.stderr.split())


def test_a_reply_on_standard_output_is_the_envelope_and_nothing_else(one_file: Intake, tmp_path: Path) -> None:
    done = one_file("reply", MANIFEST.digest(), *REPLY, "--out", "-", "--reply", "consumed", "--number", "3")
    assert done.returncode == 0
    (tmp_path / "reply.json").write_bytes(done.stdout.encode())
    assert (replied(tmp_path / "reply.json").kind, replied(tmp_path / "reply.json").number) == (ReplyKind.CONSUMED, 3)


# keys and version


def test_keys_shows_ids_and_what_counts_no_more(intake: Intake, tmp_path: Path) -> None:
    (tmp_path / "keys.pem").write_text(KEY.public.to_pem() + f"# revoked key {KEY.key_id}\n")
    done = intake("keys", "keys.pem", "--json")
    assert json.loads(done.stdout)["keys"] == [{"id": KEY.key_id, "kind": "Ed25519", "counts": "no: revoked"}]


def test_keys_converts_what_openssh_writes(one_file: Intake, tmp_path: Path) -> None:
    done = one_file("keys", "-", "--pem", stdin=b"# ours\r\n" + SSH_LINE + b" vendor@host\r\n")
    assert done.stdout == KEY.public.to_pem()


def test_converting_keeps_what_counts_no_more(intake: Intake, tmp_path: Path) -> None:
    ring = KeyRing((KEY.public, OTHER_KEY.public), OTHER_KEY.key_id).revoke(KEY.key_id)
    (tmp_path / "keys.pem").write_text(KEY.public.to_pem() + ring.to_pem())
    assert intake("keys", "keys.pem", "--pem").stdout == ring.to_pem()


SSH_LINE = KEY.public.crypto.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)


@given(st.sampled_from([KEY.public.to_pem().encode(), SSH_LINE]), st.integers(0, 200), st.binary(max_size=4))
def test_keys_lists_any_bytes_or_refuses_them(raw: bytes, at: int, change: bytes) -> None:
    with suppress(Invalid):
        keylist.read(raw[:at] + change + raw[at + len(change) :], name="keys.pem").pem()


def test_keys_never_prints_a_private_one(intake: Intake) -> None:
    done = intake("keys", "vendor.pem", "--pem")
    assert done.returncode == 2
    assert OTHER_KEY.to_pem().splitlines()[1] not in done.stdout + done.stderr


def test_a_reader_that_goes_away_is_no_traceback(alone: Path, intake: Intake, tmp_path: Path) -> None:
    (tmp_path / "recall.json").write_bytes(dsse.sign(recalled().payload(), KEY))
    start = f"import sys, runpy; sys.path.append({str(alone / 'site')!r}); del sys.argv[0]; "
    start += "runpy.run_path(sys.argv[0], run_name='__main__')"
    command = [sys.executable, "-I", "-S", "-c", start, str(alone / "handrail-intake"), *VERIFY]
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(command, check=False, cwd=tmp_path, stdout=write, stderr=subprocess.PIPE)
    os.close(write)
    assert b"Traceback" not in done.stderr
    assert done.returncode == 141


def test_the_file_names_the_sources_that_it_was_made_of(alone: Path) -> None:
    root = Path(building.__file__).parents[4]
    with zipfile.ZipFile(alone / "handrail-intake") as archive:
        for name in archive.namelist():
            if name.startswith("handrail/"):
                assert digest_bytes(archive.read(name)) == digest_bytes((root / name).read_bytes())


# beside Handrail's own end of the lane


def test_handrail_believes_what_the_program_replies(intake: Intake, tmp_path: Path) -> None:
    section = {"kind": "directory", "folder": str(tmp_path / "lane")}
    lane = lanes.Lanes.open(lanes.parse({"vendor": section}), Secrets({})).lanes["vendor"]
    (tmp_path / "lane" / "replies").mkdir(parents=True, exist_ok=True)
    about = ("reply", "package.zip", "--key", "sender.pem", *REPLY, "--out", "lane/replies")
    assert intake(*about, "--reply", "needs-more", "--reason", "no-capture=It ends early.").returncode == 0
    assert intake(*about, "--reply", "accepted", "--ticket", "VND-7").returncode == 0
    terms = belief.ReplyTerms(KeyRing.of([OTHER_KEY.public]), LANE, MANIFEST.digest(), CREATED_AT, NOW, over=False)
    judged = belief.judge(lane.replies(MANIFEST.digest()), [], terms)
    assert [(one.why, one.reply and one.reply.kind) for one in judged] == [
        (None, ReplyKind.NEEDS_MORE),
        (None, ReplyKind.ACCEPTED),
    ]


def test_the_program_refuses_what_handrail_recalled_over_the_lane(intake: Intake, tmp_path: Path) -> None:
    section = {"kind": "directory", "folder": str(tmp_path / "lane")}
    lane = lanes.Lanes.open(lanes.parse({"vendor": section}), Secrets({})).lanes["vendor"]
    lane.recall(MANIFEST.digest(), dsse.sign(recalled().payload(), KEY))
    done = intake(*VERIFY, "--recalls", "lane/recalls")
    assert done.returncode == 1
    assert "recalled" in done.stdout
