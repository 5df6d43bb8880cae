"""The settings say no to a bad value, by name and without showing it."""

import os
import subprocess
import sys
from pathlib import Path

import dj_database_url
import pytest
from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured

from config.database import DatabaseConfig

ROOT = Path(__file__).resolve().parent.parent
GOOD = {
    "SECRET_KEY": "k3y-" + "0123456789abcdefghij" * 3,  # pragma: allowlist secret
    "ZOHO_ENCRYPTION_KEYS": Fernet.generate_key().decode(),
    "DATABASE_URL": "sqlite:///:memory:",
    "REDIS_URL": "redis://127.0.0.1:1/0",
}
SHOW = (
    "import django; django.setup();"
    "from django.conf import settings as s;"
    "print(s.DEBUG, s.SESSION_COOKIE_SECURE, s.CSRF_COOKIE_SECURE, s.SECURE_SSL_REDIRECT,"
    " s.SECURE_HSTS_SECONDS > 0, s.SESSION_COOKIE_NAME, s.CSRF_COOKIE_NAME,"
    " 'unsafe-inline' not in str(s.CONTENT_SECURITY_POLICY['DIRECTIVES']),"
    " 'simulator' in s.INSTALLED_APPS)"
)


def start(tmp_path, **changes):
    """Load the settings in a fresh process; returns the finished process."""
    environment = {
        "PATH": os.environ["PATH"],
        "LOG_DIR": str(tmp_path),
        "DJANGO_SETTINGS_MODULE": "config.settings",
        **GOOD,
        **changes,
    }
    environment = {name: value for name, value in environment.items() if value is not None}
    return subprocess.run(
        [sys.executable, "-c", SHOW],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_defaults_are_safe_for_production(tmp_path):
    """Nobody reads a checklist on the day of the launch."""
    started = start(tmp_path)

    cookies = ["__Host-sessionid", "__Host-csrftoken"]
    assert started.stdout.split() == ["False", *["True"] * 4, *cookies, "True", "False"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SECRET_KEY", None),
        ("SECRET_KEY", "short-and-weak"),
        ("SECRET_KEY", "a" * 60),
        ("ZOHO_ENCRYPTION_KEYS", None),
        ("ZOHO_ENCRYPTION_KEYS", "no-fernet-key-hunter2"),
        ("DATABASE_URL", None),
        ("DATABASE_URL", "oracle-hunter2"),
        ("REDIS_URL", None),
        ("DEBUG", "perhaps-hunter2"),
        ("ZOHO_REQUESTS_PER_MINUTE", "-5"),
        ("ZOHO_REQUESTS_PER_DAY", "many-hunter2"),
        ("ZOHO_CONCURRENCY", "2.5"),
        ("ZOHO_API_URL", "https://hunter2.example"),
        ("ZOHO_ACCOUNTS_URL", "http://accounts.zoho.com"),
        ("ZOHO_SDK_REGION", "eurpoe"),
        ("ZOHO_SDK_ENVIRONMENT", "prod"),
        ("ZOHO_SDK_FROM_RECORDS", "hunter2"),
        ("DATABASE_PORT", "hunter2"),
        ("LOG_LEVEL", "LOUD"),
        ("EMAIL_PORT", "hunter2"),
        ("EMAIL_SECURITY", "hunter2"),
        ("LOW_STOCK", "-1"),
        ("SITE_URL", "hunter2.example.com"),
        ("SECRET_KEY_FILE", "/does/not/exist"),
    ],
)
def test_a_bad_value_stops_the_start_and_is_named_but_not_shown(tmp_path, name, value):
    """The message ends up in logs, and half of these values are secrets."""
    started = start(tmp_path, **{name: value})

    assert started.returncode != 0
    last = started.stderr.strip().splitlines()[-1]
    assert "ImproperlyConfigured" in last
    assert name in last
    assert "hunter2" not in started.stderr


def test_a_secret_can_come_from_a_file(tmp_path):
    """Docker and Kubernetes hand them over so."""
    file = tmp_path / "key"
    file.write_text(GOOD["SECRET_KEY"] + "\n")

    assert start(tmp_path, SECRET_KEY=None, SECRET_KEY_FILE=str(file)).returncode == 0


PARTS = {
    "DATABASE_NAME": "back/office",
    "DATABASE_USER": "zoho@sync",
    "DATABASE_PASSWORD": "p@ss/:",  # pragma: allowlist secret
}


@pytest.fixture
def database(monkeypatch):
    """Where the database is when these variables are set and no others."""

    def read(**variables):
        for name in [name for name in os.environ if name.startswith("DATABASE_")]:
            monkeypatch.delenv(name)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        return DatabaseConfig()

    return read


def test_the_parts_of_the_database_survive_as_they_are(database):
    """A password is not made for URLs."""
    found = dj_database_url.parse(database(**PARTS, DATABASE_HOST="db.example").url)

    assert (found["NAME"], found["USER"], found["PASSWORD"]) == tuple(PARTS.values())
    assert (found["HOST"], found["PORT"]) == ("db.example", 5432)


def test_the_url_of_the_database_wins_over_its_parts(database):
    """Half of one and half of the other would be a third database."""
    url = "postgresql://me@elsewhere/other"

    assert database(DATABASE_URL=url, **PARTS).url == url


def test_the_systems_own_variables_name_no_database(database, monkeypatch):
    """USER is set on every machine, to the person who happens to be signed in."""
    monkeypatch.setenv("USER", "olga")

    with pytest.raises(ImproperlyConfigured, match="DATABASE_URL is missing"):
        _ = database(DATABASE_NAME="office").url


def test_the_databases_password_is_not_shown(database):
    """Settings are printed when something is wrong."""
    assert "p@ss" not in repr(database(**PARTS))


def test_mail_needs_a_sender(tmp_path):
    """Servers refuse mail from nobody, and at the first notice it is too late to find out."""
    server = {"EMAIL_HOST": "mail.example.com"}

    started = start(tmp_path, **server)

    assert started.returncode != 0
    assert "DEFAULT_FROM_EMAIL is missing" in started.stderr
    assert start(tmp_path, **server, DEFAULT_FROM_EMAIL="zoho@example.com").returncode == 0


def test_the_demo_and_debugging_need_no_keys(tmp_path):
    """Only when not debugging is a missing key an error."""
    assert start(tmp_path, DEBUG="true", SECRET_KEY=None, ZOHO_ENCRYPTION_KEYS=None).returncode == 0


def test_a_log_folder_that_cannot_be_written_is_named(tmp_path):
    """Silent loss of logs is found out too late."""
    blocked = tmp_path / "file"
    blocked.write_text("")

    started = start(tmp_path, LOG_DIR=str(blocked / "logs"))

    assert started.returncode != 0
    assert "LOG_DIR" in started.stderr
