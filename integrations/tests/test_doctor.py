"""What `zoho_doctor` finds: each part broken in turn, and all of them well."""

import datetime as dt
import json
import re
from io import StringIO
from types import SimpleNamespace

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from integrations import health
from integrations.models import ZohoCredential
from integrations.zoho import transport
from integrations.zoho.scopes import scopes_of

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def a_worker_lives(monkeypatch):
    """A real one has a test of its own."""
    for part in ("Workers", "Work taken"):
        monkeypatch.setitem(health.PARTS, part, lambda: "1 answered.")


@pytest.fixture
def doctor(credential):
    """Run it; returns what it found by part, and the exit code."""

    def examine():
        out = StringIO()
        try:
            call_command("zoho_doctor", "--json", stdout=out)
            code = 0
        except CommandError as error:
            code = error.returncode
        told = json.loads(out.getvalue())
        assert told["ok"] == (code == 0)
        found = {one["name"]: one["words"] for one in told["findings"] if not one["is_well"]}
        return found, code

    return examine


def test_where_all_is_well_it_says_so(doctor):
    """And what was found."""
    assert doctor() == ({}, 0)

    out = StringIO()
    call_command("zoho_doctor", stdout=out)
    # Tests own their tables, and SQLite has no roles: the audit log could be rewritten.
    assert out.getvalue().count("✓") == len(health.PARTS) - 1
    assert "! Audit log: " in out.getvalue()


def test_a_database_that_is_away_is_named(doctor, monkeypatch):
    """With what to look at; the address may hold a password."""
    monkeypatch.setattr(
        connection, "ensure_connection", lambda: (_ for _ in ()).throw(OperationalError("secret"))
    )

    found, code = doctor()

    assert code == 1
    assert "DATABASE_URL" in found["Database"]
    assert "secret" not in str(found)


def test_migrations_that_are_missing_are_counted(doctor, monkeypatch):
    """A release that was put in place and not finished."""
    monkeypatch.setattr(MigrationExecutor, "migration_plan", lambda self, targets: [1, 2])

    found, _ = doctor()

    assert "2 migrations are not applied: run manage.py migrate" in found["Migrations"]


def test_a_queue_that_is_away_is_named(doctor, settings):
    """Without its password."""
    settings.REDIS_URL = "redis://:topsecret@127.0.0.1:1/0"

    found, _ = doctor()

    assert "REDIS_URL" in found["Work queue"]
    assert "topsecret" not in str(found)


def test_a_connection_that_zoho_refuses_is_named(doctor, zoho, credential):
    """By the sign-in, and by what cannot be asked without it; no secret is told."""
    zoho.revoke_refresh_token()

    found, _ = doctor()

    assert "Reconnect needed" in found["Sign-in at Zoho"]
    assert {"Sign-in at Zoho", "Zoho Inventory", "Zoho CRM"} == found.keys()
    assert credential.client_secret not in str(found)


def test_no_connection_is_named(doctor):
    """And where to make one."""
    ZohoCredential.objects.all().delete()

    found, _ = doctor()

    assert "Zoho is not connected" in found["Sign-in at Zoho"]


def test_an_api_that_is_down_is_named_alone(doctor, zoho):
    """The other one works."""
    zoho.faults.add("html_502", path="/inventory/")

    found, _ = doctor()

    assert found.keys() == {"Zoho Inventory"}


def test_what_is_not_allowed_is_not_asked(doctor, zoho):
    """A shop without CRM is well."""
    ZohoCredential.objects.update(scope=" ".join(scopes_of([])))
    zoho.faults.add("html_502", path="/crm/")

    assert doctor() == ({}, 0)


@pytest.mark.parametrize(("ahead", "word"), [(300, "behind"), (-300, "ahead of")])
def test_a_clock_that_differs_from_zohos_is_named(doctor, monkeypatch, ahead, word):
    """By how much, and in which direction."""
    real = transport.ahead_of_us
    monkeypatch.setattr(transport, "ahead_of_us", lambda *header: real(*header) + ahead)

    found, _ = doctor()

    assert found.keys() == {"Clock"}
    assert re.search(rf"clock is (299|300|301) seconds {word} Zoho's", found["Clock"])


def test_a_clock_that_is_a_little_off_is_well(doctor, monkeypatch):
    """Less than a minute harms nothing."""
    real = transport.ahead_of_us
    monkeypatch.setattr(transport, "ahead_of_us", lambda *header: real(*header) + 50)

    assert doctor() == ({}, 0)


def test_a_clock_that_nobody_could_be_asked_for_is_not_compared(doctor, zoho, monkeypatch):
    """What an earlier examination found says nothing about now."""
    monkeypatch.setattr(health, "clocks_seen", {"Zoho": 300.0})
    monkeypatch.setattr(health.connection, "vendor", "sqlite")
    ZohoCredential.objects.all().delete()

    found, _ = doctor()

    assert "Clock" not in found


@pytest.mark.postgres
def test_a_clock_that_differs_from_the_databases_is_named(doctor, monkeypatch):
    """Two machines, of which one was never told the time."""
    now = timezone.now
    monkeypatch.setattr(
        health, "timezone", SimpleNamespace(now=lambda: now() + dt.timedelta(minutes=2))
    )

    found, _ = doctor()

    assert found.keys() == {"Clock"}
    assert re.search(r"clock is (119|120) seconds ahead of the database's\.", found["Clock"])


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_a_worker_is_heard_and_missed(start_worker, wait_for, monkeypatch):
    """A real one, by its own answer."""
    with pytest.raises(health.UnhealthyError, match="celery -A config worker"):
        health.workers()

    start_worker()

    def hears():
        try:
            return health.workers() == "1 answered."
        except health.UnhealthyError:
            return False

    wait_for(hears)
