"""All settings; the environment decides the differences. docs/configuration.md lists every name."""

import sys
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import django_stubs_ext
import environ
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

django_stubs_ext.monkeypatch()

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()
# Real environment variables win over the file, which set-up writes on a first run.
if (BASE_DIR / ".env").is_file():
    env.read_env(BASE_DIR / ".env")

# --- Mode and secrets -------------------------------------------------------------------------

DEBUG = env.bool("DEBUG", False)


def _secret(name: str, development: str) -> str:
    """Return the secret `name`; only development (DEBUG) may do without it."""
    value = env.str(name, "")
    if value or DEBUG:
        return value or development
    raise ImproperlyConfigured(
        f"{name} is not set. Production needs it (docs/configuration.md, section Secrets); "
        "for a try-out run `python3 dev.py demo`, or set DEBUG=1."
    )


def _number(name: str, default: int, *, least: int = 1) -> int:
    """Return the whole number `name`."""
    text = env.str(name, str(default))
    if not (text.isascii() and text.isdigit() and int(text) >= least):
        raise ImproperlyConfigured(f'{name} is "{text}"; it must be a whole number, {least} or more.')
    return int(text)


SECRET_KEY = _secret("SECRET_KEY", "development-only-key-never-used-in-production")
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])
# Encrypts provider credentials at rest; kept outside the database. Any text of 32 characters or more.
CREDENTIALS_KEY = _secret("CREDENTIALS_KEY", "development-only-credentials-key-32-chars")
# Peppers the hash of suppressed addresses, so that erasing a person keeps "never write here again".
SUPPRESSION_PEPPER = _secret("SUPPRESSION_PEPPER", "development-only-suppression-pepper")

# Lets a monitor read /metrics; without it there is no such page.
METRICS_TOKEN = env.str("METRICS_TOKEN", "")
SITE_URL = env.str("SITE_URL", "http://127.0.0.1:8000").rstrip("/")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])

# --- The shop, as it is before staff change it in Settings ------------------------------------

SHOP_NAME = env.str("SHOP_NAME", "My shop")
SHOP_TIME_ZONE = env.str("SHOP_TIME_ZONE", "Asia/Bangkok")
try:
    ZoneInfo(SHOP_TIME_ZONE)
except (ZoneInfoNotFoundError, ValueError) as _problem:
    raise ImproperlyConfigured(
        f'SHOP_TIME_ZONE is "{SHOP_TIME_ZONE}"; it must be an IANA name such as Asia/Bangkok.'
    ) from _problem
SHOP_COUNTRY = env.str("SHOP_COUNTRY", "TH")
SHOP_CURRENCY = env.str("SHOP_CURRENCY", "THB")
SHOP_LANGUAGE = env.str("SHOP_LANGUAGE", "en")

# --- Django -----------------------------------------------------------------------------------

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.humanize",
    "whitenoise.runserver_nostatic",
    "config.static.OwnStaticFiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_q",
    "django_htmx",
    "template_partials",
    "phonenumber_field",
    "simple_history",
    "csp",
    "crm",
    "messaging",
    "journeys",
    "config",
]
MIDDLEWARE = [
    "config.middleware.RequestIdMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "config.middleware.StaffLanguageMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "config.middleware.ThrottleMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "simple_history.middleware.HistoryRequestMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "crm.context.chrome",
            ]
        },
    }
]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "crm.User"
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"
INSTALLED_APPS.insert(0, "django.forms")
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
SILENCED_SYSTEM_CHECKS: list[str] = []

# --- Databases, cache, task queue -------------------------------------------------------------

DATABASES: dict[str, Any] = {"default": env.db_url("DATABASE_URL", f"sqlite:///{BASE_DIR / 'var' / 'waymark.sqlite3'}")}
_db = DATABASES["default"]
if not _db["ENGINE"].endswith((".sqlite3", ".postgresql")):
    raise ImproperlyConfigured("DATABASE_URL must begin with sqlite:/// or postgres://.")
if _db["ENGINE"].endswith("sqlite3"):
    # WAL lets readers go on while one writes; IMMEDIATE takes the write lock at BEGIN, so a claim is exclusive. In a
    # large database each batch writes to pages of its own all over the file: copied there every 40 MB instead of every
    # 4, many writes to one page cost one.
    _db["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": (
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-32768; "
            "PRAGMA wal_autocheckpoint=10000;"
        ),
    }
    Path(_db["NAME"]).parent.mkdir(parents=True, exist_ok=True)
