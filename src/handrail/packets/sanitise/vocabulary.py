"""The words that may stay. Everything that isn't made of these is removed or gets a pseudonym.

A word is here because protocols, frameworks and file layouts use it: it can't tell who somebody is or let anybody in.
Compared in lower case. A change here is a new ``RULES`` version in ``sanitise``.
"""

from __future__ import annotations

import re
from functools import lru_cache

from handrail.packets.sanitise.known.federation import OAUTH_ERRORS, WSFED_ACTIONS, XML_ALGORITHMS
from handrail.packets.sanitise.known.tables import words

__all__ = [
    "EXTENSIONS",
    "METHODS",
    "MIME_SUB",
    "MIME_TOP",
    "PROTOCOLS",
    "QUERY_NAMES",
    "QUERY_VALUES",
    "WORDS",
    "opens_doors",
    "words",
]

WORDS = words(
    """
a about access account accounts accept acs action actions activate active activity add address admin adfs agent
alert alerts all an analytics and android any api apis app application applications apps archive article articles
artifact assert assertion assertions asset assets assign attribute attributes audience audit auth authenticate
authenticated authentication authn authorisation authorization authorize authz auto avatar back backend backoff
background backup banner banners base basic batch beacon beta bind binding blank blob blog body bootstrap bounce box
broker browser buffer build bulk bundle bundles button by cache call callback canary cancel captcha capture card
cart catalog category cdn cert certificate certificates certs challenge change chat check checks choose chunk chunks
claim claims class client clients close cloud cluster code codec collect collector com common commons compat
complete component components conf config configuration confirm connect connection connections connector connectors
consent console consume consumer contact contacts container content context continue control controller convert
cookie cookies copy core count countries country create credential credentials cron crypto css csrf current custom
customer customers dashboard data database db debug default delay delegate delete deliver demo deny deploy desktop
detail details dev device devices diagnostics digest dir directory disable disco discover discovery dist dns do doc
docs document documents domain domains done download downloads draft drs edge edit editor email embed emit enable
encrypt end endpoint endpoints enroll enter enterprise entity entities entitlement entitlements entry env error
errors event events exception exchange execute expired explorer export ext external facade factor factors fail
failed failover failure favicon feature features federated federation fed feed fetch field fields file files filter
filters find flag flags flow flows folder font fonts footer for form forms forward frame framework frameworks free
fresh from front frontend full function functions gateway general generate get global go grant grants graph graphql
grid group groups grpc guest guid guide handle handler handlers handshake head header headers health healthcheck
healthz heartbeat help hidden history home homepage hook hooks host hosts hot hreflang html http https hub icon
icons id identify identities identity idp ids if iframe image images img import in inbox index info init initiate
input inspect install instance instances integration integrations internal introspect invalid invoice invoices
invoke ios issue issuer issues it item items job jobs journal jquery js json jsp jwks jwt kerberos key keycloak keys
kit kms known label labels landing lang language launch layout ldap lease level lib library libs license licence
lifecycle light link links list lists live load loader local locale locales location lock log logger logging login
logo logon logos logout logs lookup loop ls mail main manage management manager manifest map maps master match me
media member members membership memberships menu merge message messages meta metadata metric metrics mex mfa
middleware migrate min mobile mock modal mode model models module modules monitor monitoring move msg multi my name
names native nav navigation negotiate network new news next nginx no node nodes nonce not notice notification
notifications notify null oauth oauth2 object objects of offline offset oidc ok old on online op open openid
operation operations operator option options or order orders org organisation organisations organization
organizations orgs origin other otlp otp out outbox output over overview owner package packages page pages panel
param params parse part partial partner partners passive password passwd patch path pay payment payments peer
pending permission permissions person ping pixel plan plans platform player plugin plugins png poll polling poly
polyfill polyfills pool pop popup portal post posts prefs preferences preflight prelogin preview prices pricing
print privacy private probe process product products profile profiles project projects prompt protected protocol
provider providers provision proxy public publish purge push put query queue queues quick quota range rate raw react
read ready realm realms receive received recent record records recover recovery redirect ref refresh region regions
register registration registry relay release releases reload remote remove render renew report reports request
requests reset resolve resource resources response responses rest restart result results resume retry revoke role
roles rollback root route router routes row rows rpc rss rule rules rum run runtime saml saml1 saml2 sample samlp
save scan schedule schema schemas scim scope screen script scripts sdk search section secret secure security select
self send sent server servers serverless service services session sessions set settings setup share shared shell
shibboleth shop show sig sign signal signature signed signin signing signout signup silent site sites skin sku slo
small soap socket sp space spec spinner sprite sprites src ssl sso staff stage staging standard start startup state
static station statistics stats status step steps stop storage store stores stream streams structure sts style
styles stylesheet stylesheets sub submit subscribe subscription subscriptions subject success suite summary support
svc swagger sync system tab table tables tag tags target task tasks team teams telemetry temp template templates
tenant tenants terms test tests text theme themes thread thumb thumbnail thumbnails ticket tickets time timeout
timer title tls to token tokens tool tools top topic trace traces track tracker tracking traffic transaction
transactions transfer transform transport tree trigger trust trusts two txt type types ui unauthorized undo unlock
unread update updates upgrade upload uploads upstream url urls usage use user userinfo username users util utils v
valid validate validation value values vendor vendors verification verify version versions video videos view viewer
views virtual visit vocabulary wait warmup watch wayf web webapp webauthn webfinger webfonts webhook webhooks
webpack websocket welcome well widget widgets window windows wizard work worker workers workflow workspace
workspaces write ws wsdl wsfed x xhr xml zone zones ajax amz angular apache auth0 aws azure b2c bing bokeh chrome
cloudflare cloudfront ember envoy express facebook firefox fontawesome gitlab github google gtm hydra iis istio
jetty kestrel kong lodash microsoft microsoftonline moment mozilla msft next nuxt okta onelogin opensans openresty
oauth20 oidc1 ory pingidentity pingfederate pingone redux roboto rsa safari simplesaml simplesamlphp spring svelte
tomcat traefik ubuntu varnish vite vue webkit werkzeug wordpress zipkin connectid entra oauthv2 redirectsso postsso
samlsso samlresponse samlrequest singlelogout singlesignon assertionconsumer java javax python ruby net rails django
lang util concurrent springframework socket sslhandshake illegal argument runtime nosuch unknown interrupted
unavailable refused connectexception ioexception deadline exceeded exhausted aborted internal unix nano span spans
dropped kind parent scopes max age expires httponly bearer dpop negotiate samesite lax strict priority while stale
cors crossorigin disk memory hit miss stale revalidated bypass dynamic expired updating hits cacheable none stub
prefork
"""
)

