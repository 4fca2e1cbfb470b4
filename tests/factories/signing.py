"""People of a test's installation with passkeys that count, and their signatures as pages send them back."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from allauth.mfa.models import Authenticator

from handrail.access import passkeys, signatures
from handrail.access.models import Passkey, PasskeyConfirmation, PasskeyRemoval, User, Workspace
from handrail.access.signatures import BegunCeremony, SignatureAnswer, SigningSettings
from handrail.kernel.assertions import RelyingParty
from handrail.kernel.clock import now
from handrail.kernel.ids import Prefix, new_ref
from tests.factories.authenticator import SoftAuthenticator, SoftPasskey

SITE = RelyingParty("localhost", ("http://localhost:8000",))
SESSION = "SES-1"


@contextmanager
def in_production(site: RelyingParty = SITE, **changes: Any) -> Iterator[None]:
    """An installation that is no demo, on a site at which passkeys work."""
    with passkeys.settings.use(site), signatures.settings.use(SigningSettings(**changes)):
        yield


def enrol(
    person: User, workspace: Workspace, *, confirmed: bool = True, like: SoftPasskey | None = None
) -> SoftPasskey:
    """A passkey of ``person`` that the workspace counts, or would once it is confirmed. ``like``: with the key of
    another one."""
    made = SoftPasskey(SITE.id, str(person.pk).encode(), counter=1)
    made.key = like.key if like is not None else made.key
    ref = new_ref(Prefix.PASSKEY)
    row = Passkey.objects.create(
        ref=ref, user=person, name="test", credential_id=passkeys.encoded(made.credential_id),
        public_key=b64encode(made.public_key).decode(), alg=-7, aaguid="0" * 8, attestation="none", user_verified=True,
        relying_party=SITE.id, origin=SITE.origins[0], enrolled_with="password", at=now(), by=person.email,
    )  # fmt: skip
    data = {passkeys.REF: ref, passkeys.COUNTER: 1}
    Authenticator.objects.create(user=person, type=Authenticator.Type.WEBAUTHN, data=data)
    if confirmed:
        PasskeyConfirmation.objects.create(passkey=row, workspace=workspace, by="second@example.com", at=now())
    return made


def remove(person: User) -> None:
    """Ends the passkeys of ``person``, as somebody who manages members does."""
    for row in Passkey.objects.filter(user=person):
        PasskeyRemoval.objects.create(passkey=row, kind="removed", by="admin@example.com", reason="lost", at=now())


def fields_of(begun: BegunCeremony, passkey: SoftPasskey, *, verified: bool = True, **client: Any) -> dict[str, str]:
    """The answer of ``passkey`` as a page's form has it; ``client``: what its browser says, such as another
    ``origin``."""
    given = SoftAuthenticator().sign({"challenge": begun.challenge}, passkey, verified=verified, **client)
    said = given["response"]
    return {
        "nonce": begun.nonce, "credential": given["id"], "authenticator_data": said["authenticatorData"],
        "client_data": said["clientDataJSON"], "signature": said["signature"],
    }  # fmt: skip


def sign(begun: BegunCeremony, passkey: SoftPasskey, *, verified: bool = True, **client: Any) -> SignatureAnswer:
    """The same, as it is read."""
    answer = signatures.answer_of(fields_of(begun, passkey, verified=verified, **client))
    assert answer is not None
    return answer