else:
    _db["CONN_MAX_AGE"] = _number("DATABASE_CONN_MAX_AGE", 60, least=0)
    _db["CONN_HEALTH_CHECKS"] = True
    _db.setdefault("OPTIONS", {}).update({"application_name": "waymark", "connect_timeout": 5})
_db.setdefault("ATOMIC_REQUESTS", False)

REDIS_URL = env.str("REDIS_URL", "")
CACHES = {
    "default": (
        {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL, "KEY_PREFIX": "waymark"}
        if REDIS_URL
        else {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
    )
}

# Where it is kept how far the ledger of messages has come, so that a restored database gives itself away: a file on
# this machine, beside SQLite's own, and Redis when there is one.
_BESIDE = f"{_db['NAME']}.witness" if _db["ENGINE"].endswith("sqlite3") else str(BASE_DIR / "var" / "witness")
WITNESS_FILE = env.str("WITNESS_FILE", _BESIDE)
WITNESS_REDIS_URL = REDIS_URL

# django-q rings the bell; the rows in the database are what is owed (docs/decisions/002 and 007).
TASK_BROKER = env.str("TASK_BROKER", "orm")
if TASK_BROKER not in ("orm", "redis"):
    raise ImproperlyConfigured(f'TASK_BROKER is "{TASK_BROKER}"; it can be orm or redis.')
if TASK_BROKER == "redis" and not REDIS_URL:
    raise ImproperlyConfigured("TASK_BROKER is redis, but REDIS_URL is not set.")
TICK_SECONDS = _number("TICK_SECONDS", 15)
Q_CLUSTER: dict[str, Any] = {
    "name": "waymark",
    "workers": _number("TASK_WORKERS", 2),
    "bulk": 1,
    "queue_limit": 4,
    "timeout": 60,
    "retry": 300,
    "max_attempts": 1,
    "ack_failures": True,
    "catch_up": False,
    "recycle": 500,
    "max_rss": 600_000,
    "save_limit": -1,
    "poll": 0.2,
    "ALT_CLUSTERS": {},
    "label": "Task queue",
    **(
        {"broker_class": "config.broker.RedisBroker", "redis": REDIS_URL}
        if TASK_BROKER == "redis"
        else {"broker_class": "config.broker.OrmBroker", "orm": "default"}
    ),
}

# --- Sign-in ----------------------------------------------------------------------------------

AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_ADAPTER = "crm.access.adapter.StaffAdapter"
ACCOUNT_LOGIN_METHODS = {"email", "username"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGOUT_REDIRECT_URL = "/accounts/login/"
ACCOUNT_PREVENT_ENUMERATION = True
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_TOTP_ISSUER = "Waymark"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
SESSION_COOKIE_AGE = 60 * 60 * 12
SESSION_ENGINE = "django.contrib.sessions.backends.cached_db" if REDIS_URL else "django.contrib.sessions.backends.db"

# --- Transport security -----------------------------------------------------------------------

HTTPS = env.bool("HTTPS", not DEBUG)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SECURE_SSL_REDIRECT = HTTPS
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if env.bool("BEHIND_PROXY", False) else None
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CSRF_FAILURE_VIEW = "config.pages.forged"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "frame-src": [SELF],
        "base-uri": [NONE],
        "manifest-src": [SELF],
    }
}

# --- Languages and time -----------------------------------------------------------------------

USE_TZ = True
TIME_ZONE = "UTC"
USE_I18N = True
LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("th", _("Thai"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
PHONENUMBER_DEFAULT_REGION = SHOP_COUNTRY
PHONENUMBER_DB_FORMAT = "E164"
PHONENUMBER_DEFAULT_FORMAT = "E164"

# --- Static files -----------------------------------------------------------------------------

STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "var" / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    # What people send us. Nothing serves this directory: views hand out what somebody may see.
    "default": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"file_permissions_mode": 0o600, "directory_permissions_mode": 0o700},
    },
    "staticfiles": {"BACKEND": "crm.lib.static_files.StaticFiles"},
}
if DEBUG:
    STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
