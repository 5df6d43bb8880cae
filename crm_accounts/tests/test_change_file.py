"""Accounts as a file: taken, changed in a spreadsheet, read back."""

import csv
import io

import pytest

from crm_accounts.models import Account, CrmField, CrmUser
from crm_accounts.write_back import file
from crm_accounts.write_back.file import BadFile
from crm_accounts.write_back.kinds import editable

pytestmark = pytest.mark.django_db

HELIOS, BOREALIS = "4876876000001000007", "4876876000001000008"
FIELDS = {
    "Account_Name": "text",
    "Phone": "phone",
    "Industry": "picklist",
    "Annual_Revenue": "currency",
    "Employees": "integer",
    "Owner": "ownerlookup",
    "Description": "textarea",
    "Key_Account": "boolean",
    "Products_Used": "multiselectpicklist",
    "Customer_Since": "date",
    "Last_Audit": "datetime",
}


@pytest.fixture(autouse=True)
def mirrored():
    """Two accounts, and the metadata of their fields."""
    for name, data_type in FIELDS.items():
        CrmField.objects.create(
            api_name=name,
            label=name.replace("_", " "),
            data_type=data_type,
            length=200,
            decimal_places=2,
            is_custom=name in ("Key_Account", "Products_Used", "Customer_Since", "Last_Audit"),
            is_mandatory=name == "Account_Name",
            pick_list=["-None-", "Energy", "Retail"]
            if name == "Industry"
            else ["Panels", "Maintenance, on site"],
        )
    CrmField.objects.create(api_name="Created_Time", label="Created Time", data_type="datetime")
    CrmField.objects.filter(api_name="Created_Time").update(is_read_only=True)
    CrmUser.objects.create(id="77", name="Ada L.")
    CrmUser.objects.create(id="78", name="Olga B.")
    modified = "2026-11-20T10:00:00+00:00"
    Account.objects.create(
        zoho_account_id=HELIOS, name="Helios", phone="+49 89 1", industry="Energy",
        annual_revenue="10.50", owner_id="77", description="Two\nlines", zoho_modified_at=modified,
        custom_fields={"Key_Account": True, "Products_Used": ["Maintenance, on site", "Panels"]},
    )  # fmt: skip
    Account.objects.create(zoho_account_id=BOREALIS, name="=HYPERLINK()", zoho_modified_at=modified)


def read(text, encoding="utf-8", **options):
    return file.read(text.encode(encoding), editable(), **options)


def fields_of(wanted):
    return {name: (one["before"], one["after"]) for name, one in wanted.fields.items()}


def taken():
    return file.written(Account.objects.order_by("id"), editable())


def changed(text, line, **cells):
    """The file with these cells of one line changed, by heading."""
    rows = list(csv.reader(io.StringIO(text)))
    for heading, cell in cells.items():
        rows[line][rows[0].index(heading.replace("_", " "))] = cell
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue()


def test_a_file_that_nobody_changed_changes_nothing():
    """Every value comes back as it went out, lines, formulas and semicolons included."""
    assert read(taken()) == ([], [])
    assert read(taken(), empty_clears=True) == ([], [])


def test_the_names_that_a_spreadsheet_would_calculate_are_marked_and_come_back():
    """And the ids are as Zoho's own exports write them: bare, they would be rounded."""
    text = taken()

    assert "'=HYPERLINK()" in text
    assert "'+49 89 1" in text
    assert f"zcrm_{HELIOS}" in text


def test_a_changed_cell_becomes_a_change():
    """From what is known to what was typed, in its own type."""
    text = changed(
        taken(), 1, Phone="+49 89 2", Industry="Retail", Annual_Revenue="120000.5",
        Employees="40", Owner="Olga B.", Key_Account="no", Products_Used="Panels",
        Customer_Since="2026-11-30", Last_Audit="2026-11-30 14:05",
    )  # fmt: skip

    (wanted,), ignored = read(text)

    assert (wanted.number, wanted.zoho_account_id, wanted.problem) == (2, HELIOS, "")
    assert ignored == []
    assert fields_of(wanted) == {
        "Phone": ("+49 89 1", "+49 89 2"),
        "Industry": ("Energy", "Retail"),
        "Annual_Revenue": ("10.5", "120000.5"),
        "Employees": (None, "40"),
        "Owner": ("77", "78"),
        "Key_Account": (True, False),
        "Products_Used": (["Panels", "Maintenance, on site"], ["Panels"]),
        "Customer_Since": (None, "2026-11-30"),
        "Last_Audit": (None, "2026-11-30T14:05:00+00:00"),
    }


def test_an_empty_cell_leaves_its_field_alone_unless_told_otherwise():
    """A half-filled file must not empty what it does not speak of."""
    text = changed(taken(), 1, Phone="", Industry="", Key_Account="")

    assert read(text) == ([], [])
    (wanted,), _ = read(text, empty_clears=True)
    assert fields_of(wanted) == {"Phone": ("+49 89 1", None), "Industry": ("Energy", None)}


