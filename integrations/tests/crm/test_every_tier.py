"""What every way to reach Zoho CRM must do, and do alike."""

import datetime as dt
import io
import zipfile
from dataclasses import replace
from decimal import Decimal

import pytest

from integrations.zoho.crm.cache import FIELDS
from integrations.zoho.crm.criteria import all_of, any_of, criteria
from integrations.zoho.crm.interface import DEFAULT_FIELDS, MOST_FIELDS
from integrations.zoho.errors import (
    ZohoAPIError,
    ZohoConflictError,
    ZohoNotFoundError,
    ZohoPageExpiredError,
    ZohoUnknownOutcome,
)

ACCOUNTS = "/crm/v8/Accounts"
HOUR = dt.timedelta(hours=1)


def calls(zoho, method="GET", path=ACCOUNTS):
    return [r for r in zoho.requests if (r.method, r.path) == (method, path)]


def names(rows):
    return [row["Account_Name"] for row in rows]


def moment(text):
    return dt.datetime.fromisoformat(text)


# --- lists ----------------------------------------------------------------------------------------


def test_a_page_of_accounts_comes_as_plain_dicts(crm, zoho):
    """Nothing of a tier's own classes leaves it; money is Decimal, ids are text."""
    account_id = zoho.add_account(Account_Name="Helios", Annual_Revenue=Decimal("120000.50"))

    (account,) = crm.get_accounts()

    assert account["id"] == account_id
    assert account["Account_Name"] == "Helios"
    assert account["Annual_Revenue"] == Decimal("120000.5")
    assert account["Owner"]["name"]
    assert account["Phone"] is None


def test_no_accounts_are_an_empty_list(crm, zoho):
    """204 has no body."""
    assert crm.get_accounts() == []


def test_the_fields_and_the_order_are_said_each_time(crm, zoho):
    """Zoho demands the fields, and its own order puts new records in front."""
    crm.get_accounts()

    (request,) = calls(zoho)
    assert request.query["fields"].split(",") == list(DEFAULT_FIELDS)
    assert (request.query["sort_by"], request.query["sort_order"]) == ("id", "asc")


@pytest.mark.parametrize(
    "wrong",
    [
        {"limit": 0},
        {"limit": 201},
        {"page": 0},
        {"page": 11},
        {"sort_by": "Account_Name"},
        {"sort_order": "up"},
        {"fields": [f"Field_{number}" for number in range(MOST_FIELDS + 1)]},
        {"fields": ["Account_Name,Phone"]},
        {"fields": []},
        {"fields": "Account_Name"},
    ],
    ids=str,
)
def test_what_zoho_does_not_allow_is_refused_before_a_call(crm, zoho, wrong):
    """A credit less, and a sentence instead of a code."""
    with pytest.raises(ZohoAPIError):
        crm.get_accounts(**wrong)

    assert not calls(zoho)


def test_2350_accounts_come_past_the_2000_of_page_numbers(crm, zoho, add_accounts):
    """Zoho's pages end at 2,000; its tokens go on."""
    ids = add_accounts(2350)

    pages = list(crm.iter_account_pages())

    assert [record.zoho_id for page in pages for record in page.records] == ids
    assert [len(page.records) for page in pages] == [200] * 11 + [150]
    assert pages[0].records[0].parsed()["Account_Name"] == "Account 0000"
    assert len(calls(zoho)) == 12


def test_only_what_was_modified_since_comes(crm, zoho, add_accounts):
    """One call when that is nothing: 304, without a body."""
    old, edited = add_accounts(2)
    since = moment(zoho.accounts[edited]["Modified_Time"])
    assert list(crm.iter_account_pages(modified_since=since)) == []

    zoho.edit_account(edited, Phone="1")
    (page,) = crm.iter_account_pages(modified_since=since)

    assert [record.zoho_id for record in page.records] == [edited]
    assert old != edited


