"""Moto's S3 as the store of lanes, annexes and subject keys: a bucket that is not there is not one that answers."""

from __future__ import annotations

import io
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import pytest

from handrail.access import subjects
from handrail.access.keystore import KeyName, KeyRecord
from handrail.connectors import lane as lanes
from handrail.connectors.blobs.config import S3BlobsConfig, open_s3
from handrail.connectors.subjectkeys import S3Keys, S3SubjectKeysConfig
from handrail.connectors.subjectkeys.config import open_s3 as open_keys
from handrail.kernel.clock import now
from handrail.kernel.errors import NotFound
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


def made(endpoint: str, bucket: str) -> Any:
    """A bucket, and what else can be done with it."""
    import boto3

    client = boto3.client(
        "s3", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x"
    )
    client.create_bucket(Bucket=bucket)
    return client


def subject_keys(endpoint: str, bucket: str) -> S3Keys:
    section = S3SubjectKeysConfig(kind="subject-keys-s3", bucket=bucket, endpoint=endpoint, prefix="k/", **KEYS)
    return open_keys("keys", section, Secrets({"KEY": "practice"}))


def test_subject_keys_are_made_once_replaced_and_listed(moto: str) -> None:
    client, store = made(moto, "keys"), subject_keys(moto, "keys")
    names = [KeyName(tenant, "PKT-7K3M9QX2ZA", "values", number) for tenant, number in ((7, 0), (7, 1), (70, 0))]
    texts = [KeyRecord(name, now(), bytes(32)).text() for name in names]
    assert store.read(names[0]) is None
    assert [store.create(name, text) for name, text in zip(names, texts, strict=True)] == [True, True, True]
    assert not store.create(names[0], texts[1])
    assert KeyRecord.parse(names[0], str(store.read(names[0]))).secret == bytes(32)
    assert list(store.names(7)) == names[:2]
    assert list(store.names(7, "PKT-7K3M9QX2ZA")) == names[:2]
    assert list(store.names(7, "PKT-7K3M9QX2Z")) == []
    assert store.tenants() == [7, 70]
    store.replace(names[0], KeyRecord(names[0], now(), None, "retention").text())
    assert KeyRecord.parse(names[0], str(store.read(names[0]))).secret is None
    assert not store.create(names[0], texts[0])
    held = client.list_objects_v2(Bucket="keys")["Contents"]
    assert {one["Key"].partition("/")[0] for one in held} == {"k"}


def test_subject_keys_work_as_the_store_of_a_process(moto: str) -> None:
    made(moto, "process")
    subject = subjects.KeySubject(7, "RUN-7K3M9QX2ZA")
    with subjects.use(subject_keys(moto, "process")):
        text = subjects.seal(subject, b"plain", bound="here")
        subjects.forget_cached()
        assert subjects.unseal(text, tenant_id=7, bound="here") == b"plain"
        subjects.destroy(7, record=subject.record, reason=subjects.ForgetReason.RETENTION, at=now())
        subjects.forget_cached()
        with pytest.raises(subjects.KeyDestroyed):
            subjects.unseal(text, tenant_id=7, bound="here")
        assert subjects.key_for(subject).name.number == 1


def test_bucket_of_keys_that_keeps_older_versions_is_refused(moto: str) -> None:
    client = made(moto, "versions")
    [found] = subject_keys(moto, "versions").check()
    assert found.ok
    client.put_bucket_versioning(Bucket="versions", VersioningConfiguration={"Status": "Enabled"})
    [found] = subject_keys(moto, "versions").check()
    assert not found.ok
    assert "keeps older versions" in found.message


def test_bucket_of_keys_that_is_not_there_reads_as_unavailable(moto: str) -> None:
    store, name = subject_keys(moto, "keys-away"), KeyName(7, "PKT-7K3M9QX2ZA", "values")
    for act in (lambda: store.read(name), lambda: store.create(name, "x"), lambda: list(store.names(7))):
        with pytest.raises(subjects.SubjectKeysUnavailable):
            act()


def test_blobs_have_names_of_their_own_and_go(moto: str) -> None:
    made(moto, "annexes")
    section = S3BlobsConfig(kind="blobs-s3", bucket="annexes", endpoint=moto, **KEYS)
    store, name = open_s3("blobs", section, Secrets({"KEY": "practice"})), "a" * 64
    store.put_as(name, io.BytesIO(b"sealed"))
    store.put_as(name, io.BytesIO(b"sealed again"))
    with store.open_as(name) as found:
        assert found.read() == b"sealed again"
    store.remove(name)
    store.remove(name)
    with pytest.raises(NotFound):
        store.open_as(name)


@pytest.mark.parametrize("kind", ["lane", "blobs"])
def test_check_tells_a_missing_bucket_from_one_that_is_there(kind: str, moto: str) -> None:
    ok, message = checked(kind, moto, f"not-there-{kind}")
    assert not ok
    assert f"there is no bucket named not-there-{kind}" in message
    made(moto, f"there-{kind}")
    assert checked(kind, moto, f"there-{kind}")[0]
