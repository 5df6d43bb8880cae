"""More fields than a list has room for, and fields that come, go and hide: no values are lost."""

import pytest
from django.urls import reverse

from crm_accounts import metadata
from crm_accounts.metadata import MAX_MIRRORED, refresh
from crm_accounts.models import Account, CrmField, CrmUser
from integrations.zoho.crm.rest import RestCrm
from sync.models import Change, SyncRun

pytestmark = pytest.mark.django_db

CHANGED = SyncRun.Mode.CHANGED
LIST, COQL = "/crm/v8/Accounts", "/crm/v8/coql"


def add_fields(zoho, count, prefix="F"):
    names = [f"{prefix}_{number:03}" for number in range(count)]
    for name in names:
        zoho.crm.add_field(name)
    return names


def forget_age():
    """What is known of the fields is old."""
    CrmField.objects.update(checked_at="2000-01-01T00:00Z")


def events(stats):
    return [event.words for event in SyncRun.objects.get(pk=stats["run_id"]).events.all()]


def changes(stats):
    return list(Change.objects.filter(run=stats["run_id"]).values_list("field", "before", "after"))


@pytest.fixture
def queries(monkeypatch):
    """The COQL queries that are asked from now on."""
    asked = []
    original = RestCrm.query_accounts

    def query_accounts(self, select_query):
        asked.append(select_query)
        return original(self, select_query)

    monkeypatch.setattr(RestCrm, "query_accounts", query_accounts)
    return asked


# --- more than fifty ------------------------------------------------------------------------------


def test_new_fields_push_no_mirrored_one_out(zoho, sync_accounts):
    """Once, three new fields cleared three old ones of every account."""
    names = [*add_fields(zoho, 50), "Health_Score"]
    zoho.crm.add_field("Health_Score", "integer")
    zoho.add_account(Account_Name="Helios", Health_Score=64, F_049="kept since 2019")
    sync_accounts()
    for name in ("A_new_field", "B_new_field", "C1"):
        zoho.crm.add_field(name)
    forget_age()

    stats = sync_accounts()

    own = Account.objects.get().custom_fields
    assert (own["Health_Score"], own["F_049"]) == ("64", "kept since 2019")
    assert changes(stats) == []
    mirrored = set(CrmField.objects.filter(is_mirrored=True).values_list("api_name", flat=True))
    assert {*names, "A_new_field", "B_new_field", "C1"} <= mirrored


@pytest.mark.parametrize("own", [0, 1, 9, 10, 60, 150])
def test_every_field_is_read_by_list_changes_and_query_too(zoho, sync_accounts, queries, own):
    """A list has 50 of them, a query 49 and the id; the others are asked for by id."""
    names = add_fields(zoho, own)
    values = {name: f"value of {name}" for name in names}
    account = zoho.add_account(Account_Name="Helios", **values)
    zoho.crm.bulk_fails = True

    by_list = sync_accounts()
    zoho.edit_account(account, Phone="1", **{name: f"new {name}" for name in names})
    changed = sync_accounts(mode=CHANGED)
    selected = sync_accounts([account])
    zoho.crm.bulk_fails = False
    by_file = sync_accounts()

    assert (by_list["created"], by_list["failed"]) == (1, 0)
    assert (changed["updated"], selected["updated"], by_file["updated"]) == (1, 0, 0)
    found = Account.objects.get().custom_fields
    assert {name: found[name] for name in names} == {name: f"new {name}" for name in names}
    for request in zoho.requests:
        if request.path == LIST:
            assert len(request.query["fields"].split(",")) <= 50
    for query in queries:
        assert len(query.partition(" from ")[0].split(",")) <= 50


