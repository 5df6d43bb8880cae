"""What `zoho_doctor` says of workers and runs."""

import datetime as dt
import json
from io import StringIO

import pytest
from celery import current_app
from django.core.management import CommandError, call_command
from django.utils import timezone

from integrations import health
from notices.models import Pulse
from sync.models import SyncRun

pytestmark = pytest.mark.django_db


@pytest.fixture
def doctor(monkeypatch):
    """What it finds by part: (is it well, words). Zoho is not asked; a worker answers."""
    for part in ("Sign-in at Zoho", "Zoho Inventory", "Zoho CRM", "Work queue"):
        monkeypatch.setitem(health.PARTS, part, lambda: "It answers.")
    monkeypatch.setattr(current_app.control, "ping", lambda timeout: [{"worker@here": "pong"}])

    def examine():
        out = StringIO()
        try:
            call_command("zoho_doctor", "--json", stdout=out)
            code = 0
        except CommandError as error:
            code = error.returncode
        findings = json.loads(out.getvalue())["findings"]
        assert all(one["is_well"] for one in findings) == (code == 0)
        return {one["name"]: (one["is_well"], one["words"]) for one in findings}

    return examine


def worked(minutes):
    at = timezone.now() - dt.timedelta(minutes=minutes)
    Pulse.objects.update_or_create(pk=Pulse.WORKER, defaults={"at": at})


def test_a_worker_that_answers_and_takes_no_work_is_not_well(doctor):
    """After seconds of a read-only Redis it answered each ping, and the doctor was content."""
    worked(6)

    found = doctor()

    assert found["Workers"] == (True, "1 answered.")
    is_well, words = found["Work taken"]
    assert not is_well
    assert "Restart the workers" in words
    worked(1)
    assert doctor()["Work taken"][0]


def test_a_run_that_is_due_and_not_started_is_not_well(doctor):
    """Named, with the time since when it is due."""
    worked(1)
    assert doctor()["Due runs"] == (True, "No run is overdue.")
    run, _ = SyncRun.request("products_and_services.product", trigger="person", task_name="none")
    SyncRun.objects.update(created_at=timezone.now() - dt.timedelta(minutes=6))

    is_well, words = doctor()["Due runs"]

    assert not is_well
    assert words.startswith(f"{run} has been due since")