def test_reading_goes_on_after_the_page_whose_token_is_kept(crm, zoho, add_accounts):
    """A run that was cut off need not begin anew."""
    ids = add_accounts(450)
    first = next(crm.iter_account_pages())

    rest = list(crm.iter_account_pages(page_token=first.next_token))

    assert [record.zoho_id for page in rest for record in page.records] == ids[200:]


@pytest.mark.parametrize("trouble", ["expired", "another user", "other fields", "garbage"])
def test_a_page_token_that_no_longer_holds_is_an_error_of_its_own(crm, zoho, add_accounts, trouble):
    """The engine goes on from the last id; quietly ending would look like a smaller company."""
    add_accounts(450)
    token = next(crm.iter_account_pages()).next_token
    fields = None
    match trouble:
        case "expired":
            zoho.crm.page_tokens.update(
                {t: replace_expiry(kept) for t, kept in zoho.crm.page_tokens.items()}
            )
        case "another user":
            zoho.crm.user = "4876876000000411002"
        case "other fields":
            fields = ["Account_Name"]
        case "garbage":
            token = "0" * 64

    with pytest.raises(ZohoPageExpiredError):
        next(crm.iter_account_pages(fields, page_token=token))


def replace_expiry(token):
    return replace(token, expires=0)


def test_a_short_page_and_a_promise_not_kept_are_not_the_end(crm, zoho, add_accounts):
    """The end is what Zoho says."""
    ids = add_accounts(500)
    zoho.crm.short_pages = 50
    zoho.crm.more_after_the_end = True

    pages = list(crm.iter_account_pages())

    assert [record.zoho_id for page in pages for record in page.records] == ids


def test_a_page_that_comes_again_is_an_error(crm, zoho, add_accounts):
    """Going on would never end."""
    add_accounts(450)
    zoho.faults.add("repeat_page", path=ACCOUNTS)

    with pytest.raises(ZohoAPIError, match="does not end"):
        list(crm.iter_account_pages())


# --- one account ----------------------------------------------------------------------------------


def test_one_account_comes_with_all_its_fields(crm, zoho):
    """Custom ones, too: a list asks for fifty at most."""
    account_id = zoho.add_account(Account_Name="Helios", Customer_Segment="Enterprise")

    account = crm.get_account(account_id)

    assert account["id"] == account_id
    assert account["Customer_Segment"] == "Enterprise"


@pytest.mark.parametrize("account_id", ["../x", "", "12a", "１２", "4876 ", "1" * 30, None, True])
def test_an_id_that_is_no_number_is_refused(crm, zoho, account_id):
    """It becomes part of an address."""
    with pytest.raises(ZohoAPIError, match="digits"):
        crm.get_account(account_id)

    assert not [r for r in zoho.requests if r.path.startswith("/crm/")]


def test_an_account_that_is_not_there_is_an_error(crm, zoho):
    """Zoho says it with an empty answer."""
    with pytest.raises(ZohoNotFoundError):
        crm.get_account("4876876000009999999")


def test_an_account_is_asked_for_once_an_hour(crm, zoho):
    """And what a caller does to it is not what the next one gets."""
    account_id = zoho.add_account(Account_Name="Helios")
    crm.get_account(account_id)["Account_Name"] = "spoilt"

    assert crm.get_account(account_id)["Account_Name"] == "Helios"
    assert len(calls(zoho, path=f"{ACCOUNTS}/{account_id}")) == 1

    zoho.edit_account(account_id, Account_Name="Helios AG")
    assert crm.get_account(account_id, fresh=True)["Account_Name"] == "Helios AG"
    assert crm.get_account(account_id)["Account_Name"] == "Helios AG"


# --- writing --------------------------------------------------------------------------------------