@pytest.mark.parametrize("mode", [SyncRun.Mode.FULL, CHANGED])
def test_a_list_has_the_time_and_the_columns_whatever_labels_say(zoho, sync_accounts, mode):
    """By the time, a run of changes knows where to stop; fields came ordered by their labels."""
    for number in range(60):
        zoho.crm.add_field(f"A_{number:03}")
    account = zoho.add_account(Account_Name="Helios", A_059="x")
    sync_accounts()
    zoho.edit_account(account, Phone="1", Website="w.example")
    zoho.crm.bulk_fails = True

    stats = sync_accounts(mode=mode)

    lists = [r for r in zoho.requests if r.path == LIST]
    assert lists
    for request in lists:
        asked = request.query["fields"].split(",")
        assert {"Modified_Time", "Account_Name", "Website"} <= set(asked)
    assert stats["updated"] == 1
    assert Account.objects.get().website == "w.example"


@pytest.mark.parametrize("zoho", [{"accounts": 450}], indirect=True)
def test_the_rest_of_a_page_is_asked_for_by_its_ids(zoho, sync_accounts, queries):
    """Fifty ids a list, two lists a query."""
    add_fields(zoho, 60)
    for number, account in enumerate(zoho.accounts):
        zoho.edit_account(account, F_059=f"last {number}")
    zoho.crm.bulk_fails = True

    stats = sync_accounts()

    assert (stats["created"], stats["failed"]) == (450, 0)
    told = [row["F_059"] for row in Account.objects.values_list("custom_fields", flat=True)]
    assert sorted(told) == sorted(f"last {number}" for number in range(450))
    for query in queries:
        assert all(part.count("'") <= 100 for part in query.split(" in (")[1:])


def test_what_a_file_has_no_room_for_waits_and_is_said_so(zoho, sync_accounts, client, staff):
    """Zoho gives 200 columns, the id among them."""
    columns = 32
    add_fields(zoho, MAX_MIRRORED)
    zoho.add_account(Account_Name="Helios")

    stats = sync_accounts()

    assert CrmField.objects.filter(is_mirrored=True).count() == MAX_MIRRORED
    waiting = CrmField.objects.filter(is_waiting=True)
    assert waiting.count() >= columns - 1
    assert any("Not mirrored: " in words for words in events(stats))
    client.force_login(staff)
    page = client.get(reverse("admin:crm_accounts_crmfield_changelist"), {"q": "F_198"})
    assert "Waiting: too many fields" in page.content.decode()


def test_a_field_that_waited_is_mirrored_when_there_is_room(zoho, sync_accounts):
    """And is no longer said to wait."""
    names = add_fields(zoho, MAX_MIRRORED)
    zoho.add_account(Account_Name="Helios")
    sync_accounts()
    first = CrmField.objects.filter(is_waiting=True).order_by("api_name").first().api_name
    zoho.crm.remove_field(names[0])
    forget_age()

    sync_accounts()

    field = CrmField.objects.get(api_name=first)
    assert (field.is_mirrored, field.is_waiting) == (True, False)


# --- words of the query language ------------------------------------------------------------------


@pytest.mark.parametrize("word", ["External", "Order", "Group", "From", "Where", "Select", "Limit",
    "By", "In", "Like", "Between", "Is", "Not", "Null", "And", "Or", "Asc", "Desc", "Offset", "As",
])  # fmt: skip
def test_a_field_called_like_a_word_of_coql_is_read(zoho, sync_accounts, word):
    """Zoho wants it in quotation marks."""
    zoho.crm.add_field(word)
    account = zoho.add_account(Account_Name="Helios", **{word: "x"})

    stats = sync_accounts([account])

    assert (stats["created"], stats["failed"]) == (1, 0)
    assert Account.objects.get().custom_fields[word] == "x"


# --- removed, renamed, hidden ---------------------------------------------------------------------


@pytest.fixture
def with_cur3(zoho, sync_accounts):
    """An account whose field Cur3 was mirrored, and which Zoho then removed."""
    zoho.crm.add_field("Cur3", "currency")
    account = zoho.add_account(Account_Name="Helios", Cur3=64)
    sync_accounts()
    zoho.crm.remove_field("Cur3")
    zoho.edit_account(account, Phone="1")
    return account


