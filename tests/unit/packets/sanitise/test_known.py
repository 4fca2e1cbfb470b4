from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from handrail.packets.sanitise.known import federation, network, opentelemetry

ROOT = Path(__file__).parents[4]


def test_list_of_the_conventions_is_what_the_pinned_package_gives() -> None:
    pytest.importorskip("opentelemetry.semconv")

    done = subprocess.run(
        [sys.executable, "docs/otel.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr


def test_list_of_the_conventions_names_the_version_that_is_pinned() -> None:
    package, version = opentelemetry.SOURCE.split()

    assert f'"{package}=={version}"' in (ROOT / "pyproject.toml").read_text()


@pytest.mark.parametrize(
    ("known", "some"),
    [
        (opentelemetry.KEYS, "http.request.method url.full server.address rpc.grpc.status_code http.status_code"),
        (opentelemetry.TEXTS["http.request.method"], "GET QUERY _OTHER"),
        (network.ERRORS, "net::ERR_CERT_DATE_INVALID NS_ERROR_NET_RESET NSURLErrorDomain:-1200 unknown_ca"),
        (federation.SAML_STATUS_TOP, "urn:oasis:names:tc:SAML:2.0:status:Responder"),
        (federation.SAML_STATUS_SECOND, "urn:oasis:names:tc:SAML:2.0:status:AuthnFailed"),
        (federation.OAUTH_ERRORS, "invalid_grant slow_down use_dpop_nonce interaction_required"),
        (federation.JOSE_ALGORITHMS, "RS256 EdDSA RSA-OAEP-256 ECDH-ES+A128KW none"),
        (federation.XML_ALGORITHMS, "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"),
        (federation.WSFED_ACTIONS, "wsignin1.0 wsignoutcleanup1.0"),
        (frozenset(federation.GRPC_CODES), "OK DEADLINE_EXCEEDED UNAUTHENTICATED"),
    ],
)
def test_known_lists_have_what_everybody_meets(known: frozenset[str], some: str) -> None:
    assert known >= set(some.split())
