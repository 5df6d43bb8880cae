"""Accounts as a file: taken, changed in a spreadsheet, read back."""

import csv
import io
import tracemalloc

import pytest

from backoffice.export import csv_lines
from crm_accounts.models import Account, CrmField, CrmUser
from crm_accounts.write_back import file
from crm_accounts.write_back.file import InvalidFileError
from crm_accounts.write_back.kinds import editable

pytestmark = pytest.mark.django_db

HELIOS, BOREALIS = "4876876000001000007", "4876876000001000008"
AS_OF = "2026-11-20T10:00:00+00:00"
FIELDS = {
    "Account_Name": "text",
    "Account_Number": "bigint",
    "Phone": "phone",
    "Fax": "text",
    "Industry": "picklist",
    "Annual_Revenue": "currency",
    "Employees": "integer",
    "Owner": "ownerlookup",
    "Billing_Code": "text",
    "Parent_Account": "lookup",
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
    Account.objects.create(
        zoho_account_id=HELIOS, name="Helios", phone="+49 89 1", industry="Energy",
        annual_revenue="10.50", owner_id="77", description="Two\nlines", zoho_modified_at=AS_OF,
        account_number="498912345678", billing_code="01067", fax="498912345678",
        parent_account_id=BOREALIS, custom_fields={
            "Key_Account": True, "Products_Used": ["Maintenance, on site", "Panels"],
            "Customer_Since": "2026-01-31", "Last_Audit": "2026-01-31T10:00:00+05:30",
        },
    )  # fmt: skip
    Account.objects.create(zoho_account_id=BOREALIS, name="=HYPERLINK()", zoho_modified_at=AS_OF)


def read(text, encoding="utf-8", **options):
    return file.read(io.BytesIO(text.encode(encoding)), editable(), **options)


def fields_of(wanted):
    return {name: (one["before"], one["after"]) for name, one in wanted.fields.items()}


def taken():
    kinds = editable()
    lines = [file.line(account, kinds) for account in Account.objects.order_by("id")]
    return csv_lines([file.head(kinds), *lines]).decode()


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


def test_what_a_spreadsheet_would_take_for_a_number_or_a_date_is_marked():
    """It would write 01067 back as 1067, and a day in its own country's way."""
    _, cells, _ = csv.reader(io.StringIO(taken()))

    assert {"'01067", "'498912345678", f"zcrm_{BOREALIS}", "'2026-01-31"} <= set(cells)
    assert "10.5" in cells


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
        "Customer_Since": ("2026-01-31", "2026-11-30"),
        "Last_Audit": ("2026-01-31T04:30:00+00:00", "2026-11-30T14:05:00+00:00"),
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
        ({"Employees": "1.000"}, "Employees: Write a whole number"),
        ({"Annual_Revenue": "1.23457E+11"}, "A spreadsheet has rounded this number"),
        ({"Fax": "4.98912E+11"}, "Fax: A spreadsheet has rounded this number"),
        ({"Account_Number": "abc 12 def"}, "Write up to 18 digits and nothing else"),
        ({"Changed_in_Zoho": "20.11.2026 10:00"}, "nobody can tell how old the line is"),
        ({"Changed_in_Zoho": ""}, "nobody can tell how old the line is"),
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
    _, notes = read(f"id,Changed in Zoho,Phone,Created Time,Fone\n{HELIOS},{AS_OF},5,x,y\n")

    assert notes == ["These columns were left alone: Created Time, Fone."]


def test_a_file_that_does_not_say_how_old_it_is_is_told():
    """It may put back what others have changed since."""
    _, (note,) = read(f"id,Phone\n{HELIOS},5\n")

    assert "nobody can tell how old it is" in note


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "The file is empty"),
        ("id,Phone\n", "headings and no accounts"),
        ("Phone\n5\n", "no column “Zoho account ID”"),
        ("id,Fone\n1,5\n", "No heading of the file is a field"),
        ("id,Phone,phone\n1,5,6\n", "two columns for Phone"),
        ('id,Phone\n1,"5\n', "no CSV that can be read"),
        ("id,Phone\n1\0,5\n", "The file is no text"),
        ("PK\x03\x04", "a workbook of a spreadsheet"),
        ("id,Record Id,Phone\n1,2,5\n", "2 columns that could say which account"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(text, says):
    """And what to do."""
    with pytest.raises(InvalidFileError, match=says):
        read(text)


def test_a_file_in_an_old_encoding_is_refused():
    """Guessing would write broken names to Zoho."""
    with pytest.raises(InvalidFileError, match="CSV UTF-8"):
        read(f"id,Description\n{HELIOS},Grüße\n", "cp1252")


def test_a_file_of_too_many_accounts_is_refused(monkeypatch):
    """Before a single one is looked up."""
    monkeypatch.setattr(file, "MOST_ACCOUNTS", 1)

    with pytest.raises(InvalidFileError, match="more than 1 accounts"):
        read(f"id,Phone\n{HELIOS},5\n{BOREALIS},5\n")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("id,Phone\n" + "\n" * 40 + f"{HELIOS},5\n", "more than 30 lines"),
        (f"id,Phone\n{HELIOS},5" + "," * 20 + "\n", "Line 2 has more than 10 cells"),
        (",".join(["id", *["Phone"] * 20]) + "\n", "Line 1 has more than 10 cells"),
        (f"id,Phone\n{HELIOS},{'5' * 140_000}\n", "a cell of more than 131,072 characters"),
        (f'id,Phone\n{HELIOS},"{"5," * 70_000}', "no CSV that can be read"),
    ],
)
def test_a_file_is_bounded_in_lines_cells_and_characters(monkeypatch, text, says):
    """20 MB of short lines took 2 GB and minutes, and stopped the site."""
    monkeypatch.setattr(file, "MAX_LINES", 30)
    monkeypatch.setattr(file, "MAX_CELLS", 10)

    with pytest.raises(InvalidFileError, match=says):
        read(text)


