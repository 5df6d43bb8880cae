"""One reader for each of Zoho's types, whichever way a value came."""

from decimal import Decimal

import pytest

from crm_accounts.mapping import AccountFields, FieldType
from crm_accounts.models import Account
from integrations.zoho.errors import BadRecord
from integrations.zoho.records import loads
from sync.models import Change, SyncRun

CHANGED = SyncRun.Mode.CHANGED
NONE = object()
COLOURS = ("Red", "Blue; dark", "Green;Gold;Grey", "Late")


def read(kind, value):
    """What is stored of an own field of this type; NONE for nothing."""
    types = {"Account_Name": FieldType("text"), "Own": kind}
    account = {"id": "1", "Account_Name": "Helios", "Own": value}
    fields = AccountFields.from_payload(account, types).completed(None)
    return fields.custom_fields.get("Own", NONE)


@pytest.mark.parametrize(
    ("kind", "alike", "stored"),
    [
        ("currency", [Decimal("64.50"), "64.50", "64.5", Decimal("6.45E+1"), "+64.5"], "64.5"),
        ("double", [64, Decimal("64"), "64", "64.000", "6.4e1"], "64"),
        ("double", [0, Decimal("0.00"), "0", "-0", "0E+999"], "0"),
        ("double", [Decimal("0.30000000000000004"), "0.30000000000000004"], "0.30000000000000004"),
        ("percent", [Decimal("12.50"), "12.5", "12.5%", "12.5 %"], "12.5"),
        ("integer", [7, "7", Decimal("7.0"), "7.00"], "7"),
        ("bigint", [900719925474099312, "900719925474099312"], "900719925474099312"),
        ("bigint", ["0042"], "0042"),
        ("autonumber", ["ACC-007"], "ACC-007"),
        ("autonumber", [7, "7"], "7"),
        ("boolean", [True, "true", "TRUE", "True", "1", 1], True),
        ("boolean", [False, "false", "FALSE", "0", 0], False),
        ("date", ["2026-01-05", " 2026-01-05"], "2026-01-05"),
        (
            "datetime",
            [
                "2026-01-05T10:00:00+05:30",
                "2026-01-05T04:30:00Z",
                "2026-01-05T04:30:00.000+00:00",
                "2026-01-05 04:30:00+00:00",
            ],
            "2026-01-05T04:30:00+00:00",
        ),
        ("lookup", [{"id": "48", "name": "Helios"}, {"id": "48"}, "48", 48], "48"),
        ("ownerlookup", [{"id": "48", "name": "A", "email": "a@b.c"}, "48"], "48"),
        ("userlookup", [{"id": "48", "name": "A"}, "48"], "48"),
        ("text", ["  1.50 "], "  1.50 "),
        ("text", ["007"], "007"),
        ("textarea", ["a\r\nb;c"], "a\r\nb;c"),
        (FieldType("picklist", COLOURS), ["Red", " Red", "Red "], "Red"),
        (FieldType("picklist", COLOURS), ["Blue; dark"], "Blue; dark"),
        (FieldType("picklist", COLOURS), ["Whaling"], "Whaling"),
        (
            FieldType("multiselectpicklist", COLOURS),
            [["Red", "Late"], "Red;Late", "Red; Late", "Red ; Late;", ["Red", "Late", "Red"]],
            ["Red", "Late"],
        ),
        (
            FieldType("multiselectpicklist", COLOURS),
            [
                ["Blue; dark", "Red", "Green;Gold;Grey"],
                "Blue; dark;Red;Green;Gold;Grey",
                "Blue; dark; Red; Green;Gold;Grey",
            ],
            ["Blue; dark", "Red", "Green;Gold;Grey"],
        ),
        (
            FieldType("multiselectpicklist", COLOURS),
            [["Green", "Old one"], "Green;Old one"],
            ["Green", "Old one"],
        ),
        (FieldType("formula"), [Decimal("64.50"), 64.5 and "64.50", "64.5"], "64.5"),
        (FieldType("formula"), ["007"], "007"),
        (FieldType("rollup_summary"), [3, "3"], "3"),
        ("type_of_tomorrow", ["1.50"], "1.50"),
        ("type_of_tomorrow", [[{"name": "VIP", "id": "9"}]], ["9"]),
    ],
    ids=str,
)
def test_a_value_is_the_same_whichever_way_it_came(kind, alike, stored):
    """JSON has numbers, objects and lists where a file has text."""
    kind = FieldType(kind) if isinstance(kind, str) else kind

    assert [read(kind, value) for value in alike] == [stored] * len(alike)