def test_an_update_returns_the_account_as_it_then_is(crm, zoho):
    """Zoho's answer is a receipt; custom fields and both spellings work."""
    account_id = zoho.add_account(Account_Name="Helios")

    account = crm.update_account(
        account_id,
        {"phone": "+49 1", "Customer_Segment": "Enterprise", "annual_revenue": Decimal("12.50")},
    )

    assert (account["Phone"], account["Customer_Segment"]) == ("+49 1", "Enterprise")
    assert account["Annual_Revenue"] == Decimal("12.5")
    assert account["Account_Name"] == "Helios"
    assert zoho.accounts[account_id]["Phone"] == "+49 1"


def test_what_is_read_after_an_update_is_fresh(crm, zoho):
    """A cache must not show staff their own change undone."""
    account_id = zoho.add_account(Account_Name="Helios", Phone="1")
    assert crm.get_account(account_id)["Phone"] == "1"
    assert crm.get_account(account_id, ["Phone"])["Phone"] == "1"

    crm.update_account(account_id, {"Phone": "2"})
    assert crm.get_account(account_id)["Phone"] == "2"
    assert crm.get_account(account_id, ["Phone"])["Phone"] == "2"

    crm.bulk_update_accounts([{"id": account_id, "Phone": "3"}])
    assert crm.get_account(account_id)["Phone"] == "3"


def test_an_account_that_somebody_changed_meanwhile_is_not_written(crm, zoho):
    """Their change would be lost."""
    account_id = zoho.add_account(Account_Name="Helios", Phone="1")
    seen = moment(zoho.accounts[account_id]["Modified_Time"])
    crm.update_account(account_id, {"Phone": "2"}, unless_modified_since=seen + HOUR)
    zoho.edit_account(account_id, Phone="3")

    with pytest.raises(ZohoConflictError) as caught:
        crm.update_account(account_id, {"Phone": "4"}, unless_modified_since=seen)

    assert caught.value.code == "ALREADY_MODIFIED"
    assert zoho.accounts[account_id]["Phone"] == "3"


def test_what_an_update_sets_off_in_zoho_can_be_chosen(crm, zoho):
    """Everything, unless told otherwise: an edit here is like an edit there."""
    account_id = zoho.add_account(Account_Name="Helios")

    crm.update_account(account_id, {"Phone": "1"})
    crm.update_account(account_id, {"Phone": "2"}, trigger=[])
    crm.bulk_update_accounts([{"id": account_id, "Phone": "3"}], trigger=["workflow"])

    assert [write.trigger for write in zoho.crm.writes] == [None, [], ["workflow"]]


def test_the_log_names_which_way_a_change_went(crm, zoho, caplog):
    """And which fields; no values."""
    caplog.set_level("DEBUG")
    account_id = zoho.add_account(Account_Name="Helios")

    crm.update_account(account_id, {"Phone": "+49 topsecret"})

    (line,) = [line for line in caplog.messages if "account_updated_successfully" in line]
    assert f"crm.{crm.tier}" in line
    assert "Phone" in line
    assert "topsecret" not in caplog.text


def test_a_value_that_zoho_refuses_is_told_by_its_fields_name(crm, zoho):
    """Never by the value."""
    account_id = zoho.add_account(Account_Name="Helios")

    with pytest.raises(ZohoAPIError, match="Employees") as caught:
        crm.update_account(account_id, {"Employees": "secret"})

    assert caught.value.details["api_name"] == "Employees"
    assert "secret" not in f"{caught.value} {caught.value.details}"


def test_an_update_of_what_is_not_there_says_so(crm, zoho):
    """Zoho calls it invalid data."""
    with pytest.raises(ZohoNotFoundError):
        crm.update_account("4876876000009999999", {"Phone": "1"})


def test_a_field_that_zoho_does_not_know_is_refused(crm, zoho):
    """Zoho would swallow it and report a success."""
    account_id = zoho.add_account(Account_Name="Helios")

    with pytest.raises(ZohoAPIError, match="no field Acount_Name"):
        crm.update_account(account_id, {"Acount_Name": "x"})
    with pytest.raises(ZohoAPIError, match="no field Fone"):
        crm.get_accounts(fields=["Fone"])

    assert not zoho.crm.writes