WHITENOISE_USE_FINDERS = DEBUG
# Only the names that change with the content are served, so only those are kept and compressed.
WHITENOISE_KEEP_ONLY_HASHED_FILES = True
# Already compressed, or (map) read by developers only.
WHITENOISE_SKIP_COMPRESS_EXTENSIONS = ("jpg", "jpeg", "png", "gif", "webp", "zip", "gz", "br", "woff", "woff2", "map")
MEDIA_ROOT = Path(env.str("MEDIA_ROOT", str(BASE_DIR / "var" / "media")))

# --- API --------------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "crm.api.authentication.ApiKeyAuthentication",
        "crm.api.authentication.StaffSession",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["crm.api.permissions.HasScope"],
    "DEFAULT_PARSER_CLASSES": ["crm.api.parsers.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["crm.api.renderers.OrjsonRenderer"],
    "DEFAULT_PAGINATION_CLASS": "crm.api.paging.CursorPage",
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_THROTTLE_CLASSES": ["crm.api.throttling.KeyThrottle"],
    "EXCEPTION_HANDLER": "crm.api.errors.problem_response",
    "PAGE_SIZE": 50,
    "UNAUTHENTICATED_USER": None,
}
API_RATE_PER_MINUTE = _number("API_RATE_PER_MINUTE", 6000)
# Past so many events that wait to be worked off, whoever reports more is asked to come later.
EVENT_BACKLOG_LIMIT = _number("EVENT_BACKLOG_LIMIT", 50_000)
SPECTACULAR_SETTINGS = {
    "TITLE": "Waymark API",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "ENUM_NAME_OVERRIDES": {
        "PurchaseStatus": "crm.models.Purchase.Status",
        "PurchaseStep": "crm.api.purchases.STEPS",
        "TicketStatus": "crm.models.Ticket.Status",
        "TicketKind": "crm.models.Ticket.Kind",
        "ReviewStatus": "crm.models.Review.Status",
        "PromotionKind": "crm.models.Promotion.Kind",
        "DeliveryState": "crm.models.HookDelivery.State",
        "TouchpointKind": "crm.models.Touchpoint.Kind",
        "ConsentState": "crm.models.State",
        "FlowState": "journeys.models.Flow.State",
        "EnrolmentState": "journeys.models.Enrolment.State",
        "MessageState": "messaging.models.Message.State",
        "BroadcastState": "messaging.models.Broadcast.State",
        "BroadcastLetter": "messaging.api.broadcast_shapes.LETTERS",
        "MessageChannel": "crm.models.Channel",
        "SimulationState": "journeys.api.simulations.STATES",
    },
}

# --- Messaging --------------------------------------------------------------------------------

# Dotted paths; a channel's row in Settings chooses one of them by its short name.
MESSAGING_PROVIDERS = {
    "sandbox": "messaging.providers.sandbox.SandboxProvider",
    "smtp": "messaging.providers.smtp.SmtpProvider",
    "http_sms": "messaging.providers.http_sms.provider.HttpSmsProvider",
    "anymail": "messaging.providers.anymail.provider.AnymailProvider",
    "line": "messaging.providers.line.provider.LineProvider",
    "twilio": "messaging.providers.twilio.provider.TwilioProvider",
}
vars().update(env.email_url("EMAIL_URL", "consolemail://"))
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", "shop@localhost")

# --- Coupons ----------------------------------------------------------------------------------

# How many coupons a day a member of staff may make void whose role makes no promotions.
SUPPORT_VOIDS_PER_DAY = _number("SUPPORT_VOIDS_PER_DAY", 20, least=0)

# --- Outgoing webhooks ------------------------------------------------------------------------

# host:port pairs that webhooks may call although they are in our own network or not on port 80 or 443.
WEBHOOK_TRUSTED = frozenset(env.list("WEBHOOK_TRUSTED", default=[]))

# --- Logging ----------------------------------------------------------------------------------

LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"request_id": {"()": "config.logs.RequestIdFilter"}},
    "formatters": {
        "text": {"format": "%(asctime)s %(levelname)s %(name)s [%(request_id)s] %(message)s"},
        "json": {"()": "config.logs.JsonFormatter"},
    },
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": env.str("LOG_FORMAT", "text"),
            "filters": ["request_id"],
        }
    },
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", "WARNING")},
    "loggers": {
        "django-q": {"level": env.str("LOG_LEVEL", "WARNING"), "handlers": ["console"], "propagate": False},
        "waymark": {"level": env.str("LOG_LEVEL", "INFO")},
    },
}
TESTING = "pytest" in sys.modules
