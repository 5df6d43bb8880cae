"""Every setting of Zoho Sync, read from the environment.

Production-safe unless told otherwise: a missing or malformed value stops the start with a
sentence that names the variable, never its value. Each secret can also be given as the path
of a file in ``NAME_FILE`` (Docker and Kubernetes secrets).

The table of variables for operators is in README.md; `tests/test_docs.py` keeps the two together.
"""

import base64
import datetime as dt
import hashlib
import os
import secrets
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import dj_database_url
from celery.schedules import crontab
from cryptography.fernet import Fernet
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from backoffice.environment import read as envsecret
from config import redis_tls
from config.database import DatabaseConfig
from config.logs import logging_config
from integrations.zoho.configuration import ZohoSDKVariables
from integrations.zoho.data_centers import is_trusted_url
from integrations.zoho.errors import ZohoConfigError

BASE_DIR = Path(__file__).resolve().parent.parent


def env(name: str, default: str = "") -> str:
    return os.environ.get(name, "").strip() or default


def envbool(name: str, default: bool) -> bool:
    value = env(name, str(default)).lower()
    if value not in ("true", "false", "1", "0", "yes", "no", "on", "off"):
        raise ImproperlyConfigured(f"{name} must be true or false.")
    return value in ("true", "1", "yes", "on")


def envint(name: str, default: int) -> int:
    value = env(name, str(default))
    if not value.isdecimal():
        raise ImproperlyConfigured(f"{name} must be a whole number, zero or more.")
    return int(value)


def envlist(name: str, default: str = "") -> list[str]:
    return [part.strip() for part in env(name, default).split(",") if part.strip()]


def envchoice(name: str, choices: Sequence[str], default: str = "") -> str:
    value = env(name, default)
    if value and value not in choices:
        raise ImproperlyConfigured(f"{name} must be one of: {', '.join(choices)}.")
    return value


def envurl(name: str) -> str:
    value = env(name).rstrip("/")
    if value and not is_trusted_url(value):
        raise ImproperlyConfigured(
            f"{name} must be the https address of a Zoho data centre, or a loopback address."
        )
    return value


def debug_key(file: Path, make: Callable[[], str]) -> str:
    """The key in this file, which is made, for this user alone, where it is not there yet: a key
    that stood in the repository would be everybody's."""
    if not file.exists():
        file.parent.mkdir(mode=0o700, exist_ok=True)
        own = file.with_name(f"{file.name}.{os.getpid()}")
        own.touch(mode=0o600)
        own.write_text(make())
        with suppress(FileExistsError):
            os.link(own, file)  # of several processes, the first wins
        own.unlink()
    return file.read_text().strip()