@pytest.mark.parametrize(
    ("cells", "says"),
    [
        ({"Industry": "Enrgy"}, "Industry: Enrgy is not one of the values that Zoho offers"),
        ({"Annual_Revenue": "1.234,56"}, "Annual Revenue: Write the number with digits"),
        ({"Annual_Revenue": "1.234"}, "no more than 2 decimal places"),
        ({"Employees": "4.5"}, "Employees: Write a whole number"),
        ({"Owner": "Nobody"}, "Owner: Nobody is no user"),
        ({"Key_Account": "maybe"}, "Key Account: Key Account is yes or no"),
        ({"Customer_Since": "30.11.2026"}, "Customer Since: Write the date as year"),
        ({"Phone": "1" * 201}, "Phone: Ensure this value has at most 200 characters"),
        ({"Phone": "1\x002"}, "Phone: Null characters are not allowed"),
        ({"Changed_in_Zoho": "2026-11-19T10:00:00+00:00"}, "after the file was made"),
    ],
)
def test_a_line_that_does_not_fit_says_why_and_spoils_no_other(cells, says):
    """What fits in it is not sent either: half a line is not what was wanted."""
    text = changed(taken(), 1, **cells, Description="New")
    text = changed(text, 2, Phone="5")

    (bad, good), _ = read(text)

    assert says in bad.problem
    assert good.problem == ""
    assert fields_of(good) == {"Phone": (None, "5")}


@pytest.mark.parametrize(
    ("zoho_id", "says"),
    [
        ("", "has no Zoho account ID"),
        ("4.87688E+18", "A spreadsheet has rounded this ID"),
        ("4876876000001000000", "No account here has this ID"),
        ("../x", "No account here has this ID"),
    ],
)
def test_a_line_whose_account_is_not_known_says_so(zoho_id, says):
    """Never the nearest one."""
    (wanted,), _ = read(f"id,Phone\n{zoho_id},5\n")

    assert wanted.account is None
    assert says in wanted.problem


def test_of_an_account_that_comes_twice_the_second_line_is_refused():
    """Which of the two is meant?"""
    wanted, _ = read(f"id,Phone\n{HELIOS},5\n{HELIOS},6\n")

    assert [one.problem for one in wanted] == ["", "Line 2 has this account, too."]


def test_an_account_that_zoho_no_longer_has_cannot_be_changed():
    """Nor can it be asked for."""
    Account.objects.update(retired_at="2026-11-20T10:00Z")

    (wanted,), _ = read(f"id,Phone\n{HELIOS},5\n")

    assert "no longer has this account" in wanted.problem


@pytest.mark.parametrize("text", ["Record Id;Phone\r\n{};5\r\n", "ID\tphone\n{}\t5\n"])
def test_headings_and_separators_are_taken_as_they_come(text):
    """German spreadsheets write semicolons; Zoho says Record Id."""
    (wanted,), _ = read(text.format(HELIOS))

    assert fields_of(wanted) == {"Phone": ("+49 89 1", "5")}


def test_a_spreadsheets_unicode_text_is_read():
    """UTF-16 with tabs, as one of them calls it."""
    (wanted,), _ = read(f"id\tDescription\n{HELIOS}\tGrüße\n", "utf-16")

    assert wanted.fields["Description"]["after"] == "Grüße"


def test_columns_that_are_not_ours_to_change_are_named():
    """A typo in a heading must not pass for "nothing changed"."""
    _, ignored = read(f"id,Phone,Created Time,Fone\n{HELIOS},5,x,y\n")

    assert ignored == ["Created Time", "Fone"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "The file is empty"),
        ("id,Phone\n", "headings and no accounts"),
        ("Phone\n5\n", "no column “Zoho account ID”"),
        ("id,Fone\n1,5\n", "No heading of the file is a field"),
        ("id,Phone,phone\n1,5,6\n", "two columns for Phone"),
        ('id,Phone\n1,"5\n', "no CSV that can be read"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(text, says):
    """And what to do."""
    with pytest.raises(BadFile, match=says):
        read(text)


def test_a_file_in_an_old_encoding_is_refused():
    """Guessing would write broken names to Zoho."""
    with pytest.raises(BadFile, match="CSV UTF-8"):
        read(f"id,Description\n{HELIOS},Grüße\n", "cp1252")


def test_a_file_of_too_many_accounts_is_refused(monkeypatch):
    """Before a single one is looked up."""
    monkeypatch.setattr(file, "MOST_ACCOUNTS", 1)

    with pytest.raises(BadFile, match="more than 1 accounts"):
        read(f"id,Phone\n{HELIOS},5\n{BOREALIS},5\n")


def test_fields_with_the_same_label_go_by_their_api_names():
    """Labels need not be unique in Zoho."""
    CrmField.objects.filter(api_name="Description").update(label="Phone")

    heads = taken().splitlines()[0].split(",")

    assert {"Phone", "Description"} <= set(heads)
    (wanted,), _ = read(f"id,Description\n{HELIOS},New\n")
    assert list(wanted.fields) == ["Description"]
