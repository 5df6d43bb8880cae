"""What people ask to have erased, and what is kept no longer than needed."""

import datetime as dt

import pytest
from django.apps import apps
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.management import CommandError, call_command
from django.utils import timezone

from crm_accounts.models import Account, ChangeRequest, RequestedChange
from crm_accounts.tasks import prune_change_requests
from crm_accounts.write_back.wanted import Wanted, make
from integrations.models import AuditEvent
from integrations.zoho.crm.cache import ACCOUNTS
from sync.models import FailedRecord, SyncRun
from sync.models.failures import Failure
from sync.tasks import prune_history

pytestmark = pytest.mark.django_db

NAMES = ("Ada Sentinel GmbH", "Ada Sentinel & Sons", "+49 89 31337")


def everything_stored():
    """All values of all tables, as one text."""
    return "\n".join(
        str(row)
        for model in apps.get_models()
        if model._meta.managed
        for row in model._default_manager.values_list()
    )


def wish(account, user, *others, reason=""):
    rows = [
        Wanted(number, one, one.zoho_account_id, {"Phone": {"before": "1", "after": NAMES[2]}})
        for number, one in enumerate((account, *others), 1)
    ]
    return make(ChangeRequest.Origin.LIST, user, rows, reason)


@pytest.fixture
def helios(zoho, sync_accounts, staff):
    """An account that has left its traces everywhere."""
    zoho_id = zoho.add_account(Account_Name=NAMES[0])
    zoho.add_account(Account_Name="Borealis")
    sync_accounts()
    zoho.edit_account(zoho_id, Account_Name=NAMES[1], Phone=NAMES[2])
    sync_accounts()
    helios = Account.objects.get(zoho_account_id=zoho_id)
    wish(helios, staff, reason=f"{NAMES[1]} has moved")
    wish(helios, staff, Account.objects.exclude(pk=helios.pk).get(), reason="New numbers")
    FailedRecord.record(SyncRun.objects.first(), [Failure(zoho_id, zoho_id, "Too long", "")])
    LogEntry.objects.create(
        user=staff,
        content_type=ContentType.objects.get_for_model(Account),
        object_id=str(helios.pk),
        object_repr=NAMES[1],
        action_flag=CHANGE,
    )
    ACCOUNTS.put(("a tenant", zoho_id), {"Account_Name": NAMES[1]}, ACCOUNTS.version)
    return helios


def test_a_forgotten_record_is_in_no_table_and_in_no_cache(helios, capsys):
    """A person has the right to it; the rest of the mirror stays as it was."""
    before = everything_stored()
    assert all(name in before for name in NAMES)

    call_command("forget_record", "accounts", helios.zoho_account_id)

    after = everything_stored()
    # The number was asked for another account, too.
    assert not any(name in after for name in NAMES[:2])
    assert not RequestedChange.objects.filter(zoho_account_id=helios.zoho_account_id).exists()
    assert ChangeRequest.objects.get().reason == "New numbers"
    assert Account.objects.get().name == "Borealis"
    assert len(ACCOUNTS) == 0
    assert "Erased: 1 record, 4 changes in its history, 2 requested" in capsys.readouterr().out


def test_forgetting_is_on_record_without_what_was_forgotten(helios):
    """Who answers for it must be able to prove it."""
    call_command("forget_record", "accounts", helios.zoho_account_id)

    event = AuditEvent.objects.latest("pk")
    assert (event.action, event.about) == (AuditEvent.Action.RECORD_FORGOTTEN, "accounts")
    assert event.details["zoho_id"] == helios.zoho_account_id
    assert event.details["records"] == 1


def test_while_zoho_has_the_record_the_next_sync_brings_it_back_and_that_is_said(helios, capsys):
    """Erasing it here alone would not last."""
    call_command("forget_record", "accounts", helios.zoho_account_id)

    assert "delete it in Zoho, and run this again" in capsys.readouterr().err


def test_nothing_is_forgotten_while_a_sync_runs(helios):
    """It could save what it has read already."""
    SyncRun.objects.create(kind="crm_accounts.account", state=SyncRun.State.RUNNING)

    with pytest.raises(CommandError, match="is running and may hold"):
        call_command("forget_record", "accounts", helios.zoho_account_id)

    assert Account.objects.filter(pk=helios.pk).exists()


@pytest.mark.parametrize("zoho_id", ["", "4876876000009999999", "x' or 1=1"])
def test_an_id_that_is_not_known_is_an_error(helios, zoho_id):
    """A typing mistake must not look like an erasure; nor may no ID mean all."""
    with pytest.raises(CommandError, match="Nothing is known here"):
        call_command("forget_record", "accounts", zoho_id)

    assert Account.objects.count() == 2


def days_ago(days):
    return timezone.now() - dt.timedelta(days=days)


@pytest.mark.parametrize("state", ChangeRequest.ENDED)
def test_ended_change_requests_are_kept_for_a_year(helios, state):
    """They hold values of people; the audit log keeps who decided what."""
    ChangeRequest.objects.update(state=state, created_at=days_ago(366))
    young = ChangeRequest.objects.first()
    ChangeRequest.objects.filter(pk=young.pk).update(decided_at=days_ago(364))

    prune_change_requests()

    assert list(ChangeRequest.objects.all()) == [young]


@pytest.mark.parametrize(
    "state", [state for state in ChangeRequest.State if state not in ChangeRequest.ENDED]
)
def test_open_change_requests_are_kept_however_old(helios, state):
    """Somebody still has to decide."""
    ChangeRequest.objects.update(state=state, created_at=days_ago(1_000))

    prune_change_requests()

    assert ChangeRequest.objects.count() == 2


def test_fixed_failures_are_kept_for_as_long_as_the_history(helios, settings):
    """Open ones stay until they are fixed."""
    settings.SYNC_HISTORY_DAYS = 30
    run = SyncRun.objects.first()
    FailedRecord.record(run, [Failure(one, one, "Too long", "") for one in ("0", "1", "2")])
    FailedRecord.objects.filter(zoho_id="0").update(closed_at=days_ago(31))
    FailedRecord.objects.filter(zoho_id="1").update(closed_at=days_ago(29))

    prune_history()

    left = set(FailedRecord.objects.values_list("zoho_id", flat=True))
    assert left == {"1", "2", helios.zoho_account_id}
