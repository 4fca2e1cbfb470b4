"""Hands configuration to the parts that need it: connectors are built once a process, from plain data."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from handrail.access import closing, decisions, erasures, kept_erasures, passkeys, proofs, signatures, subjects, tokens
from handrail.access.keystore import FolderKeys, SubjectKeys
from handrail.access.signatures import SigningSettings
from handrail.conf import config, keys, release, single_sign_on
from handrail.connectors import channels, desk, oidc, registry
from handrail.connectors.template import render_url
from handrail.definitions import actions as definitions
from handrail.kernel.assertions import ApprovalProof
from handrail.kernel.errors import Misconfigured
from handrail.notifications import settings as notifications
from handrail.packets.actions.forgetting import remove_annexes
from handrail.packets.queries import count_current
from handrail.runbooks import sampling, task_system, timing
from handrail.runbooks.actions import runs
from handrail.runbooks.queries.runs import count_active, count_unsent
from handrail.support import settings

_PACKAGE = Path(__file__).resolve().parent.parent
# Beside the package when it is installed, at the root of the repository otherwise.
_PRESETS = (_PACKAGE / "desks", _PACKAGE.parents[1] / "desks")
_THREADS_KEPT_FREE = 4
# Of the threads that may wait for the desk, the share that may wait for the answer to another's call.
_ONE_IN_REPEATS = 4
SUBJECT_KEYS_DIRECTORY = "subject-keys"
KEPT_ERASURES = "kept-erasures"
# What a task system's section has that is not handed on as it is.
_SET_HERE = frozenset({"preset", "webhook_secret"})


def connect() -> None:
    """Builds the configured connectors, service desk and task system. Raises Misconfigured naming section and field."""
    loaded = config.load()
    decisions.configure(lambda: config.decides_by_name(config.load()))
    tokens.settings.set(tokens.TokenSettings(min(loaded.tokens.days, loaded.tokens.max_days), loaded.tokens.max_days))
    passkeys.settings.set(passkeys.relying_party(loaded.web.base_url, port=loaded.web.port))
    proofs.settings.set(proofs.ProofSettings(loaded.web.proof_minutes))
    wanted = loaded.approvals
    signatures.settings.set(SigningSettings(wanted.minutes, wanted.practice, ApprovalProof(wanted.definitions)))
    registry.configure(registry.Registry.build(registry.parse(loaded.connectors), config.secrets()))
    task_system.configure(*task_systems(loaded))
    timing.configure(timing.Timing(lease_seconds=loaded.worker.lease_seconds, **loaded.timing.model_dump()))
    sampling.configure(review_sampling(loaded))
    desk.configure(open_desk(loaded))
    channels.configure(open_responders(loaded))
    notifications.configure(notification_settings(loaded))
    settings.configure(support_settings(loaded))
    oidc.configure(single_sign_on.open_provider(loaded.single_sign_on, config.secrets(), threads=loaded.web.threads))
    subjects.configure(open_subject_keys(loaded))
    release.connect(loaded)
    closing.open_work.set(open_work)
    erasures.remove_blobs.set(remove_annexes)
    erasures.on_its_way.set(on_its_way)
    kept_erasures.configured.set(loaded.erasures or loaded.state_directory / KEPT_ERASURES)
    definitions.active_again.set(runs.go_on_with)


def review_sampling(loaded: config.Config) -> sampling.Sampling:
    """Which completed runs are drawn for a second look, under a key of its own made of the web's secret key."""
    key = hmac.digest(keys.web_secret_key(loaded).encode(), b"handrail.review", "sha256")
    return sampling.Sampling(key, loaded.review.share, loaded.review.runbooks)


