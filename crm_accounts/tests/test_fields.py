"""The organization's own fields: what is mirrored stays so, whatever is new or gone in Zoho."""

import pytest

from crm_accounts.mapping import AccountFields
from crm_accounts.metadata import MAX_MIRRORED, fields_to_read, refresh
from crm_accounts.models import Account, CrmField
from crm_accounts.source import COLUMNS_A_QUERY, CrmAccounts, column
from integrations.zoho.errors import ZohoAPIError
from sync.models import Change

pytestmark = pytest.mark.django_db


def row(name, **more):
    return {"api_name": name, "field_label": name, "data_type": "text", "custom_field": True} | more


def refreshed(*names, told=None):
    rows = [row("Account_Name", custom_field=False), *(row(name) for name in names)]
    refresh(rows, (told if told is not None else []).append)
    return set(
        CrmField.objects.filter(is_mirrored=True, gone_at=None).values_list("api_name", flat=True)
    )


OWN = [f"F_{number:03}" for number in range(MAX_MIRRORED - 1)]


def test_a_new_field_pushes_no_mirrored_one_out():
    """Its values would look as if somebody had emptied them, in all accounts."""
    before = refreshed(*OWN)
    told = []

    after = refreshed("A_new_field", "B_new_field", "C1", *OWN, told=told)

    assert before == after == {"Account_Name", *OWN}
    assert "Not mirrored: A_new_field, B_new_field, C1" in told[-1]


def test_a_field_that_waits_follows_when_another_is_gone():
    """There is room then."""
    refreshed(*OWN)
    refreshed("A_new_field", *OWN)

    assert "A_new_field" in refreshed("A_new_field", *OWN[1:])


def test_rows_of_metadata_that_make_no_sense_are_left_out():
    """One of them must not stop the mirror."""
    odd = [{}, {"api_name": None}, {"api_name": 5}, {"api_name": "x" * 300}, row("Good")]
    odd += [row("Odd", operation_type=[], pick_list_values=["x", {}], length="many", formula=7)]

    refresh(odd, [].append)

    assert set(CrmField.objects.values_list("api_name", flat=True)) == {"Good", "Odd"}


def test_a_formula_is_read_by_the_type_of_its_result(zoho, sync_accounts):
    """As text in a file and a number in a list, it changed with each way of reading."""
    refresh([row("Margin", data_type="formula", formula={"return_type": "currency"})], [].append)

    assert fields_to_read(None, [].append)["Margin"].data_type == "currency"


def stored(**fields):
    fields = AccountFields.from_payload({"id": "1", "Account_Name": "Helios", **fields})
    return fields.completed(None)


def test_what_an_answer_does_not_say_is_kept_as_stored():
    """A field that was removed, hidden or not asked for has been emptied by nobody."""
    before = stored(Phone="1", Score=64, Note__c="x", Annual_Revenue=5)
    read = AccountFields.from_payload({"id": "1", "Account_Name": "Helios", "Note__c": None})

    after = read.completed(tuple(before))

    assert (after.phone, after.annual_revenue) == ("1", 5)
    assert after.custom_fields == {"Score": "64"}


@pytest.mark.parametrize("name", ["External", "Order", "group", "Where", "Limit"])
def test_a_field_that_is_a_word_of_coqls_is_put_in_quotation_marks(name):
    """Zoho refuses the whole query else."""
    assert column(name) == f"'{name}'"
    assert column("Account_Name") == "Account_Name"


class Client:
    """Answers queries by their columns; refuses the fields that it does not have."""

    calls = 0
    clock = None

    def __init__(self, names):
        self.names = names
        self.queries = []

    def query_accounts(self, query):
        columns = query.removeprefix("select ").split(" from ")[0].split(", ")
        self.queries.append(columns)
        if strange := [name for name in columns if name not in {"id", *self.names}]:
            raise ZohoAPIError("refused", code="INVALID_QUERY", details={"column_name": strange[0]})
        return [{name: "7" if name == "id" else name for name in columns}]


def source(client, *known):
    """Its metadata are `known`, and what the client has when they are asked for again."""

    def fields(again):
        return dict.fromkeys(["id", *(client.names if again else known)], None)

    return CrmAccounts(client, fields, cursor={}, remember=print, tell=print, sleep=print)


@pytest.mark.parametrize("count", [1, 49, 50, 120])
def test_no_query_has_more_than_fifty_columns_with_the_id(count):
    """50 fields and the id are 51."""
    names = [f"F{number}" for number in range(count)]
    client = Client(names)

    (record,) = source(client, *names).by_id(["7"]).records

    assert set(record.parsed()) == {"id", *names}
    assert all(len(columns) <= COLUMNS_A_QUERY + 1 <= 50 for columns in client.queries)


def test_a_field_that_zoho_no_longer_has_is_noticed_at_its_first_refusal():
    """Each run that asked by id failed for up to an hour."""
    client = Client(["A", "C"])

    (record,) = source(client, "A", "B", "C").by_id(["7"]).records

    assert record.parsed() == {"id": "7", "A": "A", "C": "C"}
    assert len(client.queries) == 2


@pytest.mark.parametrize("zoho", [{"accounts": 130}], indirect=True)
def test_an_empty_answer_to_a_query_retires_no_account(zoho, sync_accounts):
    """A 204 retired 120 accounts."""
    sync_accounts()
    ids = list(Account.objects.values_list("zoho_account_id", flat=True)[:120])
    zoho.faults.add("http", path="/crm/v8/coql", status=204)

    stats = sync_accounts(ids)

    assert stats["retired"] == 0
    assert not Account.objects.exclude(retired_at=None).exists()
    assert not Change.objects.filter(action=Change.Action.UNLISTED).exists()


@pytest.mark.parametrize("zoho", [{"accounts": 30}], indirect=True)
def test_an_account_that_is_listed_twice_is_taken_calmly(zoho, sync_accounts):
    """As items are."""
    zoho.crm.bulk_fails = True
    last = list(zoho.accounts.values())[-1]
    zoho.faults.add("bad_record", path="/crm/v8/Accounts", record=last)

    stats = sync_accounts()

    assert (stats["created"], stats["failed"]) == (30, 0)
