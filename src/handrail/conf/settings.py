"""Django's settings, derived from ``handrail.toml``. ``conf.start`` has found the database's URL."""

from __future__ import annotations

from csp.constants import NONE, SELF

from handrail.conf import config as _config
from handrail.conf import database as _database
from handrail.conf import single_sign_on as _single_sign_on
from handrail.conf.base_settings import *  # noqa: F403 - Django finds them all in this module
from handrail.conf.keys import web_secret_key as _web_secret_key

_loaded = _config.load()
_https = _loaded.web.https
SECRET_KEY = _web_secret_key(_loaded)
ALLOWED_HOSTS = list(_loaded.web.allowed_hosts)

DATABASES = {"default": _database.settings(_database.current())}
HANDRAIL_SERVING_ROLE = _database.serving_role(_loaded)
ALLAUTH_TRUSTED_PROXY_COUNT = _loaded.web.trusted_proxies
HANDRAIL_SIGN_ON_ISSUER = _loaded.single_sign_on.issuer if _loaded.single_sign_on else None
# Not allauth's SOCIALACCOUNT_ONLY, which allows no second factors: people enrol passkeys here to sign with.
HANDRAIL_SIGN_ON_ONLY = _loaded.single_sign_on is not None and _loaded.single_sign_on.only

_metrics = _loaded.web.metrics_secret
HANDRAIL_METRICS_SECRET = _config.secrets().resolve(_metrics) if _metrics else None
HANDRAIL_IDLE_SECONDS = _loaded.web.idle_minutes * 60
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _https
if _https:
    # A browser takes a cookie of such a name only from this very host over https: no subdomain and nothing on the way
    # can plant one. Over plain http browsers refuse the prefix, so there the names stay Django's.
    SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = "__Host-sessionid", "__Host-csrftoken"
SECURE_SSL_REDIRECT = _https
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if _https else None
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if _https else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = _https and _loaded.web.hsts_subdomains
SECURE_HSTS_PRELOAD = _https and _loaded.web.hsts_preload

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF, *_single_sign_on.origins(_loaded.single_sign_on)],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
    }
}