@pytest.mark.parametrize("way", ["selected", "file", "changed"])
def test_a_field_removed_in_zoho_is_noticed_at_the_first_refusal(
    zoho, sync_accounts, with_cur3, way
):
    """Not when what is known of the fields is an hour old."""
    refusal = {"code": "INVALID_DATA", "details": {"api_name": "Cur3"}, "status": "error",
               "message": "invalid data"}  # fmt: skip
    if way == "changed":  # the simulator passes over unknown names in a list
        zoho.faults.add("answer", path=LIST, status=400, body=refusal, times=1)

    stats = {
        "selected": lambda: sync_accounts([with_cur3]),
        "changed": lambda: sync_accounts(mode=CHANGED),
    }.get(way, sync_accounts)()

    assert (stats["updated"], stats["failed"]) == (1, 0)
    assert "Fields of accounts gone in Zoho: Cur3." in events(stats)
    account = Account.objects.get()
    assert (account.phone, account.custom_fields["Cur3"]) == ("1", "64")
    assert {field for field, *_ in changes(stats)} == {"phone", "zoho_modified_at"}
    assert CrmField.objects.get(api_name="Cur3").status() == "No longer in Zoho; last values kept"


def test_a_field_renamed_in_zoho_is_read_by_its_new_name(zoho, sync_accounts):
    """API names can be changed on Zoho's pages."""
    zoho.crm.add_field("Old_Name")
    account = zoho.add_account(Account_Name="Helios", Old_Name="x")
    sync_accounts()
    zoho.crm.remove_field("Old_Name")
    zoho.crm.add_field("New_Name")
    zoho.edit_account(account, New_Name="x")

    stats = sync_accounts([account])

    assert stats["failed"] == 0
    assert Account.objects.get().custom_fields == {"New_Name": "x", "Old_Name": "x"}


def test_a_field_that_zoho_lists_and_refuses_is_left_out_of_the_run(zoho, sync_accounts):
    """As bulk read does with some; everything else is read."""
    zoho.crm.add_field("Coordinates")
    account = zoho.add_account(Account_Name="Helios", Coordinates="x")
    sync_accounts([account])
    body = {"code": "INVALID_QUERY", "details": {"column_name": "Coordinates"}, "status": "error",
            "message": "invalid query formed"}  # fmt: skip
    zoho.faults.add("answer", path=COQL, status=400, body=body, times=1)
    zoho.edit_account(account, Phone="1")

    stats = sync_accounts([account])

    assert (
        "Zoho lists the field Coordinates and refuses it, so it was left out of this run."
        in events(stats)
    )
    found = Account.objects.get()
    assert (found.phone, found.custom_fields["Coordinates"]) == ("1", "x")


def test_a_refusal_that_names_no_field_is_not_asked_again_for_ever(zoho, sync_accounts):
    """One look at the metadata tells that nothing moved."""
    account = zoho.add_account(Account_Name="Helios")
    body = {"code": "INVALID_QUERY", "details": {}, "status": "error", "message": "?"}
    zoho.faults.add("answer", path=COQL, status=400, body=body)

    stats = sync_accounts([account])

    assert stats["created"] == 1  # by itself, without a query
    assert len([r for r in zoho.requests if r.path == COQL]) == 1
    assert len([r for r in zoho.requests if r.path == "/crm/v8/settings/fields"]) <= 3


def test_a_field_of_another_type_than_its_column_is_not_read_into_it(zoho, sync_accounts):
    """All accounts would fail for it."""
    zoho.add_account(Account_Name="Helios", Employees=7)
    sync_accounts()
    zoho.crm.remove_field("Employees")
    zoho.crm.add_field("Employees", "text")
    for account in zoho.accounts:
        zoho.edit_account(account, Employees="about forty")
    forget_age()

    stats = sync_accounts()

    assert (stats["failed"], Account.objects.get().employees) == (0, 7)
    assert not CrmField.objects.get(api_name="Employees").is_mirrored


