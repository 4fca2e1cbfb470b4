"""Names and addresses of hosts that are nobody's but ours or the customer's: what is only reachable inside."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

from handrail.packets.findings import kinds
from handrail.packets.findings.kinds import Spotted, TextTerms

_IPV4 = re.compile(r"(?<![\w.-])\d{1,3}(?:\.\d{1,3}){3}(?![\w-]|\.\d)")
_IPV6 = re.compile(r"(?<![\w:.])(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}(?:%\w{1,16})?(?![\w:])")
# As they are written so that nobody follows them.
_DEFANGED = re.compile(r"(?<![\w.-])\d{1,3}(?:\[\.\]\d{1,3}|\(\.\)\d{1,3}){3}(?![\w-])")
_CLOUD_NAME = re.compile(r"(?<![\w.-])ip-\d{1,3}(?:-\d{1,3}){3}(?![\w-])")
_VERSION = re.compile(
    r"(?i)(?:\bv|version|release|build|update|upgrade[d]? to|firmware|patch|driver|plugin|agent|client)s? ?$"
)
_BRACKETS = str.maketrans("", "", "[]()")
_BEFORE = 16
_DOTTED = re.compile(r"(?<![\w.@-])[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})+(?![\w-])(?P<port>:\d{1,5}(?!\d))?")
# https://www.iana.org/assignments/special-use-domain-names, RFC 6762 appendix G, and what people use all the same.
_INSIDE = frozenset(
    {
        "local", "internal", "intern", "corp", "lan", "intra", "intranet", "home", "private", "localdomain", "domain",
        "loc", "adds", "ad", "svc", "consul", "nomad", "office", "priv", "workgroup", "prod", "dmz", "inside",
    }
)  # fmt: skip
_CLOUD = re.compile(
    r"(?i)(?:[.](?:compute|ec2|internal|cluster|svc|pod|privatelink)[.-]|^ip-\d{1,3}(?:-\d{1,3}){3}\b|\.svc$)"
)
_LABEL = re.compile(r"(?<![\w.@/\\#-])[A-Za-z][A-Za-z0-9]*(?:-[A-Za-z0-9]{1,20}){0,6}(?![\w@\\-]|\.\w)")
_POD = re.compile(
    r"[a-z][a-z0-9-]{1,60}-[a-f0-9]{8,10}-[a-z0-9]{5}|[a-z][a-z0-9-]{1,60}-[bcdfghjklmnpqrstvwxz2-9]{5}-\d+"
)
_FIRST = (
    r"(?:srv|svr|server|dc|db|sql|ora|web|www|node|host|vm|esxi?|fw|gw|lb|proxy|nas|san|mail|mx|exch?|adfs|ldap|dns|ns|k8s|kube|"
    r"worker|master|win|lnx|rhel|ubuntu|pc|nb|ws|ts|rds|ctx|citrix|prd|prod|stg|stage|dev|tst|qa|uat|fs|file|print|prn|"
    r"bastion|jump|vpn|redis|kafka|mongo|pg|postgres|mysql|oracle|elastic|rabbit|jenkins|ci|backup|bkp|app|api|idp|sso|"
    r"auth|signer|cache|sw|switch|rtr|router|cam|laptop|desktop)"
)
_HOST = re.compile(rf"(?i){_FIRST}(?:-?[a-z]{{1,12}})?\d{{0,4}}(?:-[a-z0-9]{{1,12}}){{0,4}}")
_TICKET = re.compile(r"[A-Z]{2,10}-\d+")
_DATED = re.compile(r"(?:-|(?<=[a-z]))(?:19|20)\d\d(?:-\d\d){0,2}$")
_NOT_HOSTS = frozenset(
    {
        "db2", "k8s", "web2", "web3", "int8", "int16", "int32", "int64", "win10", "win11", "win32", "win64", "auth0",
        "oauth2", "ns1", "test1", "test2",
    }
)  # fmt: skip
_UNC = re.compile(r"\\\\[\w.$-]{1,64}(?:\\[\w.$ -]{1,64})*")
_SHARE = re.compile(r"(?i)(?<!\w)(?:smb|nfs|cifs|ldaps?|file)://[^\s\"'<>]{2,}")
_NAMED = re.compile(
    r"(?i)(?<!\w)(?:server|host|hostname|machine|node|rechner|serveur|instance|domain controller|"
    r"on box) (?:named |called |namens )?(?P<value>[a-z][a-z0-9-]{0,40}\d[a-z0-9-]{0,20})(?![\w.-])"
)


def hosts_in(text: str, terms: TextTerms) -> Iterator[Spotted]:
    """Internal names and addresses; public addresses as what they are: somebody's line."""
    if any(map(str.isdigit, text)):
        yield from _addresses(text)
        yield from _written_apart(text)
        yield from _labels(text, terms)
    for match in _DOTTED.finditer(text):
        name = match[0].partition(":")[0]
        if is_inside(name) and not terms.shows(name):
            yield Spotted(kinds.INTERNAL_HOST, match.start(), match.end())
    for pattern in (_UNC, _SHARE):
        for match in pattern.finditer(text):
            yield Spotted(kinds.SHARE, match.start(), match.end())


def is_inside(name: str) -> bool:
    """Whether a dotted name is resolved in some network only."""
    labels = name.lower().split(".")
    return (labels[-1] in _INSIDE and not labels[-1].isdecimal()) or _CLOUD.search(name) is not None


def _addresses(text: str) -> Iterator[Spotted]:
    for pattern in (_IPV4, _IPV6):
        for match in pattern.finditer(text):
            if pattern is _IPV4 and _VERSION.search(text[max(0, match.start() - _BEFORE) : match.start()]):
                continue
            kind = _kind_of(match[0])
            if kind:
                yield Spotted(kind, match.start(), match.end())


def _written_apart(text: str) -> Iterator[Spotted]:
    for match in _DEFANGED.finditer(text):
        kind = _kind_of(match[0].translate(_BRACKETS))
        if kind:
            yield Spotted(kind, match.start(), match.end())
    for match in _CLOUD_NAME.finditer(text):
        yield Spotted(kinds.INTERNAL_HOST, match.start(), match.end())


def _kind_of(written: str) -> str:
    try:
        address = ipaddress.ip_address(written.partition("%")[0])
    except ValueError:
        return ""
    if address.is_loopback or address.is_unspecified or address.is_multicast:
        return ""
    if not address.is_global and not _is_example(address):
        return kinds.INTERNAL_ADDRESS
    return kinds.INTERNET


_EXAMPLES = tuple(
    map(ipaddress.ip_network, ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32"))
)  # RFC 5737 and RFC 3849: they stand for public ones


def _is_example(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    return any(address in network for network in _EXAMPLES)


def _labels(text: str, terms: TextTerms) -> Iterator[Spotted]:
    for match in _LABEL.finditer(text):
        name = match[0]
        if looks_like_host(name) and not terms.shows(name):
            yield Spotted(kinds.INTERNAL_HOST, match.start(), match.end())
    for match in _NAMED.finditer(text):
        if not terms.shows(match["value"]) and match["value"].lower() not in _NOT_HOSTS:
            yield Spotted(kinds.INTERNAL_HOST, match.start("value"), match.end("value"))


def looks_like_host(name: str) -> bool:
    """A single label with a number, named after what the machine is for, such as ``dc01`` and ``srv-db-3``."""
    if _POD.fullmatch(name) and any(map(str.isdigit, name)):
        return True
    if not name[-1].isdigit() or _TICKET.fullmatch(name) or _DATED.search(name) or name.lower() in _NOT_HOSTS:
        return False
    return _HOST.fullmatch(name) is not None