@pytest.mark.parametrize("empty", [None, "", [], {}])
@pytest.mark.parametrize(
    "kind", ["text", "currency", "boolean", "datetime", "lookup", "multiselectpicklist", "formula"]
)
def test_empty_is_empty_in_every_format(kind, empty):
    """Null, "" and [] are the same nothing."""
    assert read(FieldType(kind), empty) is NONE


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("picklist", "-None-"),
        ("multiselectpicklist", ["-None-"]),
        ("multiselectpicklist", "-None-"),
        ("multiselectpicklist", ";"),
        ("lookup", {"id": None, "name": None}),
    ],
)
def test_what_zoho_writes_for_nothing_is_nothing(kind, value):
    """-None- is the first value of each pick list."""
    assert read(FieldType(kind), value) is NONE


def test_the_standard_pick_lists_know_none_too():
    """They are columns here."""
    account = {"id": "1", "Account_Name": "Helios", "Industry": "-None-", "Rating": "-None-"}

    fields = AccountFields.from_payload(account)

    assert (fields.industry, fields.rating) == ("", "")


HUGE = "1" + "0" * 5_000


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("currency", "1e9999999"),
        ("currency", loads(b"1e9999999")),
        ("currency", "1e-9999999"),
        ("currency", loads(b"1e-9999999")),
        ("currency", loads(b"1e400")),
        ("currency", "sNaN"),
        ("currency", "NaN"),
        ("currency", Decimal("sNaN")),
        ("currency", "Infinity"),
        ("currency", "1_000"),
        ("currency", "1,234.50"),
        ("currency", "٣"),
        ("currency", "forty"),
        ("currency", True),
        ("currency", [1]),
        ("currency", HUGE),
        ("currency", 10**4000),
        ("integer", "1.5"),
        ("boolean", "maybe"),
        ("boolean", Decimal("sNaN")),
        ("date", "yesterday"),
        ("date", "2026-13-01"),
        ("date", "2026-01-05T10:00:00"),
        ("datetime", "2026-01-05T10:00:00"),
        ("datetime", "0001-01-01T00:00:00+05:30"),
        ("datetime", "9999-12-31T23:59:59-08:00"),
        ("datetime", 7),
        ("text", "nul\0"),
        ("text", "half \ud800"),
        ("text", {"a": 1}),
        ("text", 10**4000),
        ("multiselectpicklist", ["nul\0"]),
        ("multiselectpicklist", [{"a": 1}]),
        ("lookup", {"id": {"id": "1"}}),
        ("type_of_tomorrow", loads(b"[" * 900 + b"]" * 900)),
        ("type_of_tomorrow", [10**4000]),
    ],
)
def test_what_cannot_be_kept_exactly_is_that_records_failure(kind, value):
    """With the field's name, and never its value."""
    with pytest.raises(BadRecord, match="Own") as error:
        read(FieldType(kind), value)

    assert error.value.zoho_id == "1"


@pytest.mark.parametrize(
    ("key", "column", "value", "stored"),
    [
        (
            "Annual_Revenue",
            "annual_revenue",
            loads(b"123456789012345678901.123456789"),
            Decimal("123456789012345678901.123456789"),
        ),
        ("Annual_Revenue", "annual_revenue", "1e3", Decimal(1000)),
        ("Exchange_Rate", "exchange_rate", "0.012030798", Decimal("0.012030798")),
        ("Employees", "employees", "40.0", 40),
        ("Account_Number", "account_number", 42, "42"),
        ("Owner", "owner_id", 48, "48"),
        ("Website", "website", " www.example.com", " www.example.com"),
    ],
)
def test_columns_keep_every_digit(key, column, value, stored):
    """Python rounds to 28 digits where nobody stops it."""
    fields = AccountFields.from_payload({"id": "1", "Account_Name": "Helios", key: value})

    assert getattr(fields, column) == stored


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("Annual_Revenue", loads(b"12345678901234567890123")),
        ("Annual_Revenue", loads(b"1e9999999")),
        ("Annual_Revenue", "sNaN"),
        ("Annual_Revenue", "1_000"),
        ("Annual_Revenue", loads(b"0.123456789012345678901")),
        ("Employees", loads(b"1e30")),
        ("SIC_Code", 2**63),
        ("Created_Time", "0001-01-01T00:00:00+05:30"),
        ("Modified_Time", "9999-12-31T23:59:59-08:00"),
        ("Modified_Time", "2026-01-05"),
        ("Phone", "1" * 256),
        ("Industry", ["Energy"]),
    ],
    ids=str,
)
def test_columns_refuse_what_they_cannot_hold(key, value):
    """Refused while it is one record's failure; stored, it would break every page that shows it."""
    with pytest.raises(BadRecord, match=key):
        AccountFields.from_payload({"id": "1", "Account_Name": "Helios", key: value})


