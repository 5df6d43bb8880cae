"""Who may do what, and what is kept from whom."""

import json
import logging
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.core.management import call_command
from django.urls import reverse
from django_celery_beat.models import PeriodicTask

from config.logs import LogFile, json_formatter
from crm_accounts.models import Account
from integrations import connect
from integrations.models import ConnectAttempt, ZohoCredential
from integrations.zoho.errors import ZohoConfigError
from products_and_services.models import Product
from sync.models import Change, FailedRecord, SyncRun
from sync.models.failures import Failure

ROOT = Path(__file__).resolve().parent.parent
pytestmark = pytest.mark.django_db


def member(*permissions):
    """A member of staff with just these rights."""
    user = User.objects.create_user(f"user {User.objects.count()}", is_staff=True)
    for permission in permissions:
        app, codename = permission.split(".")
        user.user_permissions.add(
            Permission.objects.get(content_type__app_label=app, codename=codename)
        )
    return user


# --- users and groups -------------------------------------------------------------------------


def test_only_superusers_see_the_superuser_box_and_single_rights(client):
    """Who may change users could else make themselves anything."""
    clerk = member("auth.change_user", "auth.view_user")
    other = member()
    client.force_login(clerk)

    page = client.get(reverse("admin:auth_user_change", args=[other.pk])).content.decode()

    assert "is_superuser" not in page
    assert "user_permissions" not in page


def test_the_superuser_box_cannot_be_posted_either(client):
    """A form is a suggestion."""
    clerk = member("auth.change_user", "auth.view_user")
    client.force_login(clerk)

    client.post(
        reverse("admin:auth_user_change", args=[clerk.pk]),
        {"username": clerk.username, "is_active": "on", "is_staff": "on", "is_superuser": "on"},
    )

    clerk.refresh_from_db()
    assert not clerk.is_superuser


def test_nobody_sets_the_password_of_somebody_who_may_more(client, staff):
    """Whose password one sets is who one can be."""
    client.force_login(member("auth.change_user", "auth.view_user"))
    manager = member("products_and_services.view_product")

    for person in (staff, manager):
        address = reverse("admin:auth_user_password_change", args=[person.pk])
        assert client.get(address).status_code in (302, 403, 404)


def test_nobody_joins_a_group_with_rights_they_do_not_have(client):
    """The groups that are offered are those whose rights one has."""
    clerk = member("auth.change_user", "auth.view_user", "products_and_services.view_product")
    mine, more = Group.objects.create(name="Readers"), Group.objects.create(name="Bosses")
    mine.permissions.add(Permission.objects.get(codename="view_product"))
    more.permissions.add(Permission.objects.get(codename="approve_zoho_changes"))
    client.force_login(clerk)

    page = client.get(reverse("admin:auth_user_change", args=[clerk.pk])).content.decode()

    assert "Readers" in page
    assert "Bosses" not in page


def test_groups_are_the_superusers(client):
    """A group is a list of single rights."""
    client.force_login(member("auth.change_group", "auth.view_group", "auth.add_group"))

    assert client.get(reverse("admin:auth_group_changelist")).status_code == 403
    assert client.get(reverse("admin:auth_group_add")).status_code == 403


# --- the schedule's raw tables ----------------------------------------------------------------

RAW = ("periodictask", "crontabschedule", "intervalschedule", "clockedschedule", "solarschedule")


@pytest.mark.parametrize("model", RAW)
def test_the_raw_schedule_is_closed_to_all_but_superusers(client, staff, model):
    """A right to change the schedule would start any task, with the rights of a worker."""
    rights = [f"django_celery_beat.{what}_{model}" for what in ("view", "change", "add", "delete")]
    address = reverse(f"admin:django_celery_beat_{model}_changelist")

    client.force_login(member(*rights))
    assert client.get(address).status_code == 403
    client.force_login(staff)
    assert client.get(address).status_code == 200


def test_nothing_is_started_from_the_raw_schedule(client, staff):
    """Syncs are started where they are told of."""
    task = PeriodicTask.objects.first()
    client.force_login(staff)
    address = reverse("admin:django_celery_beat_periodictask_changelist")

    assert "run_tasks" not in client.get(address).content.decode()
    client.post(address, {"action": "run_tasks", "_selected_action": [task.pk]})

    assert not SyncRun.objects.exists()


# --- values of accounts -----------------------------------------------------------------------

PLAIN = "an access in plain text"
LISTS = ("admin:sync_change_changelist", "admin:sync_failedrecord_changelist")


@pytest.fixture
def traces():
    """An account and a product, each with history and a failure."""
    account = Account.objects.create(zoho_account_id="71", name="Account Sentinel")
    product = Product.objects.create(zoho_item_id="72", name="Product Sentinel")
    for record, zoho_id in ((account, "71"), (product, "72")):
        run = SyncRun.objects.create(
            kind=record._meta.label_lower, state="succeeded", trigger="person", task_name="task"
        )
        Change.objects.create(run=run, action="created", zoho_id=zoho_id, after=record.name)
        FailedRecord.record(run, [Failure(zoho_id, zoho_id, f"Why {record.name}", "")])