def hash_source(text: str) -> str:
    """What a Content-Security-Policy calls this one style or script."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


# --- Django -----------------------------------------------------------------------------------

DEBUG = envbool("DEBUG", False)
ALLOWED_HOSTS = envlist("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
CSRF_TRUSTED_ORIGINS = envlist("CSRF_TRUSTED_ORIGINS")

SECRET_KEY = envsecret("SECRET_KEY")
if not SECRET_KEY and DEBUG:
    SECRET_KEY = debug_key(BASE_DIR / ".debug" / "secret_key", lambda: secrets.token_urlsafe(50))
if not DEBUG and (len(SECRET_KEY) < 50 or len(set(SECRET_KEY)) < 5):
    raise ImproperlyConfigured(
        "SECRET_KEY is missing or weak: set 50 or more random characters, for example from "
        "python -c 'import secrets; print(secrets.token_urlsafe(50))'."
    )

INSTALLED_APPS = [
    "jazzmin",
    "config.apps.SiteConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django_celery_beat",
    "django_htmx",
    "import_export",
    "csp",
    "axes",  # before our own, whose receivers read what its receivers found
    "backoffice",
    "integrations",
    "sync",
    "products_and_services",
    "crm_accounts",
    "notices",
]
# The simulated Zoho is for development. `manage.py zoho_simulator` asks for it by name.
if envbool("SIMULATOR", DEBUG):
    INSTALLED_APPS.append("simulator")

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "config.logs.RequestIdMiddleware",
    "config.requests.StatementTimeout",
    "config.requests.RequestChecks",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "integrations.sign_in.ActingUser",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "config" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

LOGIN_REDIRECT_URL = "admin:index"  # of those who come to the sign-in page by its own address
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",  # refuses before a password is looked at
    "django.contrib.auth.backends.ModelBackend",
]
# Failed sign-ins of one account from one address before both have to wait; see integrations.sign_in
# for what several share.
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = dt.timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"], "ip_address", "username"]
AXES_HANDLER = "integrations.sign_in.SignInThrottle"
AXES_CLIENT_IP_CALLABLE = "integrations.sign_in.client_address"
AXES_LOCKOUT_CALLABLE = "config.views.locked_out"
AXES_RESET_ON_SUCCESS = True
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False  # else a stranger could lock it for ever
AXES_DISABLE_ACCESS_LOG = True  # the audit log has it
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]

LANGUAGE_CODE = "en"
TIME_ZONE = env("TIME_ZONE", "UTC")
USE_TZ = True
USE_I18N = True
USE_THOUSAND_SEPARATOR = True
FORMAT_MODULE_PATH = "config.formats"

STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
WHITENOISE_USE_FINDERS = True  # serves a clone as it is, with or without collectstatic

# --- Database ---------------------------------------------------------------------------------

DATABASE_URL = DatabaseConfig().url
try:
    DATABASES = {"default": dj_database_url.parse(DATABASE_URL, conn_max_age=60)}
except (dj_database_url.ParseError, dj_database_url.UnknownSchemeError, ValueError):
    # `from None`: the parser's own message would carry the password.
    raise ImproperlyConfigured(
        "DATABASE_URL is malformed: it must look like postgresql://user:password@host/name "
        "or sqlite:///path."
    ) from None
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    # SQLite ignores select_for_update; taking its one write lock at BEGIN serves instead,
    # so "lock, then read again" holds there too.
    DATABASES["default"].setdefault("OPTIONS", {}).update(transaction_mode="IMMEDIATE", timeout=30)

# Seconds for one SQL statement of a web request, on PostgreSQL; zero is no limit.
WEB_STATEMENT_TIMEOUT = envint("WEB_STATEMENT_TIMEOUT", 30)

# --- Security ---------------------------------------------------------------------------------

# The demo runs on plain http on the loopback interface and turns this off; nothing else should.
HTTPS = envbool("HTTPS", not DEBUG)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
SECURE_PROXY_SSL_HEADER = (
    ("HTTP_X_FORWARDED_PROTO", "https") if envbool("BEHIND_PROXY", False) else None
)
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
if HTTPS:
    # Browsers take such cookies from this host alone, so that no neighbor can plant one.
    SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = "__Host-sessionid", "__Host-csrftoken"
SESSION_COOKIE_AGE = 12 * 60 * 60
X_FRAME_OPTIONS = "DENY"
CSRF_FAILURE_VIEW = "config.views.csrf_failure"

# The style attributes of Jazzmin's and Django's own pages, each exactly as it stands there. A
# browser test fails when a new version adds one.
JAZZMINS_STYLES = (
    "margin-left:0; padding-top: 20px;",
    "opacity: .8; margin: 0 0 0 5px;",
    "width: auto; min-width: 250px;",
    "margin-right: 5px; margin-left: 15px;",
    "margin-left: -10px;",
    "margin-top: .2em;",
    "display: none;",
    "display: none",
    "list-style: none; padding: 0;",
)

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [
            SELF,
            # Inline scripts of Jazzmin (the color mode; the empty filter table of a list; the
            # required fields of the two password pages) and of the raw schedule's page. A browser
            # test fails when a new version changes them.
            "'sha256-oufyiLq9heVNX0RFs532lnKzrs2pHgVyLVsyRlTCfQg='",
            "'sha256-F7GVayJMLy0KHikNUhjbBcBE0ax/V4knxuE9lJsuA6A='",
            "'sha256-OQlLsGYyiAVVwdHnkEraaS+8yfFm7rTeYMfelN7RwuE='",
            "'sha256-DT/ci/z/ofx36DBKYq8ZBDQ2sgAnvO+SmuKGfcZ95UU='",
            "'sha256-QE3U2xYF7B4J2ro1/9oxiKhaWCGW39gB7ocQ/xlD0bE='",
        ],
        "style-src": [SELF, "'unsafe-hashes'", *map(hash_source, JAZZMINS_STYLES)],
        "img-src": [SELF, "data:"],
        "object-src": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}

# --- Zoho -------------------------------------------------------------------------------------

ZOHO_ENCRYPTION_KEYS = [
    key.strip() for key in envsecret("ZOHO_ENCRYPTION_KEYS").split(",") if key.strip()
]
if not ZOHO_ENCRYPTION_KEYS and DEBUG:
    ZOHO_ENCRYPTION_KEYS = [
        debug_key(BASE_DIR / ".debug" / "encryption_key", lambda: Fernet.generate_key().decode())
    ]
if not ZOHO_ENCRYPTION_KEYS:
    raise ImproperlyConfigured(
        "ZOHO_ENCRYPTION_KEYS is missing: make one with python -c 'from cryptography.fernet "
        "import Fernet; print(Fernet.generate_key().decode())' and keep it safe. Without it "
        "the stored Zoho secrets cannot be read."
    )
try:
    for _key in ZOHO_ENCRYPTION_KEYS:
        Fernet(_key)
except ValueError:
    raise ImproperlyConfigured(
        "ZOHO_ENCRYPTION_KEYS must be comma-separated Fernet keys: 32 bytes in URL-safe base64."
    ) from None

# A connection given by the environment; `manage.py zoho_connect` stores it.
try:
    _sdk = ZohoSDKVariables()
except ZohoConfigError as _error:
    raise ImproperlyConfigured(_error.message) from None
ZOHO_SDK_CLIENT_ID = _sdk.client_id
ZOHO_SDK_CLIENT_SECRET = _sdk.client_secret.get_secret_value()
ZOHO_SDK_REFRESH_TOKEN = _sdk.refresh_token.get_secret_value()
ZOHO_SDK_REDIRECT_URL = _sdk.redirect_url
ZOHO_SDK_REGION = str(_sdk.region or "")
ZOHO_SDK_ENVIRONMENT = str(_sdk.environment or "production")
# So many records or more are the SDK's work; fewer, and a person's, are not.
ZOHO_SDK_FROM_RECORDS = _sdk.from_records
ZOHO_GRANT_CODE = envsecret("ZOHO_GRANT_CODE")

ZOHO_ACCOUNTS_URL = envurl("ZOHO_ACCOUNTS_URL")
ZOHO_API_URL = envurl("ZOHO_API_URL")
ZOHO_REQUESTS_PER_MINUTE = envint("ZOHO_REQUESTS_PER_MINUTE", 100)
ZOHO_REQUESTS_PER_DAY = envint("ZOHO_REQUESTS_PER_DAY", 1000)
ZOHO_CONCURRENCY = envint("ZOHO_CONCURRENCY", 5)
ZOHO_CRM_CREDITS_PER_DAY = envint("ZOHO_CRM_CREDITS_PER_DAY", 5000)
ZOHO_CRM_CONCURRENCY = envint("ZOHO_CRM_CONCURRENCY", 5)
# Whose changes of accounts wait for somebody's approval before they are sent to Zoho: of those who
# may not approve by themselves, everybody's, or nobody's.
ZOHO_CRM_APPROVAL = envchoice("ZOHO_CRM_APPROVAL", ("right", "always", "never"), "right")
# Connect and read, in seconds, for every call: a server that accepts and never answers must not
# keep a worker.
ZOHO_TIMEOUT = (5, 30)

# How often a run may be cut off, or fail in passing, before it is given up; the seconds between;
# and after how many seconds without a heartbeat its worker is taken for dead.
SYNC_RETRIES = 3
SYNC_RETRY_DELAY = 60
SYNC_SILENCE = 60

# A full run that would retire more than this share of the records, and more than this number of
# them, asks a person first; and how many days the history of changes is kept.
SYNC_SHRINK_PERCENT = envint("SYNC_SHRINK_PERCENT", 10)
SYNC_SHRINK_ITEMS = envint("SYNC_SHRINK_ITEMS", 20)
SYNC_HISTORY_DAYS = envint("SYNC_HISTORY_DAYS", 90)
# How many days change requests are kept, with their values, after they have ended.
CHANGE_REQUEST_DAYS = envint("CHANGE_REQUEST_DAYS", 365)

# --- Notices and mail -------------------------------------------------------------------------

# What is promised of the data's age, in hours: of items, by runs of both modes; of stock, by full
# ones. Zero promises nothing.
SYNC_FRESH_HOURS = envint("SYNC_FRESH_HOURS", 3)
SYNC_FULL_FRESH_HOURS = envint("SYNC_FULL_FRESH_HOURS", 26)
# A product of which there are so many or fewer is low.
LOW_STOCK = envint("LOW_STOCK", 10)
# Seconds between two checks of a worker.
NOTICE_CHECK_EVERY = 60

# Without a host no mail is sent, and the pages say so.
EMAIL_HOST = env("EMAIL_HOST")
EMAIL_SECURITY = envchoice("EMAIL_SECURITY", ("none", "starttls", "tls"), "starttls")
EMAIL_USE_TLS = EMAIL_SECURITY == "starttls"
EMAIL_USE_SSL = EMAIL_SECURITY == "tls"
EMAIL_PORT = envint("EMAIL_PORT", {"none": 25, "starttls": 587, "tls": 465}[EMAIL_SECURITY])
EMAIL_HOST_USER = env("EMAIL_HOST_USER")
EMAIL_HOST_PASSWORD = envsecret("EMAIL_HOST_PASSWORD")
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env("DEFAULT_FROM_EMAIL")
if EMAIL_HOST and not DEFAULT_FROM_EMAIL:
    raise ImproperlyConfigured(
        "DEFAULT_FROM_EMAIL is missing: with EMAIL_HOST set, mails need a sender."
    )
# The address staff know this by, for the links in mails.
SITE_URL = env("SITE_URL").rstrip("/")
if SITE_URL and not SITE_URL.startswith(("https://", "http://")):
    raise ImproperlyConfigured("SITE_URL must begin with https:// or http://.")

# --- Celery -----------------------------------------------------------------------------------

REDIS_URL = envsecret("REDIS_URL")
if not REDIS_URL:
    raise ImproperlyConfigured(
        "REDIS_URL is missing: set redis://host:6379/0 (it carries the work queue and the call "
        "budget that all workers share)."
    )

_celery_url, _redis_tls = redis_tls.split(REDIS_URL)
CELERY_BROKER_URL = CELERY_RESULT_BACKEND = _celery_url
CELERY_BROKER_USE_SSL = CELERY_REDIS_BACKEND_USE_SSL = _redis_tls
CELERY_BROKER_TRANSPORT = "config.broker:Transport"
# A worker tries to reach Redis again for as long as it takes.
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
# A click must not hang because Redis does: the run is saved first, and started later if need be.
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "socket_connect_timeout": 2,
    "socket_timeout": 10,
    "max_retries": 1,
    "interval_start": 0,
    "interval_step": 0.2,
    # An unacknowledged message is delivered again after this long, in seconds: one whose worker was
    # killed before it began, or one that waits in a worker for its time. It outlasts the longest
    # task (see the time limits below). A message that comes twice does no harm: runs are claimed in
    # the database, so the second finds nothing to do.
    "visibility_timeout": 3600,
}
CELERY_RESULT_BACKEND_TRANSPORT_OPTIONS = {"retry_policy": {"timeout": 1.0}}
CELERY_REDIS_RETRY_ON_TIMEOUT = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_RESULT_EXPIRES = 24 * 60 * 60
CELERY_TASK_TRACK_STARTED = True
# A message is acknowledged when its work begins. What is lost with a worker that is killed, the
# database knows: beat wakes runs again, and each chore comes round. Acknowledged late, it would
# only come a second time, up to an hour after the run has ended (docs/decisions/0002).
CELERY_TASK_ACKS_LATE = False
# After the soft limit (seconds) a run makes way for other work and queues up again; the hard one
# is for what does not listen. Both lie below the visibility timeout.
CELERY_TASK_SOFT_TIME_LIMIT = 30 * 60
CELERY_TASK_TIME_LIMIT = 40 * 60
# Tasks are long and few: a worker takes a message only when it has a process free for it.
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_DISABLE_PREFETCH = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TIMEZONE = TIME_ZONE
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
# The product's own chores, put into the database anew at each start of beat. What staff decide on,
# the schedule of the syncs, is made once, by a migration.
CELERY_BEAT_SCHEDULE = {
    "Wake waiting and interrupted runs": {
        "task": "sync.tasks.wake_runs",
        "schedule": 15.0,
        # Without a worker to read them, they would pile up. (The scheduler's own name for it; it
        # drops Celery's `expires` without a word.)
        "options": {"expire_seconds": 60},
    },
    "Forget the oldest history": {
        "task": "sync.tasks.prune_history",
        "schedule": crontab(hour=4, minute=30),
    },
    "Close change requests that nobody decided on": {
        "task": "crm_accounts.tasks.expire_change_requests",
        "schedule": crontab(minute="*/10"),
        "options": {"expire_seconds": 600},
    },
    "Forget the oldest change requests": {
        "task": "crm_accounts.tasks.prune_change_requests",
        "schedule": crontab(hour=4, minute=40),
    },
    "Forget the oldest notices": {
        "task": "notices.tasks.prune",
        "schedule": crontab(hour=4, minute=35),
    },
}

# --- Logs -------------------------------------------------------------------------------------

LOG_DIR = Path(env("LOG_DIR", str(BASE_DIR / "logs")))
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
LOG_LEVEL = envchoice("LOG_LEVEL", LOG_LEVELS, "INFO")
# The files hold everything; the console may hold less.
CONSOLE_LOG_LEVEL = envchoice("CONSOLE_LOG_LEVEL", LOG_LEVELS, LOG_LEVEL)
LOGGING_CONFIG = "config.logs.configure"
LOGGING = logging_config(LOG_DIR, LOG_LEVEL, CONSOLE_LOG_LEVEL)

# --- The admin's look -------------------------------------------------------------------------

SYNC_LINK = {
    "name": "🔄 Sync Zoho",
    "url": "products_and_services:trigger-sync",
    "icon": "fas fa-play",
    "permissions": ["sync.trigger_zoho_sync"],
}
SCHEDULE_LINK = {
    "name": "Schedule",
    "url": "sync:schedule",
    "icon": "fas fa-clock",
    "permissions": ["django_celery_beat.view_periodictask"],
}
JAZZMIN_SETTINGS = {
    "site_title": "Zoho Sync",
    "site_header": "Zoho Sync",
    "site_brand": "Zoho Sync",
    "site_logo": "sync/logo.svg",
    "site_logo_classes": "",
    "welcome_sign": "Sign in to see your Zoho data",
    "copyright": "Zoho Sync",
    "topmenu_links": [
        {"name": "Home", "url": "admin:index"},
        {"model": "auth.User"},
        SYNC_LINK,
    ],
    "usermenu_links": [
        {
            "name": "Tell me by e-mail",
            "url": "notices:tell-me",
            "icon": "fas fa-bell",
            "permissions": ["notices.view_notice"],
        },
    ],
    # Narrow screens have no top menu.
    "custom_links": {"sync": [SYNC_LINK, SCHEDULE_LINK]},
    "order_with_respect_to": [
        "products_and_services",
        "crm_accounts",
        "crm_accounts.account",
        "crm_accounts.changerequest",
        "crm_accounts.crmfield",
        "sync",
        "notices",
        "integrations",
        "auth",
    ],
    "icons": {
        "products_and_services.product": "fas fa-box",
        "crm_accounts.account": "fas fa-building",
        "crm_accounts.changerequest": "fas fa-pen",
        "crm_accounts.crmfield": "fas fa-list",
        "sync.syncrun": "fas fa-sync",
        "sync.change": "fas fa-history",
        "sync.failedrecord": "fas fa-exclamation-triangle",
        "notices.notice": "fas fa-bell",
        "integrations.zohousage": "fas fa-tachometer-alt",
        "integrations.zohocredential": "fas fa-key",
        "integrations.auditevent": "fas fa-clipboard-list",
        "auth": "fas fa-users-cog",
        "auth.user": "fas fa-user",
        "auth.group": "fas fa-users",
    },
    # The page Schedule is the one way in; engineers still reach the raw tables by their address.
    "hide_apps": ["django_celery_beat"],
    "use_google_fonts_cdn": False,  # nothing is fetched from elsewhere
    "custom_css": "sync/zoho-sync.css",
    "custom_js": "sync/accessibility.js",
    "changeform_format": "single",
}
JAZZMIN_UI_TWEAKS = {"default_theme_mode": "auto"}