@pytest.mark.parametrize("way", ["list", "changed", "selected"])
def test_what_an_answer_does_not_name_is_not_cleared(zoho, sync_accounts, monkeypatch, way):
    """A field hidden from the connection's user is just not there."""
    account = zoho.add_account(Account_Name="Helios", Fax="2", Credit_Limit=5)
    sync_accounts()
    zoho.edit_account(account, Phone="1")
    view = type(zoho.crm.view)
    row = view.row
    hidden = ("Fax", "Credit_Limit", "Owner", "Modified_Time")

    def thin(self, account, names, *, cut):
        return row(self, account, [name for name in names if name not in hidden], cut=cut)

    monkeypatch.setattr(view, "row", thin)
    zoho.crm.bulk_fails = way == "list"

    stats = {
        "selected": lambda: sync_accounts([account]),
        "changed": lambda: sync_accounts(mode=CHANGED),
    }.get(way, sync_accounts)()

    found = Account.objects.get()
    assert stats["updated"] == 1
    assert (found.phone, found.fax, found.custom_fields["Credit_Limit"]) == ("1", "2", "5")
    assert found.owner_id
    assert found.zoho_modified_at


# --- metadata that cannot be read -----------------------------------------------------------------

GOOD = {"api_name": "Phone", "field_label": "Phone", "data_type": "phone"}


@pytest.mark.parametrize(
    "more",
    [
        {"field_label": {"en": "x"}},
        {"field_label": "nul\0" * 200},
        {"data_type": None},
        {"data_type": ["text"]},
        {"length": "255"},
        {"length": 2**40},
        {"length": -1},
        {"decimal_place": "two"},
        {"operation_type": ["api_update"]},
        {"pick_list_values": "abc"},
        {"pick_list_values": [None, 7, {}, {"actual_value": 3}, {"actual_value": "nul\0"}]},
        {"pick_list_values": [{"actual_value": "x" * 10**6}] * 20},
        {"textarea": "rich_text"},
        {"data_type": "formula", "formula": "currency"},
        {"data_type": "formula", "formula": {"return_type": {"a": 1}}},
        {"unique": "no", "custom_field": "yes", "system_mandatory": []},
    ],
    ids=lambda more: str(more)[:60],
)
def test_a_field_with_a_strange_description_is_kept_as_far_as_it_goes(more):
    """Every key of the metadata is optional."""
    refresh([{"api_name": "Own", **more}, GOOD], [].append)

    assert set(CrmField.objects.values_list("api_name", flat=True)) == {"Own", "Phone"}


def test_strange_users_stop_nothing(zoho):
    """Their names are a convenience."""

    class Client:
        def users(self):
            return [
                {},
                {"id": None},
                {"id": ["1"]},
                {"id": "x" * 100},
                {"id": "1", "full_name": ["A"]},
                {"id": "2", "full_name": "nul\0"},
                {"id": "3", "full_name": "x" * 9_000},
                {"id": "4", "full_name": "A"},
                {"id": 4, "full_name": "B"},
            ]

    metadata.name_users(Client(), [].append)

    assert dict(CrmUser.objects.values_list("id", "name")) | {"3": ""} == {
        "1": "1",
        "2": "2",
        "3": "",
        "4": "B",
    }


def test_a_run_survives_strange_metadata(zoho, sync_accounts):
    """Answered by Zoho itself."""
    account = zoho.add_account(Account_Name="Helios", Phone="1")
    rows = [
        {"api_name": ["x"]},
        None,
        {"api_name": "Account_Name", "data_type": "text"},
        {"api_name": "Phone", "data_type": "phone"},
        {"api_name": "Phone", "data_type": "lookup"},
        {"api_name": "Modified_Time", "data_type": "datetime", "operation_type": 7},
    ]
    zoho.faults.add("answer", path="/crm/v8/settings/fields", body={"fields": rows})
    zoho.faults.add("answer", path="/crm/v8/users", body={"users": [None, {"id": {}}], "info": []})

    stats = sync_accounts()

    assert (stats["created"], stats["failed"]) == (1, 0)
    assert Account.objects.get(zoho_account_id=account).phone == "1"