@pytest.mark.parametrize("kind", ["lost_answer", "drop", "truncated", "html_502", "hang"])
def test_a_write_without_an_answer_is_not_sent_again(crm, zoho, kind, settings):
    """Zoho has no key by which it would know a repetition."""
    settings.ZOHO_TIMEOUT = (1, 0.2)
    account_id = zoho.add_account(Account_Name="Helios")
    crm.get_account(account_id)
    crm.fields()
    options = {"seconds": 2} if kind == "hang" else {}
    zoho.faults.add(kind, path=f"{ACCOUNTS}/{account_id}", times=1, **options)

    with pytest.raises(ZohoUnknownOutcome) as caught:
        crm.update_account(account_id, {"Phone": "1"})

    assert len(calls(zoho, "PUT", f"{ACCOUNTS}/{account_id}")) <= 1
    assert caught.value.cause is not None
    zoho.faults.clear()
    crm.get_account(account_id)  # what was cached is forgotten all the same
    assert len(calls(zoho, path=f"{ACCOUNTS}/{account_id}")) == 2


def test_a_write_that_zoho_refused_for_its_limits_is_repeated(crm, zoho, short_crm_limits):
    """ "Too many" means that nothing was done."""
    account_id = zoho.add_account(Account_Name="Helios")
    zoho.faults.add("rate_limit", path=ACCOUNTS, code="TOO_MANY_REQUESTS", times=1)

    assert crm.update_account(account_id, {"Phone": "1"})["Phone"] == "1"


def test_a_write_that_cannot_be_read_back_is_not_called_failed(crm, zoho):
    """Whoever thinks so writes again."""
    account_id = zoho.add_account(Account_Name="Helios")
    crm.fields()
    zoho.faults.add("status", path=f"{ACCOUNTS}/{account_id}", status=503, after=1)

    with pytest.raises(ZohoUnknownOutcome, match="was written"):
        crm.update_account(account_id, {"Phone": "1"})

    assert zoho.accounts[account_id]["Phone"] == "1"


def test_250_updates_are_three_calls_and_each_is_told_of(crm, zoho, add_accounts):
    """Two bad rows are two failures, and sink nobody else."""
    ids = add_accounts(250)
    records = [{"id": each, "phone": f"+{at}"} for at, each in enumerate(ids)]
    records[7]["Employees"] = "many"
    records[120]["id"] = "4876876000009999999"

    told = crm.bulk_update_accounts(records)

    assert (told["total"], told["succeeded"], told["failed"], told["unknown"]) == (250, 248, 2, 0)
    assert told["status_code"] == 207
    assert "248 of 250" in told["message"]
    assert [row["id"] for row in told["data"]] == [record["id"] for record in records]
    bad = [at for at, row in enumerate(told["data"]) if row["status"] != "success"]
    assert bad == [7, 120]
    assert told["data"][7]["details"]["api_name"] == "Employees"
    assert told["data"][0]["modified_time"]
    assert len(calls(zoho, "PUT")) == 3
    assert zoho.accounts[ids[249]]["Phone"] == "+249"


@pytest.mark.parametrize("status", [200, 202, 207])
def test_each_record_is_judged_whatever_the_status_says(crm, zoho, add_accounts, status):
    """Zoho has been seen to answer a mixed batch with each of these."""
    zoho.crm.mixed_status = status
    good, bad = add_accounts(2)

    told = crm.bulk_update_accounts([{"id": good, "Fax": "1"}, {"id": bad, "Employees": "x"}])

    assert [row["status"] for row in told["data"]] == ["success", "error"]


def test_a_batch_in_which_all_fail_is_told_and_not_raised(crm, zoho, add_accounts):
    """One shape for the caller."""
    ids = add_accounts(2)

    told = crm.bulk_update_accounts([{"id": each, "Employees": "x"} for each in ids])

    assert (told["succeeded"], told["failed"], told["status_code"]) == (0, 2, 400)


