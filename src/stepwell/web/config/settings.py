"""Settings, all from the environment.

| variable                | meaning                                                               | default                          |
|-------------------------|-----------------------------------------------------------------------|----------------------------------|
| STEPWELL_VAR            | folder for this installation's own files                              | ./var                            |
| STEPWELL_DATABASE_URL   | sqlite:///path or postgresql://user:password@host:port/name           | sqlite in STEPWELL_VAR           |
| STEPWELL_STORE          | folder of the record store                                            | STEPWELL_VAR/store               |
| STEPWELL_DROP           | folder with one folder per organisation code for exports to import     | STEPWELL_VAR/drop                |
| STEPWELL_UPLOAD_MB      | largest file that may be sent through the import page                 | 50                               |
| STEPWELL_AS_OF          | fixed "today", YYYY-MM-DD, for a demo on old data                     | the real day                     |
| STEPWELL_DEMO           | 1: synthetic people, sign-in by persona from this machine only        | 0                                |
| STEPWELL_SECRET_KEY     | key for sessions and forms                                            | made once, STEPWELL_VAR/secret-key |
| STEPWELL_HOSTS          | host names served, commas between                                     | this machine only                |
| STEPWELL_HTTPS          | 1: cookies and redirects for HTTPS only                               | 0 on this machine, else 1        |
| STEPWELL_PROXY          | 1: behind a proxy of ours that sets X-Forwarded-For and -Proto        | 0                                |
| STEPWELL_IDLE_MINUTES   | minutes without activity before signing out                           | 15 (demo 240)                    |
| STEPWELL_MFA            | who must sign in with a second step: everyone, managers, optional     | everyone (demo optional)         |
| STEPWELL_OIDC_ISSUER    | OpenID Connect provider to sign in with, its issuer address           | none                             |
| STEPWELL_OIDC_NAME, STEPWELL_OIDC_CLIENT_ID, STEPWELL_OIDC_CLIENT_SECRET, STEPWELL_OIDC_SCOPES, STEPWELL_OIDC_ACR
|                         | its name on the page, our registration there; the levels of assurance that count as a second step (none) |
| STEPWELL_CIS2_ISSUER    | NHS Care Identity Service 2, its issuer address                       | none                             |
| STEPWELL_CIS2_CLIENT_ID, STEPWELL_CIS2_KEY_FILE, STEPWELL_CIS2_SCOPES, STEPWELL_CIS2_ACR
|                         | our registration there, our private key (PEM, RSA), levels of assurance | AAL3_ANY                       |
| STEPWELL_SEARCHES       | searches for patients one member of staff may make in ten minutes     | 120                              |
| STEPWELL_EXPORTS        | exports one member of staff may make in an hour                       | 30                               |

There is no debug mode: an error page never shows data.
"""

from __future__ import annotations

import os

from stepwell.web.config import compat, environment
from stepwell.web.config.areas import WEB, areas

DEBUG = False

VAR = environment.folder()
DEMO = environment.flag("STEPWELL_DEMO")
STORE = os.environ.get("STEPWELL_STORE") or str(VAR / "store")
DROP = os.environ.get("STEPWELL_DROP") or str(VAR / "drop")
UPLOAD_BYTES = 1_000_000 * environment.number("STEPWELL_UPLOAD_MB", 50)
AS_OF = environment.day("STEPWELL_AS_OF")
SECRET_KEY = environment.secret_key(VAR)

LOOPBACK_HOSTS = ["localhost", "127.0.0.1", "[::1]"]
_hosts = [host.strip() for host in os.environ.get("STEPWELL_HOSTS", "").split(",") if host.strip()]
# A demo stays on this machine whatever else is set: persona sign-in needs no password.
ALLOWED_HOSTS = LOOPBACK_HOSTS if DEMO or not _hosts else _hosts
_https = os.environ.get("STEPWELL_HTTPS", "")
HTTPS = environment.flag("STEPWELL_HTTPS") if _https else ALLOWED_HOSTS is not LOOPBACK_HOSTS