EXTENSIONS = words(
    "aspx asp avif bmp cgi css csv do eot gif gz htm html ico jpeg jpg js json jsp jspx map mjs mp3 mp4 otf pdf php "
    "png rss svg svc ttf txt wasm wav webm webmanifest webp woff woff2 xhtml xml xsl yaml asmx ashx axd action"
)

QUERY_NAMES = words(
    """
SAMLRequest SAMLResponse SAMLart RelayState SigAlg Signature SAMLEncoding wa wtrealm wctx wreply wct wauth wresult
whr client_id client_secret redirect_uri response_type response_mode scope state nonce code code_challenge
code_challenge_method code_verifier grant_type prompt login_hint domain_hint id_token id_token_hint access_token
refresh_token token token_type expires_in session_state iss error error_description error_uri acr_values max_age
ui_locales display claims request request_uri audience resource assertion client_assertion client_assertion_type
post_logout_redirect_uri logout_hint sid entityID entityId returnIDParam return isPassive target providerId shire
spentityid username user email password otp tenant realm version v page limit offset sort order q query filter
fields count startIndex attributes excludedAttributes lang locale format type id api_key apikey key sig signature
session sessionid
"""
)

QUERY_VALUES = {
    "response_type": words("code token id_token none"),
    "response_mode": words("query fragment form_post web_message jwt query.jwt fragment.jwt form_post.jwt"),
    "grant_type": words("authorization_code refresh_token client_credentials password implicit")
    | {
        f"urn:ietf:params:oauth:grant-type:{name}"
        for name in words("jwt-bearer saml2-bearer token-exchange device_code uma-ticket")
    }
    | {"urn:openid:params:grant-type:ciba"},
    "prompt": words("none login consent select_account create"),
    "code_challenge_method": frozenset({"S256", "plain"}),
    "client_assertion_type": frozenset(
        f"urn:ietf:params:oauth:client-assertion-type:{name}" for name in ("jwt-bearer", "saml2-bearer")
    ),
    "token_type": frozenset({"Bearer", "bearer", "DPoP", "mac", "N_A"}),
    "display": words("page popup touch wap"),
    "isPassive": frozenset({"true", "false"}),
    "wa": WSFED_ACTIONS,
    "scope": frozenset({"openid"}),
    "SigAlg": XML_ALGORITHMS,
    "SAMLEncoding": frozenset({"urn:oasis:names:tc:SAML:2.0:bindings:URL-Encoding:DEFLATE"}),
    "error": OAUTH_ERRORS,
}

