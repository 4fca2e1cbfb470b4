"""What ``handrail check`` says besides faults: what other machines would lack, and what the cookies are called."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from handrail.connectors.finding import Finding

if TYPE_CHECKING:
    from handrail.conf.config import Config


def cautions(config: Config) -> Iterator[Finding]:
    """Notes, not faults: all of this is right for one machine whose state directory is backed up."""
    if config.database.url is None:
        return
    here = config.state_directory
    for name, what, key in _only_here(config):
        yield Finding(name, ok=True, message=f"{what} in {here}, on this machine only.", fix=f"Set {key}. {WHY}")
    if config.web.https and not config.web.trusted_proxies:
        message = "Everyone behind the proxy counts as one address: one person's failed log-ins lock out everyone."
        yield Finding("log-in limits", ok=True, message=message, fix="Set [web] trusted_proxies.")
    if config.approvals.practice:
        message = "Clicks stand in for passkeys, because this installation is for practice. What leaves says so."
        yield Finding(
            "approvals", ok=True, message=message, fix="Where real packets leave, unset [approvals] practice."
        )


def transport(config: Config) -> Finding:
    """Whether browsers reach Handrail over TLS, and what its cookies are therefore called."""
    if config.web.https:
        return Finding("cookies", ok=True, message="Served over https: cookies have the __Host- prefix.")
    message = "Served over plain http: cookies are called sessionid and csrftoken, without the __Host- prefix."
    return Finding("cookies", ok=True, message=message, fix="Serve over TLS and set [web] https, unless it is a trial.")


def passkeys_of(config: Config) -> Finding:
    """What passkeys are bound to."""
    from handrail.access.passkeys import relying_party  # noqa: PLC0415 - Django is not ready before

    party = relying_party(config.web.base_url, port=config.web.port)
    if party.id:
        return Finding(
            "passkeys", ok=True, message=f"Passkeys are bound to {party.id}, and used at {party.origins[0]}."
        )
    message = "Nobody can have a passkey: the pages have no host name, or are served over plain http."
    return Finding("passkeys", ok=True, message=message, fix="Set [web] base_url to an https address with a host name.")


WHY = "Other machines need the same, and a backup of the database does not hold it."


def _only_here(config: Config) -> Iterator[tuple[str, str, str]]:
    if config.blobs is None:
        yield "blobs", "Cleared annexes are kept", "[blobs]"
    if config.subject_keys is None:
        yield "subject keys", "The keys of what may be forgotten are", "[subject_keys]"
    if config.erasures is None:
        yield "erasures", "The list of erased tenants is", "erasures"
    if config.release.signing_key is None:
        yield "release key", "The private release key is", "[release] signing_key"
    if config.release.key_ring is None:
        yield "key ring", "The public release keys are", "[release] key_ring"
    if config.audit.signing_key is None:
        yield "audit key", "The key of the audit log is", "[audit] signing_key"
    if config.web.secret_key is None:
        yield "web key", "The key of the sessions is", "[web] secret_key"