@pytest.mark.parametrize("conflicts", ["batch", "record"])
def test_a_batch_does_not_overwrite_what_somebody_changed_meanwhile(
    crm, zoho, add_accounts, conflicts
):
    """Whether Zoho stops all of it, or only the one that was changed: each is told."""
    zoho.crm.conflicts = conflicts
    changed, left_alone = add_accounts(2)
    seen = moment(zoho.accounts[changed]["Modified_Time"])
    zoho.edit_account(changed, Fax="theirs")
    records = [{"id": each, "Fax": "ours"} for each in (changed, left_alone)]

    told = crm.bulk_update_accounts(records, unless_modified_since=seen)

    assert told["data"][0]["code"] == "ALREADY_MODIFIED"
    assert zoho.accounts[changed]["Fax"] == "theirs"
    is_written = zoho.accounts[left_alone]["Fax"] == "ours"
    assert told["data"][1]["code"] == ("SUCCESS" if is_written else "ALREADY_MODIFIED")
    assert is_written == (conflicts == "record")


def test_records_that_cannot_be_sent_are_told_and_the_others_sent(crm, zoho, add_accounts):
    """A typo in row one is no reason to refuse row two."""
    ids = add_accounts(2)
    records = [
        {"Phone": "1"},
        {"id": "../x", "Phone": "1"},
        {"id": ids[0]},
        {"id": ids[0], "Fone": "1"},
        {"id": ids[1], "Phone": "1"},
    ]

    told = crm.bulk_update_accounts(records)

    assert [row["status"] for row in told["data"]] == ["error"] * 4 + ["success"]
    assert told["data"][3]["code"] == "INVALID_FIELD"


def test_of_a_batch_without_an_answer_each_record_is_told_unknown(crm, zoho, add_accounts):
    """It is not sent again, and the others are sent."""
    ids = add_accounts(250)
    crm.fields()
    zoho.faults.add("lost_answer", path=ACCOUNTS, after=1, times=1)

    told = crm.bulk_update_accounts([{"id": each, "Fax": "1"} for each in ids])

    states = [row["status"] for row in told["data"]]
    assert states == ["success"] * 100 + ["unknown"] * 100 + ["success"] * 50
    assert (told["succeeded"], told["failed"], told["unknown"]) == (150, 0, 100)
    assert len(zoho.crm.writes) == 3


def test_after_a_limit_the_rest_of_a_batch_is_not_sent_and_told_so(crm, zoho, add_accounts):
    """What was written already must not be lost in an error."""
    ids = add_accounts(150)
    crm.fields()
    limit = {"code": "TOO_MANY_REQUESTS", "retry_after": 60}
    zoho.faults.add("rate_limit", path=ACCOUNTS, after=1, **limit)

    told = crm.bulk_update_accounts([{"id": each, "Fax": "1"} for each in ids])

    assert [row["status"] for row in told["data"]] == ["success"] * 100 + ["not_sent"] * 50


# --- search and queries ---------------------------------------------------------------------------


def test_accounts_are_found_by_criteria(crm, zoho):
    """Zoho's own syntax, as its documentation and guides write it."""
    zoho.add_account(Account_Name="Helios", Industry="Energy", Annual_Revenue=2000)
    zoho.add_account(Account_Name="Selene", Industry="Energy", Annual_Revenue=10)
    zoho.add_account(Account_Name="Eos", Industry="Retail", Annual_Revenue=2000)

    found = crm.search_accounts("(Industry:equals:Energy) and (Annual_Revenue:greater_than:1000)")
    either = any_of(
        criteria("account_name", "equals", "Selene"), criteria("Industry", "equals", "Retail")
    )

    assert names(found) == ["Helios"]
    assert sorted(names(crm.search_accounts(either))) == ["Eos", "Selene"]