def test_a_file_that_is_too_large_is_refused_unread(monkeypatch):
    """Its size is known before a byte of it is."""
    monkeypatch.setattr(file, "MAX_BYTES", 10)
    content = io.BytesIO(f"id,Phone\n{HELIOS},5\n".encode())

    with pytest.raises(InvalidFileError, match="larger than 20 MB"):
        file.read(content, editable())
    assert not content.closed


def test_the_largest_file_is_read_a_line_at_a_time():
    """What is held in memory is a portion of its lines, whatever the file holds."""
    lines = [f"{number},{'5' * 1_000}" for number in range(1, file.MOST_ACCOUNTS)]
    content = io.BytesIO("\n".join(["id,Phone", *lines, f"{HELIOS},5"]).encode())
    tracemalloc.start()

    wanted, _ = file.read(content, editable())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert len(wanted) == file.MOST_ACCOUNTS
    assert peak < len(content.getvalue())


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_file_is_read_by_any_spreadsheets_encoding_and_separator(encoding, delimiter):
    """Each saves its own way."""
    text = delimiter.join(["id", "Phone"]) + "\r\n" + delimiter.join([HELIOS, "+49 é"]) + "\r\n"

    (wanted,), _ = read(text, encoding)

    assert fields_of(wanted) == {"Phone": ("+49 89 1", "+49 é")}


def test_a_file_that_was_sent_already_changes_nothing_more():
    """Its lines are old by then, and ask for nothing."""
    text = changed(taken(), 1, Phone="5")
    Account.objects.filter(zoho_account_id=HELIOS).update(
        phone="5", zoho_modified_at="2026-11-21T10:00Z"
    )

    assert read(text) == ([], [])


def test_a_line_with_too_many_cells_is_refused():
    """A comma without quotation marks moves all that follows into other fields."""
    (wanted,), _ = read(f"id,Account Name,Phone\n{HELIOS},Helios, Inc,5\n")

    assert "more cells than there are headings" in wanted.problem
    assert wanted.fields == {}


def test_cells_that_are_missing_at_the_end_of_a_line_say_nothing():
    """Spreadsheets leave them out; that empties no field."""
    text = f"id,Changed in Zoho,Industry,Phone\n{HELIOS},{AS_OF},Energy\n"

    assert read(text, empty_clears=True) == ([], [])


@pytest.mark.parametrize("label", ["Record Id", "ID", "Zoho account ID", "Account ID"])
def test_a_field_of_that_name_is_not_taken_for_the_accounts_id(label):
    """The line would be written to another account."""
    CrmField.objects.filter(api_name="Fax").update(label=label)
    text = taken()

    assert read(text) == ([], [])
    heading = dict(zip(editable(), file.headings(editable()), strict=True))["Fax"]
    (wanted,), _ = read(changed(text, 1, **{heading: BOREALIS}))
    assert (wanted.zoho_account_id, list(wanted.fields)) == (HELIOS, ["Fax"])


def test_a_label_wins_over_another_fields_api_name():
    """What stands above the column is what the person reads."""
    CrmField.objects.filter(api_name="Phone").update(label="Main line")
    CrmField.objects.filter(api_name="Fax").update(label="Phone")

    (wanted,), _ = read(changed(taken(), 1, Fax="5"))
    assert list(wanted.fields) == ["Fax"]


def test_fields_with_the_same_label_go_by_their_api_names():
    """Labels need not be unique in Zoho."""
    CrmField.objects.filter(api_name="Description").update(label="Phone")

    heads = taken().splitlines()[0].split(",")

    assert {"Phone", "Description"} <= set(heads)
    assert read(taken()) == ([], [])
    (wanted,), _ = read(f"id,Description\n{HELIOS},New\n")
    assert list(wanted.fields) == ["Description"]
