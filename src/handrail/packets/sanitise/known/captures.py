"""What HAR writers put into their files: their own names, and the words of the fields that they add.

From the writers themselves: Chromium ``HARWriter``/``HARLog`` (front_end/models/har), Firefox ``har-builder.js``,
WebKit ``HARBuilder.js``, Playwright ``harTracer.ts``, mitmproxy ``savehar.py``, Charles, Fiddler and Proxyman exports.
"""

from __future__ import annotations

from http import HTTPStatus

from handrail.packets.sanitise.known.tables import words

PRODUCERS = frozenset(
    {
        "WebInspector", "WebKit Web Inspector", "Chrome HAR Capturer", "Firefox", "Firebug", "Chrome", "Chromium",
        "Safari", "Edge", "Microsoft Edge", "Fiddler", "Fiddler Everywhere", "Charles Proxy", "mitmproxy har_dump.py",
        "mitmproxy", "Playwright", "webkit", "chromium", "firefox", "chrome", "msedge", "BrowserMob Proxy", "Proxyman",
        "Insomnia", "HTTP Toolkit", "Internet Explorer", "Opera", "Brave", "Vivaldi", "Postman", "Burp Suite",
        "Burp Suite Professional", "OWASP ZAP", "ZAP", "WebPageTest", "Browsertime", "sitespeed.io", "Puppeteer",
        "puppeteer-har", "Cypress", "selenium-wire", "Wireshark", "Reqable", "Requestly", "HttpWatch",
        "HttpWatch Professional", "HttpWatch Basic", "Paw", "RapidAPI", "Bruno", "k6", "har-validator", "PhantomJS",
        "netsniff.js", "Firefox Developer Tools", "DebugBar", "IEInspector HTTP Analyzer", "Network Monitor", "YSlow",
        "Page Speed", "dynaTrace", "chrome-har", "Whistle", "Stream", "Surge", "Kong", "Handrail",
    }
)  # fmt: skip
RELEASES = frozenset({"1.1", "1.2", "1.3"})  # of the format
ENTRY_WORDS = {
    "_priority": words("VeryLow Low Medium High VeryHigh Lowest Highest"),
    "_resourceType": words(
        "document stylesheet image media font script xhr fetch prefetch eventsource websocket manifest ping other "
        "preflight csp-report signed-exchange texttrack webtransport beacon webbundle cspviolationreport directsocket"
    ),
    "_fromCache": frozenset({"disk", "memory"}),
    "_fetchType": frozenset({"Network Load", "Memory Cache", "Disk Cache", "Service Worker", "Inspector Override"}),
    "_securityState": frozenset({"secure", "insecure", "broken", "weak"}),
}
TLS_VERSIONS = frozenset(
    {"TLS 1.3", "TLS 1.2", "TLS 1.1", "TLS 1.0", "TLSv1.3", "TLSv1.2", "TLSv1.1", "TLSv1", "SSL 3.0", "QUIC"}
)
PHASES = words(
    """
blocked dns connect send wait receive ssl _queued _blocked_queueing _blocked_proxy _workerStart _workerReady
_workerFetchStart _workerRespondWithSettled _workerRouterEvaluationStart _workerCacheLookupStart
"""
)
# A status code, as a phrase names it: the registry's name of today, of earlier RFCs, and of common servers.
PHRASES: dict[int, frozenset[str]] = {
    int(status): frozenset({status.phrase.lower()}) for status in HTTPStatus
}  # fmt: skip
for _status, _phrases in {
    200: {"connection established", "connected", "200", "success"},
    203: {"non-authoritative information", "non-authoritative"},
    302: {"moved temporarily", "moved", "redirect", "object moved"},
    303: {"see other (since http/1.1)"},
    307: {"internal redirect"},
    408: {"request time-out", "request timeout"},
    413: {"payload too large", "request entity too large", "content too large"},
    414: {"request-uri too long", "uri too long", "request-uri too large"},
    416: {"requested range not satisfiable", "range not satisfiable"},
    418: {"i'm a teapot"},
    422: {"unprocessable entity", "unprocessable content"},
    499: {"client closed request"},
    500: {"internal server error", "server error", "internal error"},
    501: {"method not implemented"},
    502: {"proxy error"},
    503: {"service temporarily unavailable", "service unavailable"},
    504: {"gateway time-out", "gateway timeout"},
    509: {"bandwidth limit exceeded"},
    520: {"web server returned an unknown error"},
    521: {"web server is down"},
    522: {"connection timed out"},
    523: {"origin is unreachable"},
    524: {"a timeout occurred"},
    525: {"ssl handshake failed"},
    526: {"invalid ssl certificate"},
    530: {"site is frozen"},
    999: {"request denied"},
}.items():
    PHRASES[_status] = PHRASES.get(_status, frozenset()) | _phrases
