"""Which tier answers, and what becomes of a call when it cannot: the failover table, cell by cell.

Both tiers are the real ones, against the simulator. A tier that is out of order by itself, as when
Zoho's gateway lets one client through and not the other, is told apart by the header that the SDK
sends; `only` makes such trouble.
"""

import datetime as dt
from contextlib import contextmanager
from decimal import Decimal

import pytest
import redis

from integrations.models import ZohoUsage
from integrations.zoho.crm.interface import Crm
from integrations.zoho.crm.rest import RestCrm
from integrations.zoho.crm.sdk import SdkCrm
from integrations.zoho.crm.sdk_calls import SdkUnsupportedError
from integrations.zoho.crm.tiers import FEW, MANY, TieredCrm, compared, order_of, rows_asked, same
from integrations.zoho.errors import (
    ZohoAPIError,
    ZohoAuthError,
    ZohoPageExpiredError,
    ZohoRateLimitError,
    ZohoUnavailableError,
    ZohoUnknownOutcome,
)

ACCOUNTS = "/crm/v8/Accounts"
PERSON, SCHEDULE = ZohoUsage.Purpose.PERSON, ZohoUsage.Purpose.SCHEDULE


@pytest.fixture
def tiered(credential, settings):
    client = redis.Redis.from_url(settings.REDIS_URL)
    for key in client.scan_iter("zoho-sync:breaker*"):
        client.delete(key)
    crm = TieredCrm.from_database()
    yield crm
    crm.close()


@pytest.fixture
def only(monkeypatch):
    """This tier alone meets this error, before its calls leave; returns the calls it met."""

    @contextmanager
    def trouble(tier, error, after=0):
        met = []
        kind = {"rest": RestCrm, "sdk": SdkCrm}[tier]
        ask = RestCrm._ask

        def fail(self, path, *arguments, **call):
            if type(self) is kind and path != "settings/fields":
                met.append(path)
                if len(met) > after:
                    raise error
            return ask(self, path, *arguments, **call)

        with monkeypatch.context() as patch:
            patch.setattr(RestCrm, "_ask", fail)
            yield met

    return trouble


def writes(zoho):
    return [(write.method, len(write.data)) for write in zoho.crm.writes]


def renamed(ids, name="Renamed"):
    return [{"id": account_id, "Account_Name": f"{name} {account_id}"} for account_id in ids]


# --- who is asked ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("records", "purpose", "order"),
    [
        (1, PERSON, FEW),
        (99, PERSON, FEW),
        (100, PERSON, MANY),
        (101, PERSON, MANY),
        (None, PERSON, MANY),
        (1, SCHEDULE, MANY),
    ],
)
def test_the_number_of_records_and_the_purpose_choose(records, purpose, order):
    """A person waits for one; a hundred, and the night's work, are the SDK's."""
    assert order_of(records, purpose) == order


def test_one_record_is_asked_of_the_mcp_server_first():
    """Its place is kept; where there is none, REST is asked."""
    assert order_of(1, PERSON)[:2] == ("mcp", "rest")


def test_the_border_can_be_moved(settings):
    """Older systems knew three."""
    settings.ZOHO_SDK_FROM_RECORDS = 10

    assert (order_of(9, PERSON), order_of(10, PERSON)) == (FEW, MANY)


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("select id from Accounts where id is not null", 200),
        ("select id from Accounts where id is not null limit 50", 50),
        ("select id from Accounts where id is not null LIMIT 10, 2000", 2000),
    ],
)
def test_a_query_says_how_many_rows_it_wants(query, rows):
    """That chooses its tier."""
    assert rows_asked(query) == rows


def test_whatever_can_be_asked_can_be_asked_of_the_tiers():
    """A method that only one tier had would be found missing at night."""
    asked = {name for name, part in vars(Crm).items() if name[0] != "_" and callable(part)}

    assert len(asked) > 15
    assert [name for name in asked if not callable(getattr(TieredCrm, name, None))] == []


def test_each_answer_tells_who_gave_it(zoho, tiered, add_accounts):
    """What is measured and what is complained about has to have a name."""
    ids = add_accounts(120)

    served = []
    for ask in (
        lambda: tiered.get_account(ids[0]),
        lambda: tiered.get_accounts(limit=99),
        lambda: tiered.get_accounts(limit=100),
        lambda: tiered.update_account(ids[0], {"Phone": "1"}),
        lambda: tiered.bulk_update_accounts(renamed(ids[:99])),
        lambda: tiered.bulk_update_accounts(renamed(ids)),
        lambda: list(tiered.iter_account_pages()),
        lambda: tiered.count_accounts(),
    ):
        ask()
        served.append(tiered.tier)

    assert served == ["rest", "rest", "sdk", "rest", "rest", "sdk", "sdk", "rest"]