MIME_TOP = words("application audio font image message model multipart text video *")
MIME_SUB = words(
    """
* aac apng atom+xml avif bmp css csv dns-message event-stream ecmascript font-woff font-woff2 form-data geo+json gif
graphql grpc grpc-web grpc-web+proto grpc-web-text gzip html icon javascript jose jose+json jpeg jpg json
json-patch+json json-seq jwk-set+json jwt ld+json manifest+json markdown merge-patch+json mixed mp4 mpeg ndjson
octet-stream ogg opentype otf pdf pjpeg plain png problem+json problem+xml protobuf reports+json rss+xml
samlassertion+xml samlmetadata+xml scim+json sfnt signed-exchange soap+xml svg+xml text tiff truetype ttf
vnd.api+json vnd.microsoft.icon wasm webm webp woff woff2 webpack x-component x-empty x-font-ttf x-font-woff x-icon
x-javascript x-json x-mixed-replace x-ndjson x-protobuf x-shockwave-flash x-unknown x-www-form-urlencoded xhtml+xml
xml xml-dtd xslt+xml zip
"""
)

# The IANA registry "HTTP Methods", and PURGE of caches.
METHODS = words(
    """
GET HEAD POST PUT PATCH DELETE OPTIONS CONNECT TRACE PROPFIND PROPPATCH MKCOL COPY MOVE LOCK UNLOCK ACL REPORT SEARCH
QUERY LINK UNLINK BIND REBIND UNBIND MERGE LABEL UPDATE UPDATEREDIRECTREF CHECKIN CHECKOUT UNCHECKOUT BASELINE-CONTROL
VERSION-CONTROL MKACTIVITY MKCALENDAR MKREDIRECTREF MKWORKSPACE ORDERPATCH PRI PURGE
"""
)
# In lower case.
PROTOCOLS = words(
    """
http/0.9 http/1.0 http/1.1 http/2.0 http/2 http/3 http/3.0 h2 h2c h3 h3-27 h3-28 h3-29 h3-q050 http/2+quic/43
http/2+quic/46 http/1.x quic spdy spdy/3 spdy/3.1 ws wss data blob about file unknown
"""
)

_DOORS = re.compile(r"pass|pwd|secret|token|otp|credential|(?:^|[^a-z])pin(?:$|[^a-z])", re.I)


@lru_cache(maxsize=4096)
def opens_doors(name: str) -> bool:
    """Whether a parameter or header is named like what lets somebody in."""
    return _DOORS.search(name) is not None
