"""How accounts are read: one shape by three ways, and whatever happens to the file."""

import io
import time
import zipfile
from decimal import Decimal
from itertools import count

import pytest

from crm_accounts import source
from crm_accounts.bulk_file import read_rows
from crm_accounts.models import Account
from crm_accounts.services import sync_accounts as work
from integrations.zoho.errors import ZohoUnavailableError
from sync.models import SyncRun
from sync.runner import carry_out
from sync.start import request_run

pytestmark = pytest.mark.django_db

MANY = pytest.mark.parametrize("zoho", [{"accounts": 250}], indirect=True)


def asked(zoho, path, method="POST"):
    return [r for r in zoho.requests if r.path.startswith(path) and r.method == method]


def stored():
    rows = Account.objects.order_by("zoho_account_id").values()
    return [{key: row[key] for key in row if key != "fingerprint"} for row in rows]


@pytest.fixture
def run(credential, sync_accounts):
    """A full run that nobody has taken up yet."""
    return request_run(Account, SyncRun.Trigger.PERSON)[0]


@pytest.mark.postgres  # SQLite keeps 15 digits of a number
@MANY
def test_a_file_a_list_and_a_query_say_the_same(zoho, sync_accounts):
    """Whatever oddities real accounts have: by the next way, nothing has changed."""
    by_file = sync_accounts()
    before = stored()
    zoho.crm.bulk_fails = True

    by_list = sync_accounts()
    by_query = sync_accounts([row["zoho_account_id"] for row in before[:60]])

    assert (by_file["created"], by_file["failed"]) == (250, 0)
    assert (by_list["unchanged"], by_list["updated"]) == (250, 0)
    assert (by_query["unchanged"], by_query["updated"]) == (60, 0)
    assert stored() == before


@pytest.mark.postgres  # SQLite keeps 15 digits of a number
@MANY
def test_every_account_is_there_field_by_field(zoho, sync_accounts):
    """Exact, or it is no mirror."""
    sync_accounts()

    for account in Account.objects.all():
        theirs = zoho.accounts[account.zoho_account_id]
        assert account.name == theirs["Account_Name"]
        assert account.phone == (theirs["Phone"] or "")
        assert account.billing_city == (theirs["Billing_City"] or "")
        assert account.description == (theirs["Description"] or "")
        assert account.owner_id == theirs["Owner"]["id"]
        revenue = theirs["Annual_Revenue"]
        assert account.annual_revenue == (None if revenue is None else Decimal(str(revenue)))


@MANY
def test_a_worker_is_given_back_while_zoho_prepares_the_file(zoho, run):
    """And the run goes on with the same file, not with a new one."""
    zoho.crm.bulk_delay = 0.4

    waiting = carry_out(run, work)
    state, message, retries = waiting.state, waiting.message, waiting.retries
    time.sleep(zoho.crm.bulk_delay)
    run = carry_out(SyncRun.objects.get(pk=run.pk), work)

    assert (state, retries) == ("waiting", 0)
    assert "still preparing" in message
    assert (run.state, run.created) == ("succeeded", 250)
    assert len(asked(zoho, "/crm/bulk/v8/read")) == 1


@MANY
def test_a_run_that_was_cut_off_in_the_file_goes_on_after_its_last_saved_page(
    zoho, run, monkeypatch
):
    """The file is fetched again, and its first rows are not saved twice."""
    monkeypatch.setattr(source, "ROWS_A_PAGE", 100)
    from sync import engine

    original, saves = engine.save, count(1)

    def save(*args, **kwargs):
        if next(saves) == 2:
            raise KeyboardInterrupt
        return original(*args, **kwargs)

    monkeypatch.setattr(engine, "save", save)
    with pytest.raises(KeyboardInterrupt):
        carry_out(run, work)
    assert Account.objects.count() == 100
    SyncRun.objects.update(state="waiting", lease=None, resume_at=run.created_at)

    run = carry_out(SyncRun.objects.get(pk=run.pk), work)

    assert (run.state, run.created, run.total) == ("succeeded", 250, 250)
    assert len(asked(zoho, "/crm/bulk/v8/read")) == 1


@MANY
def test_more_than_one_file_is_read_to_the_end(zoho, run):
    """Zoho gives 200,000 rows a file."""
    zoho.crm.bulk_rows = 100

    run = carry_out(run, work)

    assert (run.state, run.created) == ("succeeded", 250)
    assert len(asked(zoho, "/crm/bulk/v8/read")) == 3


@MANY
def test_where_zoho_prepares_no_file_it_is_read_page_by_page(zoho, run):
    """The permission may be missing, or Zoho's machinery at a stand."""
    zoho.crm.bulk_fails = True

    run = carry_out(run, work)

    assert (run.state, run.created) == ("succeeded", 250)
    told = [event.words for event in run.events.all()]
    assert any("Read page by page instead." in words for words in told)


@MANY
def test_a_second_file_that_zoho_refuses_ends_the_run_and_keeps_the_first(zoho, run):
    """A list read from the beginning would count twice what is saved."""
    zoho.crm.bulk_rows = 100
    zoho.faults.add("status", path="/crm/bulk/", status=400, code="NOT_ALLOWED", after=3)

    run = carry_out(run, work)

    assert (run.state, run.created, Account.objects.count()) == ("failed", 100, 100)
    assert not Account.objects.exclude(retired_at=None).exists()


@pytest.mark.parametrize("spoil", [lambda zip_: zip_[:-40], lambda zip_: b"no zip at all"])
def test_a_damaged_file_is_trouble_that_may_pass(spoil):
    """Cut off on its way; the next download may be whole."""
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        archive.writestr("accounts.csv", "id,Account_Name\n4876,Helios\n")

    with pytest.raises(ZohoUnavailableError, match="damaged"):
        list(read_rows(io.BytesIO(spoil(whole.getvalue())), {}))


@MANY
def test_a_run_that_was_cut_off_in_a_list_goes_on_with_the_next_page(zoho, run, monkeypatch):
    """By Zoho's token, which stands in the run's row."""
    zoho.crm.bulk_fails = True
    zoho.faults.add("status", path="/crm/v8/Accounts", status=500, after=1, times=8)

    run = carry_out(run, work)
    assert (run.state, run.created) == ("waiting", 200)
    zoho.clear_requests()
    SyncRun.objects.update(resume_at=run.created_at)
    run = carry_out(SyncRun.objects.get(pk=run.pk), work)

    assert (run.state, run.created, run.total) == ("succeeded", 250, 250)
    assert len(asked(zoho, "/crm/v8/Accounts", "GET")) == 1


@pytest.mark.parametrize("zoho", [{"accounts": 2350}], indirect=True)
def test_changes_beyond_two_thousand_are_read(zoho, sync_accounts):
    """Where other connectors stop."""
    sync_accounts()
    for account_id in list(zoho.accounts):
        zoho.edit_account(account_id, Rating="Active")

    stats = sync_accounts(mode=SyncRun.Mode.CHANGED)

    assert stats["updated"] + stats["unchanged"] == 2350
    assert Account.objects.filter(rating="Active").count() == 2350