@pytest.mark.parametrize("page", LISTS)
@pytest.mark.parametrize(
    ("right", "seen"),
    [
        (None, set()),
        ("products_and_services.view_product", {"Product Sentinel"}),
        ("crm_accounts.view_account", {"Account Sentinel"}),
    ],
)
def test_what_names_a_records_values_is_for_those_who_may_view_it(
    client, traces, page, right, seen
):
    """The history and the ledger are the list by another door."""
    rights = ["sync.view_change", "sync.view_failedrecord", *([right] if right else [])]
    client.force_login(member(*rights))

    text = client.get(reverse(page)).content.decode()

    assert {name for name in ("Account Sentinel", "Product Sentinel") if name in text} == seen


@pytest.mark.parametrize("model", [Change, FailedRecord])
def test_a_single_row_is_kept_from_them_too(client, traces, model):
    """An address can be typed."""
    client.force_login(member("sync.view_change", "sync.view_failedrecord"))

    for row in model.objects.all():
        address = reverse(f"admin:sync_{model._meta.model_name}_change", args=[row.pk])
        assert "Sentinel" not in client.get(address, follow=True).content.decode()


# --- secrets ----------------------------------------------------------------------------------


def test_dumpdata_writes_no_secret_in_clear_and_loaddata_reads_it(credential, tmp_path):
    """A backup by `dumpdata` lay about with the refresh token in it."""
    file = tmp_path / "dump.json"
    secret = credential.refresh_token
    ZohoCredential.objects.update(access_token=PLAIN)

    call_command("dumpdata", "integrations", output=str(file))
    ZohoCredential.objects.all().delete()
    text = file.read_text()
    rows = [row for row in json.loads(text) if row["model"] == "integrations.zohocredential"]
    (tmp_path / "rows.json").write_text(json.dumps(rows))
    call_command("loaddata", str(tmp_path / "rows.json"), verbosity=0)

    for plain in (secret, credential.client_secret, PLAIN):
        assert plain not in text
    assert ZohoCredential.objects.get().refresh_token == secret


def test_debug_uses_no_key_that_stands_in_the_repository(tmp_path):
    """A key that all have is none."""
    code = "from config import settings as s; print(s.SECRET_KEY, s.ZOHO_ENCRYPTION_KEYS[0])"
    environment = {
        "PATH": os.environ["PATH"],
        "DEBUG": "true",
        "DATABASE_URL": "sqlite:///:memory:",
        "REDIS_URL": "redis://127.0.0.1:1/0",
        "LOG_DIR": str(tmp_path),
        "PYTHONPATH": str(ROOT),
    }

    def keys():
        run = [sys.executable, "-c", code]
        told = subprocess.run(run, env=environment, capture_output=True, text=True, check=True)
        return told.stdout.split()

    first = keys()

    assert keys() == first
    tracked = subprocess.run(
        ["git", "grep", "-l", "-F", first[1]], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert tracked.stdout == ""
    for file in (ROOT / ".debug").iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_refused_consent_replaces_no_working_connection(credential, staff):
    """The attempt holds no tokens then."""
    attempt, _ = ConnectAttempt.begin(
        staff,
        "session",
        data_center="us",
        redirect_uri="https://x.example/oauth/callback",
        client_id="1000.OTHER",
        client_secret=PLAIN,
    )
    attempt.use()

    with pytest.raises(ZohoConfigError, match="has not agreed"):
        connect.choose(attempt, "1")

    assert ZohoCredential.load().refresh_token == credential.refresh_token


def test_a_refresh_token_that_is_replaced_is_revoked_at_zoho(credential, staff, zoho):
    """Nobody would end it later."""
    attempt, _ = ConnectAttempt.begin(
        staff,
        "session",
        data_center="us",
        redirect_uri="https://x.example/oauth/callback",
        client_id=credential.client_id,
        client_secret=credential.client_secret,
    )
    new = attempt.credential()
    new.refresh_token, new.expires_in = "1000.a-new-one.of-some-length", credential.created_at
    attempt.keep(new)

    connect.choose(attempt, "60000000001")

    assert ZohoCredential.load().refresh_token == new.refresh_token
    assert [r.path for r in zoho.requests] == ["/oauth/v2/token/revoke"]


# --- logs -------------------------------------------------------------------------------------


def test_log_files_are_not_for_everybody(tmp_path):
    """They hold names of people and ids."""
    handler = LogFile(str(tmp_path / "django.log"), chmod=0o640)
    handler.setFormatter(json_formatter())
    handler.emit(logging.makeLogRecord({"msg": "x"}))
    handler.close()

    assert stat.S_IMODE((tmp_path / "django.log").stat().st_mode) == 0o640


def test_a_full_disk_prints_one_line_and_no_record(capsys):
    """It used to print 290 kB past the redaction."""
    handler = LogFile("/dev/full", maxBytes=0)
    handler.setFormatter(json_formatter())

    for _ in range(100):
        try:
            raise ValueError("a secret value")
        except ValueError as error:
            handler.handleError(logging.makeLogRecord({"msg": "secret", "exc_info": error}))

    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert "could not be written" in told
    assert "secret" not in told
