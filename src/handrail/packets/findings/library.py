"""The shapes of detect-secrets: its plugins as a library, without its file scanner, settings and verification.

Its patterns are not made for hostile text, so each sees windows of a fixed size: time stays linear.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from importlib import import_module
from typing import Any

from handrail.packets.findings import kinds
from handrail.packets.findings.kinds import Spotted

WINDOW, OVERLAP = 1024, 256
# Each with text that it can't be without: most windows are seen by none.
_PLUGINS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("artifactory", "ArtifactoryDetector", ("akc", "ap")),
    ("azure_storage_key", "AzureStorageKeyDetector", ("accountkey=",)),
    ("cloudant", "CloudantDetector", ("cloudant", "clou", "cl_", "cl-", "clkey", "clapi", "clp", "cltoken")),
    ("discord", "DiscordBotTokenDetector", (".",)),
    ("github_token", "GitHubTokenDetector", ("gh",)),
    ("gitlab_token", "GitLabTokenDetector", ("gl", "gr1348941")),
    ("ibm_cloud_iam", "IbmCloudIamDetector", ("key", "pwd", "pass", "token")),
    ("ibm_cos_hmac", "IbmCosHmacDetector", ("secret",)),
    ("mailchimp", "MailchimpDetector", ("-us",)),
    ("npm", "NpmDetector", (":_authtoken=",)),
    ("openai", "OpenAIDetector", ("sk-",)),
    ("pypi_token", "PypiTokenDetector", ("pypi-",)),
    ("sendgrid", "SendGridDetector", ("sg.",)),
    ("slack", "SlackDetector", ("xox", "hooks.slack")),
    ("softlayer", "SoftlayerDetector", ("softlayer", "sl", "soap")),
    ("square_oauth", "SquareOAuthDetector", ("sq0",)),
    ("stripe", "StripeDetector", ("k_live_",)),
    ("telegram_token", "TelegramBotTokenDetector", (":",)),
    ("twilio", "TwilioKeyDetector", ("ac", "sk")),
)


def shapes_in(text: str) -> Iterator[Spotted]:
    """What one of the plugins takes for a secret."""
    lowered = text.lower()
    for start in range(0, max(len(text) - OVERLAP, 1), WINDOW - OVERLAP):
        window, low = text[start : start + WINDOW], lowered[start : start + WINDOW]
        for plugin, needs in plugins():
            if any(need in low for need in needs):
                for value in set(plugin.analyze_string(window)):
                    at = window.find(value)
                    if value and at >= 0:
                        yield Spotted(kinds.TOKEN, start + at, start + at + len(value))


@lru_cache(maxsize=1)
def plugins() -> tuple[tuple[Any, tuple[str, ...]], ...]:
    """Imported on first use: a command that looks at no text does without."""
    return tuple(
        (getattr(import_module(f"detect_secrets.plugins.{module}"), name)(), needs) for module, name, needs in _PLUGINS
    )