def open_subject_keys(loaded: config.Config) -> SubjectKeys:
    """The configured store, or a folder in the state directory, made when it is needed first. Raises Misconfigured."""
    if loaded.subject_keys is None:
        return FolderKeys(loaded.state_directory / SUBJECT_KEYS_DIRECTORY, make=True)
    parsed = registry.parse_section("subject_keys", loaded.subject_keys)
    opened = registry.kinds()[parsed.kind].open("subject keys", parsed, config.secrets())
    if not isinstance(opened, SubjectKeys):
        raise Misconfigured("subject_keys.kind must be subject-keys or subject-keys-s3.", code="config")
    return opened


def open_work(tenant_id: int) -> tuple[str, ...]:
    """What is under way for a tenant and has to end before it is closed."""
    counted = ((count_active(tenant_id), "run"), (count_current(tenant_id), "escalation packet"))
    return tuple(f"{number} {what}{'' if number == 1 else 's'}" for number, what in counted if number)


def on_its_way(tenant_id: int) -> tuple[str, ...]:
    """What is still to be sent for a tenant, and has to be before it is erased."""
    number = count_unsent(tenant_id)
    return (f"{number} message{'' if number == 1 else 's'} to the task system",) if number else ()


def open_desk(loaded: config.Config) -> desk.Desk | None:
    """The configured service desk, or None. Calls nobody. Raises Misconfigured with one fault per wrong field."""
    presets = next((path for path in _PRESETS if path.is_dir()), _PRESETS[0])
    settings = desk.read_desk(loaded.desk, presets=presets)
    return desk.Desk(settings, config.secrets()) if settings is not None else None


def open_responders(loaded: config.Config) -> channels.Responders:
    """The configured responders with their channels. Calls nobody. Raises Misconfigured naming section and field."""

    def overlaid(own: Mapping[str, Any]) -> desk.Desk | None:
        if loaded.desk is None:
            return None
        return open_desk(loaded.model_copy(update={"desk": desk.overlay(loaded.desk, own)}))

    return channels.build(
        loaded.responders,
        mail=loaded.mail,
        settings=loaded.notifications,
        open_desk=overlaid,
        secrets=config.secrets(),
    )


def notification_settings(loaded: config.Config) -> notifications.NotificationSettings:
    """The address of the pages, and how long a worker has what it claims."""
    root = (loaded.web.base_url or "").rstrip("/")
    return notifications.NotificationSettings(root=root, lease_seconds=loaded.worker.lease_seconds)


def support_settings(loaded: config.Config) -> settings.SupportSettings:
    """Addresses of the pages that a ticket points back to, and how many threads may wait for the desk."""
    base, waiting = loaded.web.base_url, max(loaded.web.threads - _THREADS_KEPT_FREE, 1)
    repeats = waiting // _ONE_IN_REPEATS
    at_once = waiting - repeats
    if base is None:
        return settings.SupportSettings(concurrent_calls=at_once, concurrent_repeats=repeats)
    root = base.rstrip("/").replace("{", "").replace("}", "")
    return settings.SupportSettings(f"{root}/admin/t/{{key}}", f"{root}/admin/operations/{{key}}", at_once, repeats)


def task_systems(loaded: config.Config) -> list[task_system.TaskSystem]:
    """The configured task systems. Raises Misconfigured for a missing secret."""
    pages = (loaded.web.base_url or "").rstrip("/")
    found: list[task_system.TaskSystem] = []
    secrets: list[str] = []
    for label, section in loaded.known_task_systems.items():
        secret = config.secrets().resolve(section.webhook_secret) if section.webhook_secret else None
        plain = {name: getattr(section, name) for name in type(section).model_fields if name not in _SET_HERE}
        plain["list_path"] = render_url(section.list_path, section.values)
        name = label.partition(".")[2]
        if secret is not None and any(secret.reveal() == other for other in secrets):
            message = f"[{label}] webhook_secret is that of another task system: give each its own."
            raise Misconfigured(message, code="webhook-secret-shared")
        secrets += [secret.reveal()] if secret is not None else []
        found.append(task_system.TaskSystem(**plain, name=name, webhook_secret=secret, pages=pages))
    return found
