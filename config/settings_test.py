"""Settings of the test suite: fast hashing, no network, in-memory mail."""

import os
import tempfile

os.environ["DEBUG"] = ""
for _name in ("SECRET_KEY", "CREDENTIALS_KEY", "SUPPRESSION_PEPPER"):
    os.environ.setdefault(_name, f"test-{_name}-that-is-long-enough-for-every-check")
if os.environ.get("TEST_DATABASE", "sqlite") == "sqlite":
    os.environ["DATABASE_URL"] = f"sqlite:///{tempfile.gettempdir()}/waymark-tests-{os.getpid()}.sqlite3"

from config.settings import *  # noqa: E402, F403
from config.settings import DATABASES, Q_CLUSTER  # noqa: E402

HTTPS = SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = False
ALLOWED_HOSTS = ["*"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
SESSION_ENGINE = "django.contrib.sessions.backends.db"
# The databases of tests come and go; those who are about it keep it in a folder of their own.
WITNESS_FILE = WITNESS_REDIS_URL = ""
WHITENOISE_AUTOREFRESH = WHITENOISE_USE_FINDERS = True  # the live server of browser tests has nothing collected
Q_CLUSTER = {**Q_CLUSTER, "broker_class": "config.broker.OrmBroker", "orm": "default"}
DATABASES["default"]["CONN_MAX_AGE"] = 0
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    # A file, as in production: in memory, the live server's threads would share one connection, and its transactions,
    # with the test's. It need not outlive a power cut.
    DATABASES["default"]["TEST"] = {"NAME": f"{DATABASES['default']['NAME']}-test"}
    DATABASES["default"]["OPTIONS"]["init_command"] = "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;"
