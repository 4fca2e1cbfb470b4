"""Django's settings that no installation changes. ``conf.start`` needs no more to make the models importable."""

from __future__ import annotations

from pathlib import Path

from handrail.conf import logs as _logs

_package = Path(__file__).resolve().parent.parent

DEBUG = False
ROOT_URLCONF = "handrail.conf.urls"
WSGI_APPLICATION = "handrail.conf.wsgi.application"
AUTH_USER_MODEL = "access.User"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en-gb"
USE_I18N = False

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "csp",
    "django_htmx",
    "django_structlog",
    "heroicons",
    "handrail.audit",
    "handrail.work",
    "handrail.access",
    "handrail.definitions",
    "handrail.runbooks",
    "handrail.support",
    "handrail.packets",
    "handrail.notifications",
    "handrail.web",
    "handrail.conf.apps.Composition",
]

MIDDLEWARE = [
    "handrail.conf.headers.ResponseHeaders",
    "handrail.api.health.Probes",
    "handrail.api.middleware.TlsOnly",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "handrail.conf.gate.Gate",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "handrail.conf.requests.Numbered",
    "handrail.web.shell.idleness.Idle",
    "handrail.web.shell.middleware.Refusals",
    "handrail.api.middleware.WrongMethods",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [_package / "web" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "handrail.web.shell.context.shell",
            ],
            "builtins": ["heroicons.templatetags.heroicons", "handrail.web.templatetags.handrail"],
        },
    }
]

# Refused log-ins are counted here: in the database, so that all processes and machines count together. The bound is
# far above what an attacker's many names and addresses fill before the counts of others expire.
CACHES = {
    "default": {
        "BACKEND": "handrail.conf.cache.JsonDatabaseCache",
        "LOCATION": "handrail_cache",
        "KEY_PREFIX": "json",  # what versions before kept as pickles is never read
        "OPTIONS": {"MAX_ENTRIES": 100_000},
    }
}

AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "handrail.access.passwords.GuessablePasswordValidator"},
]
ACCOUNT_ADAPTER = "handrail.web.shell.accounts.ClosedAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_SESSION_REMEMBER = True  # a session lasts SESSION_COOKIE_AGE, without a question
ACCOUNT_LOGOUT_REDIRECT_URL = "/accounts/login/"
MFA_ADAPTER = "handrail.web.shell.factors.FactorsAdapter"
MFA_SUPPORTED_TYPES = ["webauthn", "totp", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_WEBAUTHN_USER_VERIFICATION = "required"
MFA_TOTP_ISSUER = "Handrail"
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/admin"

STATIC_URL = "/static/"
WHITENOISE_USE_FINDERS = True
WHITENOISE_MAX_AGE = 3600
WHITENOISE_ALLOW_ALL_ORIGINS = False  # other sites have no use for our files

SESSION_ENGINE = "handrail.access.session_store"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 12 * 3600
CSRF_COOKIE_HTTPONLY = True  # forms carry the token; scripts never read the cookie
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"  # no cookie of their own
# Both reach further than this host: the owner of the domain decides, not Django's check.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CSRF_FAILURE_VIEW = "handrail.web.shell.errors.csrf_failure"
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024

LOGGING = _logs.django_logging()
