"""Host names: one rule that looks at the name and the profile only, so that nothing else in a capture changes it.

What the profile lists, and the providers below, are shown. Of any other registered name the end (``co.uk``) is shown,
and the name has a stand-in. Labels before these are chosen by an operator, per customer, person or link: they are
shown only when every piece is a word that protocols and data centres use, with single digits.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Literal, NamedTuple
from urllib.parse import unquote

from handrail.kernel.hostnames import normal_host
from handrail.packets.sanitise.context import SanitiseContext
from handrail.packets.sanitise.vocabulary import WORDS, words

HostClass = Literal["vendor", "identity-provider", "internal", "other"]
Shown = Callable[[str, str, str], str]  # a pseudonym: of what, of which shape, with which mark

_MOST_LABELS, _LONGEST = 20, 40
_PIECES = re.compile(r"[a-z]+|[0-9]+|[^a-z0-9]+")
_COUNTRY = re.compile(r"[a-z]{2}")

# Ends under which anybody can register a name, apart from those of countries; and ends where nobody can.
_PUBLIC = words(
    "com net org edu gov mil int info biz name pro aero coop museum jobs mobi travel cat tel asia app dev page web "
    "cloud online site website tech store shop xyz top live life digital network systems solutions services agency "
    "company group team world global group email support software studio media news blog bank insurance health care "
    "energy university school academy international example"
)
_PRIVATE = words("local localhost localdomain internal intranet lan home corp private test invalid")
_UNDER_COUNTRIES = words("co com net org ac edu gov gouv gob govt or ne go ad nhs mil sch school ltd plc")
_HOST_WORDS = _PRIVATE | words(
    "www cdns eu us uk ap na sa af me emea apac east west north south central northeast southeast northwest southwest "
    "prod preprod production uat qa primary secondary dr dmz vpn fs sts smtp imap mx ns ftp sftp ntp git wiki edge lb"
)
# Known to everybody, and used by nearly everybody: which of them a capture asked says nothing of a customer.
PROVIDERS = words(
    """
example.com example.net example.org
okta.com oktapreview.com okta-emea.com oktacdn.com auth0.com onelogin.com pingidentity.com pingone.com pingone.eu
microsoft.com microsoftonline.com microsoftonline-p.com windows.net windows.com live.com office.com office.net
office365.com sharepoint.com b2clogin.com ciamlogin.com msauth.net msftauth.net azure.com azure.net azureedge.net
azurewebsites.net azurefd.net trafficmanager.net google.com googleapis.com gstatic.com googleusercontent.com
google-analytics.com googletagmanager.com doubleclick.net firebaseapp.com apple.com icloud.com amazonaws.com
amazoncognito.com awsapps.com cloudfront.net awsstatic.com cloudflare.com cloudflareinsights.com cloudflareaccess.com
akamai.net akamaihd.net akamaized.net edgekey.net fastly.net fastlylb.net jsdelivr.net unpkg.com jquery.com
bootstrapcdn.com github.com githubusercontent.com github.io gitlab.com bitbucket.org atlassian.com atlassian.net
duosecurity.com duo.com jumpcloud.com salesforce.com force.com zendesk.com zdassets.com intercom.io intercomcdn.com
slack.com zoom.us facebook.com facebook.net linkedin.com twitter.com x.com sentry.io datadoghq.com datadoghq.eu
newrelic.com nr-data.net dynatrace.com segment.io segment.com hotjar.com optimizely.com cookielaw.org onetrust.com
recaptcha.net hcaptcha.com w3.org oasis-open.org openid.net schema.org mozilla.org mozilla.com mozilla.net firefox.com
letsencrypt.org digicert.com sectigo.com globalsign.com
"""
)


class Host(NamedTuple):
    """A host as it is shown, and whose it is."""

    shown: str
    of: HostClass


class Hosts:
    """The hosts of one artifact, each worked out once. ``shown`` holds what may be read as it stands, whole."""

    def __init__(self, context: SanitiseContext, pseudonym: Shown) -> None:
        self.shown: set[str] = set()
        self._ends: dict[str, HostClass] = dict.fromkeys(PROVIDERS, "other")
        self._ends |= dict.fromkeys(context.identity_providers, "identity-provider")
        self._ends |= dict.fromkeys(context.vendor, "vendor")
        self._pseudonym = pseudonym
        self._seen: dict[str, Host] = {}

    def of(self, raw: str) -> Host:
        """That of ``raw``, a name or address as it stands in a URL or a header."""
        found = self._seen.get(raw)
        if found is None:
            found = self._seen[raw] = self._host(raw)
            self.shown.add(found.shown)
        return found

    def _host(self, raw: str) -> Host:
        if (address := public_address(raw.strip("[]"))) is not None:
            if not address:
                return Host(self._pseudonym(raw, "ip", "private-"), "internal")
            return Host(f"[{address}]" if ":" in address else address, "other")
        name = normal_host(unquote(raw))
        if name is None:
            return Host(self._pseudonym(raw, "label", "hidden-") if raw else "", "other")
        labels = name.split(".", _MOST_LABELS)
        for at in range(len(labels)):
            end = ".".join(labels[at:])
            if (of := self._ends.get(end)) is not None:
                return Host(".".join([*map(self._label, labels[:at]), end]), of)
        return self._unlisted(labels)

    def _unlisted(self, labels: Sequence[str]) -> Host:
        under = registered_under(labels)
        if under == 0:
            return Host(".".join(map(self._label, labels)), "internal")
        own, name, end = labels[: -under - 1], labels[-under - 1], labels[-under:]
        return Host(".".join([*map(self._label, own), self._hidden(name), *end]), "other")

    def _label(self, label: str) -> str:
        return label if is_spelled(label) else self._hidden(label)

    def _hidden(self, label: str) -> str:
        return self._pseudonym(label, "label", "hidden-")


def registered_under(labels: Sequence[str]) -> int:
    """Under how many labels at the end a name is registered; 0 where nobody can register one.

    Without a list of every suffix: ``co.uk`` and its like, else the last.
    """
    end = labels[-1]
    if len(labels) == 1 or not (end in _PUBLIC or _COUNTRY.fullmatch(end)):
        return 0
    under = len(labels) > 2 and _COUNTRY.fullmatch(end) and labels[-2] in _UNDER_COUNTRIES  # noqa: PLR2004
    return 2 if under else 1


@lru_cache(maxsize=8192)
def is_spelled(label: str) -> bool:
    """Whether a label is made only of words that protocols and data centres use, and single digits.

    With two digits it could be what somebody chose as a password.
    """
    pieces = _PIECES.findall(label)
    return (
        0 < len(label) <= _LONGEST
        and not label[0].isdigit()
        and all(
            len(piece) == 1 if piece.isdigit() else piece in WORDS or piece in _HOST_WORDS or piece == "-"
            for piece in pieces
        )
    )


@lru_cache(maxsize=4096)
def public_address(raw: str) -> str | None:
    """An IP address in its one form; empty when it is not public, None when it is none."""
    if not raw or raw[-1] not in "0123456789abcdefABCDEF:":
        return None
    try:
        found = ipaddress.ip_address(raw)
    except ValueError:
        return None
    return str(found) if found.is_global else ""