VAR.mkdir(parents=True, exist_ok=True)
_database_url = os.environ.get("STEPWELL_DATABASE_URL") or f"sqlite:///{VAR / 'stepwell.sqlite3'}"
# Without ATOMIC_REQUESTS on purpose: evaluation runs between two short transactions, outside the write lock.
DATABASES = {"default": environment.database(_database_url)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    # Their models and cryptography; the pages and the flow of signing in are ours (web/accounts).
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    # For its copy of htmx alone: fragments of pages that work without it.
    "django_htmx",
    *compat.TASK_APPS,
    *(f"stepwell.web.{area}" for area in areas()),
]
AUTH_USER_MODEL = "accounts.User"
ROOT_URLCONF = "stepwell.web.config.urls"
WSGI_APPLICATION = "stepwell.web.config.wsgi.application"

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "stepwell.web.core.middleware.RequestContextMiddleware",
    compat.csp_middleware(),
    "stepwell.web.core.middleware.HeadersMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "stepwell.web.accounts.middleware.SessionLimitsMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "stepwell.web.accounts.middleware.ActorMiddleware",
    "stepwell.web.core.middleware.AuditedMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.jinja2.Jinja2",
        "DIRS": [],
        "APP_DIRS": True,
        "OPTIONS": {
            "environment": "stepwell.web.config.jinja2_env.environment",
            "context_processors": ["stepwell.web.core.layout.context"],
        },
    },
]

LOGIN_URL = "accounts:sign_in"
LOGIN_REDIRECT_URL = "core:home"
LOGOUT_REDIRECT_URL = "accounts:sign_in"
AUTHENTICATION_BACKENDS = ["stepwell.web.accounts.backends.PasswordBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

# Who must have a second step (a code or a passkey): everyone, managers (roles.yaml says which), optional.
SECOND_STEP = environment.choice("STEPWELL_MFA", ("everyone", "managers", "optional"), "optional" if DEMO else "everyone")
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
# Always finger, face or PIN: a challenge begun after a password must not let a stolen key in that asks for none.
MFA_WEBAUTHN_USER_VERIFICATION = "required"
MFA_TOTP_ISSUER = "Stepwell"
MFA_TOTP_TOLERANCE = 1  # clocks of telephones differ by some seconds
MFA_ADAPTER = "stepwell.web.accounts.secrets.Adapter"
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*"]

IDLE_SECONDS = 60 * environment.number("STEPWELL_IDLE_MINUTES", 240 if DEMO else 15)
SIGN_IN_PROVIDERS = environment.sign_in_providers()
# How often is not a limit of any law: high enough for a busy desk, low enough that nobody walks through a practice's list unseen.
SEARCHES_MOST = environment.number("STEPWELL_SEARCHES", 120)
EXPORTS_MOST = environment.number("STEPWELL_EXPORTS", 30)
SESSION_COOKIE_AGE = 12 * 60 * 60
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
SESSION_COOKIE_NAME = "stepwell_session"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = HTTPS
CSRF_COOKIE_NAME = "stepwell_csrf"
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SECURE = HTTPS
CSRF_FAILURE_VIEW = "stepwell.web.core.errors.csrf_failure"

# Believed only when the operator says that a proxy of theirs stands in front and sets them anew.
PROXY = environment.flag("STEPWELL_PROXY")
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if PROXY else None
SECURE_SSL_REDIRECT = HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
globals().update(compat.csp_settings())

# What takes longer than a page may is a task, carried out by `stepwell manage db_worker`.
TASKS = {"default": {"BACKEND": "django_tasks_db.DatabaseBackend"}}
FILE_UPLOAD_HANDLERS = ["stepwell.web.operations.uploads.LimitedUploadHandler"]

STATIC_URL = "/static/"
STATICFILES_DIRS = [WEB / "static"]
WHITENOISE_USE_FINDERS = True
WHITENOISE_MAX_AGE = 3600
WHITENOISE_ALLOW_ALL_ORIGINS = False

LANGUAGE_CODE = "en-gb"
TIME_ZONE = "Europe/London"
USE_TZ = True
USE_I18N = False

# Seconds between opportunistic seals of the audit trail in one process; 0 = only by command.
SEAL_EVERY = 60

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"()": "stepwell.web.core.logs.WithoutData"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "root": {"handlers": ["stderr"], "level": "WARNING"},
    "loggers": {
        "django": {"handlers": ["stderr"], "level": "WARNING", "propagate": False},
        "django.request": {"handlers": ["stderr"], "level": "ERROR", "propagate": False},
        # Anybody can send a wrong host name or a wrong form; they get a 400 and the log stays readable.
        "django.security": {"handlers": [], "level": "CRITICAL", "propagate": False},
        "django.server": {"handlers": [], "level": "WARNING", "propagate": False},
    },
}
