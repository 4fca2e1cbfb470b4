"""OpenSSH's sftp-server with one fault: stands between sshd and it, and cuts, delays or hides what comes by.

Run by sshd as its subsystem: ``sftp_faults.py FILE``. FILE holds one fault as JSON, and is removed by the session that
meets it: ``{"request": 7, "how": "before"}``. ``before``: the connection ends and the request was never made;
``after``: it was made, and its answer is lost; ``late``: the answer comes when nobody waits any more;
``not-exclusive``: the whole session creates what is there already. ``types`` counts only requests of these types.
Every session appends what it asked for to FILE.log.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import BinaryIO

SERVER = "/usr/lib/openssh/sftp-server"
INIT, OPEN, READDIR = 1, 3, 12
EXCLUSIVE = 0x20
LATE_SECONDS = 60.0


def packet(stream: BinaryIO) -> bytes:
    head = stream.read(4)
    return head + stream.read(int.from_bytes(head, "big")) if len(head) == 4 else b""


def anyhow(asked: bytes) -> bytes:
    """The request to open a file, without the flag that it must not be there."""
    end = 13 + int.from_bytes(asked[9:13], "big")
    flags = int.from_bytes(asked[end : end + 4], "big") & ~EXCLUSIVE
    return asked[:end] + flags.to_bytes(4, "big") + asked[end + 4 :]


def main(file: Path) -> None:
    fault = json.loads(file.read_text()) if file.exists() else {}
    server = subprocess.Popen([SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert server.stdin is not None
    assert server.stdout is not None
    hushed, answers = threading.Event(), server.stdout

    def back() -> None:
        while said := packet(answers):
            if hushed.is_set():
                os._exit(0)
            sys.stdout.buffer.write(said)
            sys.stdout.buffer.flush()

    threading.Thread(target=back, daemon=True).start()
    number, seen = 0, []
    while asked := packet(sys.stdin.buffer):
        kind = asked[4]
        meets = False
        if kind != INIT and kind in fault.get("types", [kind]):
            number += 1
            meets = number == fault.get("request")
        seen.append(kind)
        if kind == OPEN and fault.get("how") == "not-exclusive":
            asked = anyhow(asked)
        if meets:
            file.unlink(missing_ok=True)
            if fault["how"] == "before":
                break
            if fault["how"] == "late":
                time.sleep(LATE_SECONDS)
                break
            hushed.set()
        server.stdin.write(asked)
        server.stdin.flush()
    with file.with_suffix(".log").open("a") as log:
        log.write(json.dumps(seen) + "\n")
    server.stdin.close()
    if not hushed.is_set():
        server.terminate()
    server.wait(10)
    os._exit(0)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