def test_the_schedule_is_always_the_sdks(zoho, credential, tiered):
    """However little it asks for."""
    account_id = zoho.add_account(Account_Name="Helios")
    nightly = TieredCrm.from_database(SCHEDULE)

    nightly.get_account(account_id)

    assert nightly.tier == "sdk"
    nightly.close()


# --- a tier is down -------------------------------------------------------------------------------


@pytest.mark.parametrize(("first", "second", "limit"), [("rest", "sdk", 1), ("sdk", "rest", 100)])
def test_when_a_tier_is_down_the_next_one_answers(zoho, tiered, only, first, second, limit):
    """The person gets the answer; the log says who gave it."""
    zoho.add_account(Account_Name="Helios")

    with only(first, ZohoUnavailableError("down")):
        assert len(tiered.get_accounts(limit=limit)) == 1

    assert tiered.tier == second


def test_when_all_are_down_it_is_told(zoho, tiered):
    """There is one Zoho."""
    zoho.faults.add("html_502", path="/crm/")

    with pytest.raises(ZohoUnavailableError):
        tiered.get_accounts(limit=1)


def test_a_tier_that_is_down_is_soon_left_alone(zoho, tiered, only):
    """Everybody waiting for its time-outs would be an outage of our own."""
    with only("sdk", ZohoUnavailableError("down")) as met:
        for _ in range(10):
            tiered.get_accounts(limit=100)

    assert len(met) == 5
    tiered.get_accounts(limit=100)
    assert tiered.tier == "rest"


def test_when_all_are_left_alone_calls_fail_at_once(zoho, tiered):
    """With the seconds until they are tried again."""
    zoho.faults.add("html_502", path="/crm/")
    for _ in range(5):
        with pytest.raises(ZohoUnavailableError):
            tiered.get_accounts(limit=1)
    asked = len(zoho.requests)

    with pytest.raises(ZohoUnavailableError, match="left alone") as caught:
        tiered.get_accounts(limit=1)

    assert len(zoho.requests) == asked
    assert 50 < caught.value.retry_after <= 60


def test_a_walk_goes_on_where_the_tier_failed(zoho, tiered, only, add_accounts):
    """Half of the pages from one tier and half from the other are still every account once."""
    ids = add_accounts(650)

    with only("sdk", ZohoUnavailableError("down"), after=2) as met:
        pages = list(tiered.iter_account_pages(["Account_Name"]))

    assert [record.zoho_id for page in pages for record in page.records] == ids
    assert [page.number for page in pages] == [1, 2, 3, 4]
    assert len(met) == 3
    assert tiered.tier == "rest"


def test_a_place_that_only_a_number_tells_is_not_gone_on_from(zoho, tiered, only, add_accounts):
    """Beginning anew would bring every account twice, and look like a longer list."""
    rows = [{"id": add_accounts(1)[0], "Account_Name": "Helios"}]
    body = {"data": rows, "info": {"more_records": True, "next_page_token": None}}
    zoho.faults.add("answer", path=ACCOUNTS, body=body)

    with (
        only("sdk", ZohoUnavailableError("down"), after=1),
        pytest.raises(ZohoPageExpiredError),
    ):
        list(tiered.iter_account_pages(["Account_Name"]))


def test_what_was_deleted_is_told_once_whoever_tells(zoho, tiered, only, add_accounts):
    """A list that begins anew must not repeat what was said."""
    ids = add_accounts(250)
    for account_id in ids:
        zoho.delete_account(account_id)

    with only("sdk", ZohoUnavailableError("down"), after=1):
        rows = [row["id"] for row in tiered.deleted_accounts()]

    assert sorted(rows) == sorted(ids)


def test_a_query_is_walked_to_its_end_by_another(zoho, tiered, only, add_accounts):
    """It goes on after the last id."""
    ids = add_accounts(500)
    zoho.crm.coql_rows = 200

    with only("sdk", ZohoUnavailableError("down"), after=3):
        rows = [row["id"] for page in tiered.iter_query(["Account_Name"]) for row in page]

    assert rows == ids


def test_a_write_that_never_left_is_made_by_the_next(zoho, tiered, only, add_accounts):
    """A refused connection is the one outage after which a write can be made elsewhere."""
    (account_id,) = add_accounts(1)

    with only("rest", ZohoUnavailableError("refused")):
        tiered.update_account(account_id, {"Phone": "1"})

    assert tiered.tier == "sdk"
    assert writes(zoho) == [("PUT", 1)]


# --- a tier is slow -------------------------------------------------------------------------------


def test_a_tier_that_is_slow_is_one_that_is_down(zoho, tiered, settings):
    """A time-out is an outage: the calls move on, here to the end of the tiers."""
    settings.ZOHO_TIMEOUT = (1, 0.1)
    zoho.add_account(Account_Name="Helios")
    zoho.faults.add("hang", path=ACCOUNTS, seconds=1, times=4)  # all tries of the first tier

    assert len(tiered.get_accounts(limit=1)) == 1
    assert tiered.tier == "sdk"