# --- through the simulator, three ways ------------------------------------------------------------

OF_EACH_TYPE = [
    ("Formula_Number", "formula", {"result": "currency"}, Decimal("64.50")),
    ("Formula_Text", "formula", {"result": "string"}, "007"),
    ("Formula_Yes", "formula", {"result": "boolean"}, True),
    ("Formula_Unsaid", "formula", {}, Decimal("12.600000000000001")),
    ("Roll_Up", "rollup_summary", {"result": "integer"}, 3),
    ("Roll_Up_Unsaid", "rollup_summary", {}, Decimal("3.10")),
    ("Auto_Number", "autonumber", {}, "ACC-00042"),
    ("Flag_On", "boolean", {}, True),
    ("Flag_Off", "boolean", {}, False),
    ("Share", "percent", {}, Decimal("12.50")),
    ("Big", "bigint", {}, "900719925474099312"),
    ("Whole", "integer", {}, 7),
    ("Double", "double", {}, Decimal("1234567.000000001")),
    ("Money", "currency", {}, Decimal("-0.10")),
    ("Day", "date", {}, "2026-01-05"),
    ("Moment", "datetime", {}, 1_790_000_000),
    ("Colour", "picklist", {"values": COLOURS}, "Green;Gold;Grey"),
    ("Nothing_Chosen", "picklist", {"values": ("-None-", *COLOURS)}, "-None-"),
    ("Colours", "multiselectpicklist", {"values": COLOURS}, ["Blue; dark", "Late"]),
    ("Seller", "userlookup", {}, "4876876000000411002"),
    ("Blanks", "text", {}, "  007, \"x\"; y\r\nz  "),
    ("Mail", "email", {}, "a@b.example"),
    ("Page", "website", {}, "www.b.example"),
    ("Dial", "phone", {}, "+49 89 0"),
    ("Letters", "textarea", {}, "line\nline"),
]  # fmt: skip


@pytest.fixture
def every_type(zoho):
    """An organization with a field of each type; one account that fills them, one that does not."""
    for name, data_type, more, _ in OF_EACH_TYPE:
        zoho.crm.add_field(name, data_type, **more)
    zoho.add_account(Account_Name="Empty")
    return zoho.add_account(
        Account_Name="Full", **{name: value for name, _, _, value in OF_EACH_TYPE}
    )


@pytest.mark.django_db
@pytest.mark.parametrize(
    "style",
    [
        {},
        {"bulk_yes_no": ("1", "0"), "bulk_separator": "; "},
        {"bulk_yes_no": ("TRUE", "FALSE")},
        {"numeric_big_integers": True},
    ],
    ids=str,
)
def test_each_type_is_unchanged_by_file_list_and_query(zoho, sync_accounts, every_type, style):
    """Or every second run would change every account."""
    for switch, value in style.items():
        setattr(zoho.crm, switch, value)
    ids = list(zoho.accounts)
    by_file = sync_accounts()
    before = dict(Account.objects.values_list("zoho_account_id", "custom_fields"))

    by_query = sync_accounts(ids)
    zoho.crm.bulk_fails = True
    by_list = sync_accounts()
    zoho.crm.bulk_fails = False
    by_changes = sync_accounts(mode=CHANGED)
    again_by_file = sync_accounts()

    assert (by_file["created"], by_file["failed"]) == (2, 0)
    for run in (by_query, by_list, by_changes, again_by_file):
        assert (run["updated"], run["failed"]) == (0, 0)
    assert by_query["unchanged"] == by_list["unchanged"] == again_by_file["unchanged"] == 2
    assert not Change.objects.filter(action=Change.Action.UPDATED).exists()
    assert dict(Account.objects.values_list("zoho_account_id", "custom_fields")) == before
    full = before[every_type]
    assert set(full) == {name for name, *_ in OF_EACH_TYPE} - {"Nothing_Chosen"}
    assert (full["Formula_Number"], full["Roll_Up"], full["Flag_On"]) == ("64.5", "3", True)
    assert full["Colours"] == ["Blue; dark", "Late"]


@pytest.mark.django_db
def test_another_time_zone_of_the_user_changes_no_account(zoho, sync_accounts, every_type):
    """Zoho writes moments in the zone of whoever asks."""
    sync_accounts()
    zoho.crm.time_zone = "America/New_York"

    stats = sync_accounts()

    assert (stats["unchanged"], stats["updated"]) == (2, 0)
