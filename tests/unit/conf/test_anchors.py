"""``[audit.witnesses]``, ``[audit.timestamps]`` and the quorum, as handrail.toml has them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey
from pydantic import ValidationError

from handrail.anchoring.services import configured
from handrail.audit import cosignature
from handrail.conf import sealing
from handrail.conf.config import AuditSection
from handrail.kernel.errors import Misconfigured
from handrail.worker import recurring
from tests.factories.timestamping import Authority

KEYS = [
    cosignature.public_of("w1.example", Ed25519PrivateKey.from_private_bytes(bytes(32))),
    cosignature.public_of("w2.example", MLDSA44PrivateKey.from_seed_bytes(bytes(32))),
]

STRANGER = cosignature.public_of("w9", Ed25519PrivateKey.from_private_bytes(bytes([9]) * 32))


def section(**given: Any) -> AuditSection:
    witnesses = {
        f"w{number}": {"url": f"https://w{number}.example/prefix", "key": key.to_text()}
        for number, key in enumerate(KEYS, start=1)
    }
    return AuditSection.model_validate({"witnesses": witnesses, **given})


def test_without_a_policy_every_witness_must_have_cosigned() -> None:
    trust = sealing.trusted(section())
    assert trust.policy.is_reached(KEYS)
    assert not trust.policy.is_reached(KEYS[:1])
    assert set(sealing.services(section()).witnesses) == {"w1", "w2"}


def test_policy_file_says_which_are_enough(tmp_path: Path) -> None:
    lines = [f"witness {number} {key.to_text()}" for number, key in enumerate(KEYS)]
    (tmp_path / "policy").write_text("\n".join([*lines, "group any-one any 0 1", "quorum any-one", ""]))
    trust = sealing.trusted(section(policy_file=tmp_path / "policy"))
    assert trust.policy.is_reached(KEYS[1:])
    assert len(trust.known_keys()) == 2


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("quorum w9\n", "policy_file: The witness policy"),
        (
            f"witness a {STRANGER.to_text()}\nquorum a\n",
            "does not have",
        ),
        (None, "can't be read"),
    ],
    ids=["malformed", "other witnesses", "missing"],
)
def test_policy_that_can_not_be_reached_or_read_is_a_fault(tmp_path: Path, text: str | None, why: str) -> None:
    if text is not None:
        (tmp_path / "policy").write_text(text)
    with pytest.raises(Misconfigured, match=why):
        sealing.trusted(section(policy_file=tmp_path / "policy"))


@pytest.mark.parametrize(
    "witness",
    [
        {"url": "http://w.example", "key": KEYS[0].to_text()},
        {"url": "ftp://w.example", "key": KEYS[0].to_text()},
        {"url": "https://user:secret@w.example", "key": KEYS[0].to_text()},
        {"url": "https://w.example"},
        {"url": "https://w.example", "key": KEYS[0].to_text(), "deadline_seconds": 0},
    ],
)
def test_witness_that_can_not_be_asked_is_a_fault(witness: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        AuditSection.model_validate({"witnesses": {"w": witness}})


def test_wrong_keys_are_faults_that_name_their_section() -> None:
    with pytest.raises(Misconfigured, match=r"\[audit\.witnesses\.w\] key"):
        sealing.trusted(AuditSection.model_validate({"witnesses": {"w": {"url": "https://w.example", "key": "x"}}}))
    twice = {name: {"url": "https://w.example", "key": KEYS[0].to_text()} for name in ("a", "b")}
    with pytest.raises(Misconfigured, match="same key twice"):
        sealing.trusted(AuditSection.model_validate({"witnesses": twice}))


def test_time_stamp_service_is_trusted_by_its_file(tmp_path: Path) -> None:
    authority = Authority.made(tmp_path / "tsa")
    service = {"url": "https://tsa.example/tsr", "authorities": authority.folder / "ca.pem", "policy": "1.2.3"}
    found = sealing.trusted(AuditSection.model_validate({"timestamps": {"t": service}}))
    assert (len(found.services["t"].authorities), found.services["t"].policy) == (1, "1.2.3")
    with pytest.raises(Misconfigured, match=r"audit\.timestamps\.t"):
        sealing.trusted(AuditSection.model_validate({"timestamps": {"t": service | {"authorities": tmp_path / "no"}}}))


def test_workers_have_the_duty_only_where_somebody_is_asked() -> None:
    every = {"sweep": 1.0, "pull_every": 1.0, "seal_every": 7.0}
    assert "anchor" not in recurring.duties(**every)
    with configured.use(sealing.services(section())):
        assert recurring.duties(**every)["anchor"].every == 7.0