# --- a tier is rate-limited -----------------------------------------------------------------------


@pytest.mark.parametrize("limit", [1, 100])
def test_a_limit_never_leads_to_another_tier(zoho, tiered, limit):
    """They share the credits: the other tier would only make it worse."""
    zoho.faults.add("rate_limit", path=ACCOUNTS, code="TOO_MANY_REQUESTS", retry_after=600)

    for _ in range(6):
        with pytest.raises(ZohoRateLimitError) as caught:
            tiered.get_accounts(limit=limit)

    assert caught.value.retry_after == 600
    assert len([r for r in zoho.requests if r.path == ACCOUNTS]) == 6
    zoho.faults.clear()
    assert tiered.get_accounts(limit=limit) == []


def test_a_limit_in_the_middle_of_a_batch_sends_no_more(zoho, tiered, add_accounts):
    """What was written is told, and so is what was not sent."""
    ids = add_accounts(250)
    zoho.faults.add("rate_limit", path=ACCOUNTS, code="TOO_MANY_REQUESTS", retry_after=600, after=1)

    told = tiered.bulk_update_accounts(renamed(ids))

    statuses = [one["status"] for one in told["data"]]
    assert statuses == ["success"] * 100 + ["not_sent"] * 150
    assert writes(zoho) == [("PUT", 100)]
    assert (told["total"], told["succeeded"], told["failed"]) == (250, 100, 150)


# --- wrong credentials ----------------------------------------------------------------------------


def test_a_refused_connection_is_refused_everywhere(zoho, tiered, credential):
    """Another tier has no other password; a person must act."""
    credential.refresh_token = "wrong"
    credential.save()

    for _ in range(6):
        with pytest.raises(ZohoAuthError):
            tiered.get_accounts(limit=1)

    credential.refresh_token, credential.reconnect_reason = zoho.refresh_token, ""
    credential.save()
    assert tiered.get_accounts(limit=1) == []
    assert tiered.tier == "rest"


# --- the caller's mistake -------------------------------------------------------------------------


def test_a_mistake_is_told_at_once_and_trips_nothing(zoho, tiered, add_accounts):
    """A form filled in wrongly ten times must not shut out everybody else."""
    (account_id,) = add_accounts(1)
    for _ in range(10):
        with pytest.raises(ZohoAPIError):
            tiered.update_account(account_id, {"Annual_Revenue": "a lot"})

    assert len(zoho.crm.writes) == 10
    tiered.get_account(account_id, fresh=True)
    assert tiered.tier == "rest"


# --- what a tier cannot do ------------------------------------------------------------------------


def test_what_the_sdk_cannot_say_rest_says(zoho, tiered, add_accounts):
    """Money with more digits than it knows."""
    ids = add_accounts(100)
    exact = Decimal("1234567890123.123456789")
    records = [{"id": account_id, "Annual_Revenue": exact} for account_id in ids]

    told = tiered.bulk_update_accounts(records)

    assert told["succeeded"] == 100
    assert tiered.tier == "rest"
    assert zoho.accounts[ids[0]]["Annual_Revenue"] == exact


def test_an_sdk_that_is_not_the_one_we_know_is_not_used(zoho, tiered, only):
    """REST does all of it."""
    with only("sdk", SdkUnsupportedError("changed")):
        for _ in range(10):
            tiered.get_accounts(limit=200)

    assert tiered.tier == "rest"
    tiered.get_accounts(limit=200)
    assert tiered.tier == "sdk"


# --- half a batch ---------------------------------------------------------------------------------


def test_when_a_tier_fails_after_half_a_batch_the_next_sends_the_rest(
    zoho, tiered, only, add_accounts
):
    """Each record is sent once, and all are written."""
    ids = add_accounts(250)

    with only("sdk", ZohoUnavailableError("down"), after=1):
        told = tiered.bulk_update_accounts(renamed(ids))

    assert (told["succeeded"], told["status_code"]) == (250, 200)
    assert writes(zoho) == [("PUT", 100), ("PUT", 100), ("PUT", 50)]
    assert [one["id"] for one in told["data"]] == ids


def test_two_bad_records_of_a_batch_are_told_and_not_sent_elsewhere(zoho, tiered, add_accounts):
    """A refusal is an answer."""
    ids = add_accounts(120)
    records = renamed(ids)
    records[3]["Annual_Revenue"] = records[110]["Annual_Revenue"] = "a lot"

    told = tiered.bulk_update_accounts(records)

    assert [n for n, one in enumerate(told["data"]) if one["status"] == "error"] == [3, 110]
    assert (told["succeeded"], told["failed"], told["status_code"]) == (118, 2, 207)
    assert writes(zoho) == [("PUT", 100), ("PUT", 20)]