def test_what_staff_type_cannot_leave_its_condition(crm, zoho):
    """Brackets, commas and backslashes are text when they are a value's."""
    wanted = "O'Brien (Cork), Ltd. \\"
    zoho.add_account(Account_Name=wanted)
    zoho.add_account(Account_Name="Nobody's business")
    attack = "x)or(Account_Name:starts_with:Nobody"
    closing = "x\\)or(Account_Name:starts_with:Nobody"

    assert names(crm.search_accounts(criteria("Account_Name", "equals", wanted))) == [wanted]
    assert crm.search_accounts(criteria("Account_Name", "equals", attack)) == []
    assert crm.search_accounts(criteria("Account_Name", "equals", closing)) == []


def test_accounts_are_found_by_a_word(crm, zoho):
    """Exactly one way at a time."""
    zoho.add_account(Account_Name="Helios Solar", Phone="+91 80 555")
    zoho.add_account(Account_Name="Eos")

    assert names(crm.search_accounts(word="Solar")) == ["Helios Solar"]
    assert names(crm.search_accounts(phone="+91 80 555")) == ["Helios Solar"]
    with pytest.raises(ZohoAPIError, match="exactly one"):
        crm.search_accounts(word="Solar", phone="+91 80 555")
    with pytest.raises(ZohoAPIError, match="exactly one"):
        crm.search_accounts()


def test_a_search_goes_to_2000_and_no_further(crm, zoho, add_accounts):
    """Where Zoho ends; past it there are queries."""
    add_accounts(2100, Industry="Energy")

    found = crm.search_accounts("(Industry:equals:Energy)", limit=2000)

    assert len({row["id"] for row in found}) == 2000
    assert len(crm.search_accounts("(Industry:equals:Energy)", limit=30)) == 30
    for limit in (0, 2001):
        with pytest.raises(ZohoAPIError, match="2,000"):
            crm.search_accounts("(Industry:equals:Energy)", limit=limit)


def test_a_query_brings_its_rows(crm, zoho):
    """COQL, and nothing but a query on accounts."""
    zoho.add_account(Account_Name="Helios", Industry="Energy")
    zoho.add_account(Account_Name="Eos")

    found = crm.query_accounts(
        "select id, Account_Name from Accounts where Industry is not null order by id asc limit 5"
    )

    assert names(found) == ["Helios"]
    assert crm.query_accounts("select id from Accounts where Account_Name = 'nobody'") == []


@pytest.mark.parametrize("rows", [2000, 200])
def test_a_query_walks_by_id_past_every_limit(crm, zoho, add_accounts, rows):
    """Zoho's own pages say 2,000 and 200 rows; offsets end at 10,000."""
    zoho.crm.coql_rows = rows
    ids = add_accounts(2350, Industry="Energy")
    zoho.add_account(Account_Name="Another")

    pages = list(crm.iter_query(["Account_Name"], "Industry = 'Energy'"))

    assert [row["id"] for page in pages for row in page] == ids
    after = [r["id"] for page in crm.iter_query(after_id=ids[-1]) for r in page]
    assert len(after) == 1


def test_5000_accounts_are_read_whole(crm, zoho, add_accounts):
    """One page of 200 was not what was asked for."""
    ids = add_accounts(5000, Industry="Energy")
    zoho.add_account(Account_Name="Eos")

    assert len(crm.bulk_read_accounts()) == 5001
    found = crm.bulk_read_accounts("(Industry:equals:Energy)", ["Account_Name", "Industry"])
    assert [row["id"] for row in found] == ids
    assert len(crm.bulk_read_accounts("Industry = 'Energy'", ["Industry"])) == 5000


def test_search_criteria_become_a_query_that_says_the_same(crm, zoho):
    """With numbers as numbers and text as text."""
    zoho.add_account(Account_Name="O'Brien", Annual_Revenue=5, Phone="123")
    zoho.add_account(Account_Name="Eos", Annual_Revenue=50)
    both = all_of(
        criteria("Account_Name", "starts_with", "O'B"),
        criteria("Annual_Revenue", "between", [1, 10]),
        criteria("Phone", "in", ["123", "4"]),
    )

    assert names(crm.bulk_read_accounts(both)) == ["O'Brien"]


