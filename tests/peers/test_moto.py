"""Moto's S3 as the store of lanes and annexes: a bucket that is not there is not one that answers."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator

import pytest

from handrail.connectors import lane as lanes
from handrail.connectors.blobs.config import S3BlobsConfig, open_s3
from handrail.kernel.secrets import Secrets

INSTALL = "python3 -m venv /opt/moto && /opt/moto/bin/pip install 'moto[server,s3]==5.2.5'"
PROGRAM = shutil.which("moto_server", path=f"{os.environ.get('PATH', '')}:/opt/moto/bin")
pytestmark = [
    pytest.mark.peer,
    pytest.mark.skipif(PROGRAM is None and not os.environ.get("CI"), reason=f"Moto is not installed: {INSTALL}"),
]
KEYS = {"access_key": "env:KEY", "secret_key": "env:KEY"}


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    """The address of a server that has no bucket yet."""
    assert PROGRAM is not None
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen([PROGRAM, "-H", "127.0.0.1", "-p", str(port)], stderr=subprocess.DEVNULL)
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            break
    yield f"http://127.0.0.1:{port}"
    process.terminate()
    process.wait(30)


def checked(kind: str, endpoint: str, bucket: str) -> tuple[bool, str]:
    section = {"bucket": bucket, "endpoint": endpoint} | KEYS
    secrets = Secrets({"KEY": "practice"})
    if kind == "lane":
        parsed = lanes.parse({"vendor": {"kind": "s3"} | section})
        (found,) = lanes.Lanes.open(parsed, secrets).lanes["vendor"].check()
    else:
        (found,) = open_s3("blobs", S3BlobsConfig(kind="blobs-s3", **section), secrets).check()
    return found.ok, found.message


@pytest.mark.parametrize("kind", ["lane", "blobs"])
def test_check_tells_a_missing_bucket_from_one_that_is_there(kind: str, moto: str) -> None:
    import boto3

    ok, message = checked(kind, moto, f"not-there-{kind}")
    assert not ok
    assert f"there is no bucket named not-there-{kind}" in message
    client = boto3.client(
        "s3", endpoint_url=moto, region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x"
    )
    client.create_bucket(Bucket=f"there-{kind}")
    assert checked(kind, moto, f"there-{kind}")[0]
