"""What `zoho_doctor` finds: each part broken in turn, and all of them well."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from django.db.migrations.executor import MigrationExecutor

from integrations import health
from integrations.models import ZohoCredential
from integrations.zoho.scopes import scopes_of

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def a_worker_lives(monkeypatch):
    """A real one has a test of its own."""
    monkeypatch.setitem(health.PARTS, "Workers", lambda: "1 answered.")


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
    assert out.getvalue().count("✓") == len(health.PARTS)


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


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_a_worker_is_heard_and_missed(start_worker, wait_for, monkeypatch):
    """A real one, by its own answer."""
    with pytest.raises(health.Ill, match="celery -A config worker"):
        health.workers()

    start_worker()

    def hears():
        try:
            return health.workers() == "1 answered."
        except health.Ill:
            return False

    wait_for(hears)