# --- a time-out after the write arrived -----------------------------------------------------------


def test_a_write_that_arrived_is_found_and_not_repeated(zoho, tiered, add_accounts):
    """Its answer got lost; the record tells."""
    (account_id,) = add_accounts(1)
    zoho.faults.add("lost_answer", path=f"{ACCOUNTS}/{account_id}", times=1)

    account = tiered.update_account(account_id, {"Phone": "030 1234"})

    assert account["Phone"] == "030 1234"
    assert writes(zoho) == [("PUT", 1)]


def test_a_write_that_did_not_arrive_is_told_so(zoho, tiered, add_accounts):
    """The record is as it was before: it may be sent again, by whoever decides that."""
    (account_id,) = add_accounts(1)
    zoho.crm._accounts[account_id].modified -= 3600
    zoho.faults.add("drop", path=f"{ACCOUNTS}/{account_id}", times=1)

    with pytest.raises(ZohoUnavailableError, match="nothing was written"):
        tiered.update_account(account_id, {"Phone": "030 1234"})

    assert writes(zoho) == []


def test_when_the_record_does_not_tell_nobody_guesses(zoho, tiered, add_accounts):
    """Somebody changed it just now, and it may have been us."""
    (account_id,) = add_accounts(1)
    zoho.faults.add("drop", path=f"{ACCOUNTS}/{account_id}", times=1)

    with pytest.raises(ZohoUnknownOutcome):
        tiered.update_account(account_id, {"Phone": "030 1234"})

    assert writes(zoho) == []


def test_when_the_record_cannot_be_read_back_nobody_guesses(zoho, tiered, add_accounts):
    """Zoho is gone altogether."""
    (account_id,) = add_accounts(1)
    tiered.fields()
    zoho.faults.add("lost_answer", path=f"{ACCOUNTS}/{account_id}", times=1)
    zoho.faults.add("html_502", path=f"{ACCOUNTS}/{account_id}")

    with pytest.raises(ZohoUnknownOutcome):
        tiered.update_account(account_id, {"Phone": "030 1234"})

    assert writes(zoho) == [("PUT", 1)]


@pytest.mark.parametrize(("fault", "status"), [("lost_answer", "success"), ("drop", "not_sent")])
def test_of_a_batch_without_an_answer_each_record_is_read_back(
    zoho, tiered, add_accounts, fault, status
):
    """Of a hundred, each is told by what Zoho holds."""
    ids = add_accounts(120)
    for account_id in ids:
        zoho.crm._accounts[account_id].modified -= 3600
    zoho.faults.add(fault, path=ACCOUNTS, times=1)

    told = tiered.bulk_update_accounts(renamed(ids))

    statuses = [one["status"] for one in told["data"]]
    assert statuses == [status] * 100 + ["success"] * 20
    assert told["unknown"] == 0
    assert sum(count for _, count in writes(zoho)) == (120 if fault == "lost_answer" else 20)


# --- reading back ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "found"),
    [
        ("Desk ", "Desk"),
        (None, None),
        ("", None),
        ([], None),
        (Decimal("5"), 5),
        (5.5, Decimal("5.50")),
        (True, True),
        ({"id": "7"}, {"id": "7", "name": "Olga"}),
        (["b", "a"], ["a", "b"]),
        ("2026-01-01T12:00:00+00:00", "2026-01-01T17:30:00+05:30"),
        (dt.datetime(2026, 1, 1, 12, 0, 0, 5, tzinfo=dt.UTC), "2026-01-01T17:30:00+05:30"),
    ],
)
def test_zoho_writes_the_same_in_its_own_way(sent, found):
    """Taken for a difference, it would make a good write look failed."""
    assert same(sent, found)


@pytest.mark.parametrize(
    ("sent", "found"),
    [("Desk", "Lamp"), (None, "x"), ("x", None), (1, True), ({"id": "7"}, {"id": "8"}), (5, 6)],
)
def test_what_differs_differs(sent, found):
    """Taken for the same, it would make a lost write look good."""
    assert not same(sent, found)


def test_what_was_modified_at_the_time_of_the_write_proves_nothing():
    """Zoho's clock is not ours."""
    began = dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC)

    def found(minutes):
        modified = began + dt.timedelta(minutes=minutes)
        return {"Phone": "1", "Modified_Time": modified.isoformat()}

    assert compared({"phone": "1", "id": "7"}, found(0), began) == "success"
    assert compared({"phone": "2"}, found(-5), began) == "not_sent"
    assert compared({"phone": "2"}, found(-0.5), began) == "unknown"
    assert compared({"phone": "2"}, {"Phone": "1"}, began) == "unknown"
