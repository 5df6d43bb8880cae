"""The product's own settings, with the waiting taken out; workers in tests use them too."""

import os
import tempfile
from urllib.parse import urlsplit

os.environ.setdefault("DATABASE_URL", "sqlite:///:memory:")
os.environ.setdefault("REDIS_URL", "redis://127.0.0.1:6379/15")
os.environ.setdefault("SECRET_KEY", "only-for-tests-" + "0123456789abcdef" * 3)
# pragma: allowlist nextline secret
os.environ.setdefault("ZOHO_ENCRYPTION_KEYS", "dGVzdHMtdGVzdHMtdGVzdHMtdGVzdHMtdGVzdHMtdGU=")
os.environ.setdefault("HTTPS", "false")
os.environ.setdefault("SIMULATOR", "true")
os.environ.setdefault("LOG_DIR", tempfile.mkdtemp(prefix="zoho-sync-logs-"))

# Of tests that run side by side, each process has a Redis of its own.
if side := os.environ.get("PYTEST_XDIST_WORKER"):
    server = urlsplit(os.environ["REDIS_URL"])
    os.environ["REDIS_URL"] = server._replace(path=f"/{int(side.removeprefix('gw')) + 1}").geturl()

from config.settings import *  # noqa: F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
ALLOWED_HOSTS = ["*"]

# The simulator counts calls itself; tests of our own budget set these.
ZOHO_REQUESTS_PER_MINUTE = int(os.environ.get("ZOHO_REQUESTS_PER_MINUTE", 0))
ZOHO_REQUESTS_PER_DAY = int(os.environ.get("ZOHO_REQUESTS_PER_DAY", 0))
ZOHO_CONCURRENCY = int(os.environ.get("ZOHO_CONCURRENCY", 0))
ZOHO_CRM_CREDITS_PER_DAY = int(os.environ.get("ZOHO_CRM_CREDITS_PER_DAY", 0))
ZOHO_CRM_CONCURRENCY = int(os.environ.get("ZOHO_CRM_CONCURRENCY", 0))

ZOHO_TIMEOUT = (2, 1)
SYNC_RETRY_DELAY = 0.2  # type: ignore[assignment]
# Workers in tests look only where a test asks for it.
NOTICE_CHECK_EVERY = float(os.environ.get("NOTICE_CHECK_EVERY", 0))  # type: ignore[assignment]
SYNC_SILENCE = float(os.environ.get("SYNC_SILENCE", 2))  # type: ignore[assignment]
