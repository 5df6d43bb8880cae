"""Accounts through the engine: full, changed, deleted, revived, and fields that move."""

import datetime as dt
from decimal import Decimal

import pytest
from django.utils import timezone

from crm_accounts.models import Account, CrmField, CrmUser
from sync.models import Change, SyncRun
from sync.start import SyncFailedError

pytestmark = pytest.mark.django_db

CHANGED = SyncRun.Mode.CHANGED
OAUTH_SCOPE_MISMATCH = {
    "code": "OAUTH_SCOPE_MISMATCH", "details": {}, "message": "invalid oauth scope",
    "status": "error",
}  # fmt: skip


def mirrored():
    return set(Account.objects.filter(retired_at=None).values_list("zoho_account_id", flat=True))


def test_a_full_run_mirrors_every_account(zoho, sync_accounts):
    """Standard fields as columns, the organisation's own by their names."""
    ids = {
        zoho.add_account(
            Account_Name="Helios GmbH",
            Industry="Energy",
            Annual_Revenue=120000.5,
            Employees=40,
            Phone="+49 89 1",
        ),
        zoho.add_account(Account_Name="Borealis"),
    }

    stats = sync_accounts()

    assert (stats["created"], stats["failed"], mirrored()) == (2, 0, ids)
    helios = Account.objects.get(name="Helios GmbH")
    assert (helios.industry, helios.annual_revenue) == ("Energy", Decimal("120000.5"))
    assert (helios.employees, helios.phone) == (40, "+49 89 1")
    assert helios.zoho_modified_at is not None


def test_a_second_full_run_of_unchanged_accounts_writes_nothing(zoho, sync_accounts):
    """However it was read the first time."""
    for number in range(5):
        zoho.add_account(Account_Name=f"Account {number}", Annual_Revenue=number + 0.25)
    sync_accounts()
    before = list(Account.objects.order_by("id").values())

    stats = sync_accounts()

    assert (stats["created"], stats["updated"], stats["unchanged"]) == (0, 0, 5)
    assert list(Account.objects.order_by("id").values()) == before


def test_a_changed_run_agrees_with_a_full_one(zoho, sync_accounts):
    """One shape, whether a list, a query or a file was read."""
    account = zoho.add_account(Account_Name="Helios GmbH", Annual_Revenue=1.5)
    sync_accounts()
    zoho.edit_account(account, Industry="Retail")

    changed = sync_accounts(mode=CHANGED)
    full = sync_accounts()
    selected = sync_accounts([account])

    assert changed["updated"] == 1
    assert (full["updated"], selected["updated"]) == (0, 0)
    assert Account.objects.get().industry == "Retail"


def test_a_deleted_account_is_retired_by_a_changed_run(zoho, sync_accounts):
    """CRM tells what was deleted; nobody has to wait for the night."""
    gone, kept = (zoho.add_account(Account_Name=name) for name in ("Gone", "Kept"))
    sync_accounts()
    zoho.delete_account(gone)

    stats = sync_accounts(mode=CHANGED)

    assert stats["retired"] == 1
    assert mirrored() == {kept}


def test_a_restored_account_is_revived(zoho, sync_accounts):
    """Out of the recycle bin."""
    account = zoho.add_account(Account_Name="Helios GmbH")
    zoho.add_account(Account_Name="Borealis")
    sync_accounts()
    zoho.delete_account(account)
    sync_accounts(mode=CHANGED)
    zoho.restore_account(account)

    stats = sync_accounts()

    assert stats["revived"] == 1
    assert account in mirrored()


def test_what_was_deleted_and_restored_meanwhile_stays(zoho, sync_accounts):
    """The list of deletions is history; each is looked up before it is believed."""
    account = zoho.add_account(Account_Name="Helios GmbH")
    sync_accounts()
    zoho.delete_account(account)
    zoho.restore_account(account)

    stats = sync_accounts(mode=CHANGED)

    assert (stats["retired"], mirrored()) == (0, {account})


def test_the_fields_are_known_by_zohos_metadata(zoho, sync_accounts):
    """Which there are, and what they hold."""
    zoho.add_account(Account_Name="Helios GmbH")

    sync_accounts()

    field = CrmField.objects.get(api_name="Account_Name")
    assert (field.data_type, field.is_mandatory, field.is_mirrored) == ("text", True, True)
    assert CrmField.objects.filter(is_custom=True).exists()


def test_a_custom_field_is_told_by_its_name_when_it_changes(zoho, sync_accounts):
    """A whole bag of fields as one change would tell nobody anything."""
    custom = "Credit_Limit"
    account = zoho.add_account(Account_Name="Helios GmbH", **{custom: 100})
    sync_accounts()
    zoho.edit_account(account, **{custom: 250.5})

    run = sync_accounts(mode=CHANGED)["run_id"]

    change = Change.objects.get(run=run, field=custom)
    assert (change.before, change.after) == ("100", "250.5")


def test_an_account_that_cannot_be_kept_exactly_is_set_aside(zoho, sync_accounts):
    """And the others are saved."""
    zoho.add_account(Account_Name="Good")
    zoho.add_account(Account_Name="x" * 501)

    stats = sync_accounts()

    assert (stats["created"], stats["failed"]) == (1, 1)
    assert "longer than the 500 characters" in stats["errors"][0]["message"]


def test_the_owners_get_their_names(zoho, sync_accounts):
    """A file of all accounts holds their ids only."""
    zoho.add_account(Account_Name="Helios GmbH")

    sync_accounts()

    account = Account.objects.get()
    assert account.owner_id
    assert account.owner() == CrmUser.objects.get(pk=account.owner_id).name != account.owner_id


def test_what_lists_would_cut_is_not_mirrored(zoho, sync_accounts):
    """Half a text that looks like a whole one is worse than none."""
    zoho.add_account(Account_Name="Helios GmbH", Company_Profile="<p>long</p>" * 100)

    sync_accounts()

    assert "Company_Profile" not in Account.objects.get().custom_fields
    assert CrmField.objects.get(api_name="Company_Profile").is_mirrored is False


def test_a_field_that_is_new_renamed_or_gone_is_told_and_stops_nothing(zoho, sync_accounts):
    """Administrators change fields without telling anybody."""
    zoho.add_account(Account_Name="Helios GmbH")
    sync_accounts()
    CrmField.objects.filter(api_name="Credit_Limit").delete()
    CrmField.objects.filter(api_name="Industry").update(label="Branch")
    CrmField.objects.create(api_name="Old_One", label="Old one", data_type="text")
    CrmField.objects.update(checked_at=timezone.now() - dt.timedelta(hours=2))

    run = SyncRun.objects.get(pk=sync_accounts()["run_id"])

    told = [event.words for event in run.events.all()]
    assert "Fields of accounts new in Zoho: Credit_Limit." in told
    assert "Fields of accounts changed in Zoho: Industry." in told
    assert "Fields of accounts gone in Zoho: Old_One." in told
    assert CrmField.objects.get(api_name="Old_One").gone_at is not None


def test_without_the_permission_the_run_says_what_to_allow(zoho, sync_accounts, credential):
    """CRM is a choice of its own on the page Connect."""
    zoho.faults.add("answer", path="/crm/", status=401, body=OAUTH_SCOPE_MISMATCH)

    with pytest.raises(SyncFailedError, match="Connect"):
        sync_accounts()

    assert not Account.objects.exists()