# --- bulk read, deleted, count, metadata ----------------------------------------------------------


def test_a_bulk_read_is_created_asked_for_and_fetched(crm, zoho, add_accounts):
    """The file goes to a file: it may hold 200,000 rows."""
    ids = add_accounts(300)
    job = crm.create_bulk_read(["Account_Name"])
    assert not job.failed

    done = crm.get_bulk_read(job.id)
    assert done.done
    assert (done.count, done.has_more) == (300, False)
    file = io.BytesIO(b"left over from an earlier try" * 10_000)
    crm.download_bulk_read(job.id, file)

    with zipfile.ZipFile(file) as archive:
        (name,) = archive.namelist()
        rows = archive.read(name).decode().splitlines()
    assert len(rows) == 301
    assert sum(each in "\n".join(rows) for each in ids) == 300


def test_a_bulk_read_that_fails_or_is_not_there_is_told(crm, zoho):
    """A job is not waited for in vain."""
    zoho.add_account(Account_Name="Helios")
    zoho.crm.bulk_fails = True

    job = crm.create_bulk_read()

    assert crm.get_bulk_read(job.id).failed
    with pytest.raises(ZohoNotFoundError):
        crm.download_bulk_read("4876876000009999999", io.BytesIO())


def test_a_bulk_read_has_pages(crm, zoho, add_accounts):
    """Of 200,000 rows; the token leads on."""
    add_accounts(3)
    zoho.crm.bulk_rows = 2

    first = crm.get_bulk_read(crm.create_bulk_read(["Account_Name"]).id)
    assert first.has_more
    second = crm.create_bulk_read(["Account_Name"], page=2)
    by_token = crm.create_bulk_read(page_token=first.next_token)

    assert crm.get_bulk_read(second.id).count == 1
    assert crm.get_bulk_read(by_token.id).count == 1


def test_what_was_deleted_is_told(crm, zoho, add_accounts):
    """No list of changes tells of it."""
    binned, gone, kept = add_accounts(3)
    zoho.delete_account(binned)
    zoho.delete_account(gone, permanent=True)

    rows = {row["id"]: row for row in crm.deleted_accounts()}

    assert rows.keys() == {binned, gone}
    assert rows[gone]["display_name"] is None
    assert [row["id"] for row in crm.deleted_accounts(kind="recycle")] == [binned]
    later = moment(rows[gone]["deleted_time"]) + HOUR
    assert list(crm.deleted_accounts(since=later)) == []
    assert kept not in rows


def test_deleted_accounts_come_page_by_page(crm, zoho, add_accounts):
    """Two hundred a page."""
    ids = add_accounts(450)
    for each in ids:
        zoho.delete_account(each)

    assert {row["id"] for row in crm.deleted_accounts()} == set(ids)


def test_accounts_are_counted(crm, zoho, add_accounts):
    """For "about how many": it lags."""
    add_accounts(3, Industry="Energy")
    zoho.add_account(Account_Name="Eos")

    assert crm.count_accounts() == 4
    assert crm.count_accounts("(Industry:equals:Energy)") == 3


def test_the_fields_and_the_organisation_are_told(crm, zoho):
    """Any key of a field may be missing, but not its name."""
    zoho.crm.omit_json_type = True
    fields = {field["api_name"]: field for field in crm.fields()}

    assert fields["Annual_Revenue"]["data_type"] == "currency"
    assert fields["Customer_Segment"]["custom_field"] is True
    assert crm.organisation()["type"] == "production"


def test_a_field_that_is_new_is_known_at_once(crm, zoho):
    """What is known of the fields is an hour old; a name it lacks is looked up."""
    account_id = zoho.add_account(Account_Name="Helios")
    tenant = f"{crm.credential.api_url()} {crm.credential.organization_id}"
    FIELDS.put((tenant,), {"Account_Name": "text"}, FIELDS.version)

    assert crm.update_account(account_id, {"Phone": "1"})["Phone"] == "1"
