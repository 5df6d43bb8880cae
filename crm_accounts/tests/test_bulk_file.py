"""The file of a bulk read: whatever its headings, one bad row fails alone."""

import io
import zipfile

import pytest

from crm_accounts.bulk_file import UnreadableFileError, read_rows
from crm_accounts.mapping import divided
from crm_accounts.models import Account
from integrations.zoho.errors import BadRecord, ZohoUnavailableError
from sync.models import FailedRecord, SyncRun

NAMES = ["Account_Name", "Description"]
IDS = ["1", "2", "3"]


def archive(content):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as zipped:
        zipped.writestr("accounts.csv", content)
    return file


def read(content):
    return list(read_rows(archive(content), NAMES))


@pytest.mark.parametrize("heading", ["Id", "id", "ID", " Id ", "\ufeffId"])
def test_the_id_column_is_found_whatever_its_case(heading):
    """Four programs that read live files expect "Id", Zoho's page prints "id"."""
    content = f"{heading},account_name,Description,Owner\n1,Helios,,7\n".encode()

    (record,) = read(content)

    assert record.zoho_id == "1"
    assert record.parsed() == {"id": "1", "Account_Name": "Helios", "Description": None}


@pytest.mark.parametrize(
    "heads",
    ["Record,Account_Name,Description", "Id,Account_Name", "Id,id,Account_Name,Description", ""],
)
def test_a_file_without_what_was_asked_for_is_unreadable_before_its_first_record(heads):
    """Every record would fail, and all known ones look deleted."""
    with pytest.raises(UnreadableFileError):
        next(read_rows(archive(f"{heads}\n1,Helios,\n".encode()), NAMES))


@pytest.mark.parametrize(
    "row",
    [
        b"2,caf\xe9,",
        b"2,Bad," + b"x" * 1_000_001,
        b"2,Bad",
        b"2,Bad,,,",
        b"2,a\0b,",
    ],
)
def test_a_bad_row_fails_alone(row):
    """One byte stopped the mirror, at each full run."""
    records = read(b"Id,Account_Name,Description\n1,good,\n" + row + b"\n3,good,\n")

    assert [record.zoho_id for record in records] == IDS
    good = [record.parsed()["Account_Name"] for record in (records[0], records[2])]
    assert good == ["good", "good"]
    from crm_accounts.mapping import AccountFields

    with pytest.raises(BadRecord):
        AccountFields.from_payload(records[1].parsed())


def test_a_long_text_is_read():
    """More than 131,072 characters, where Python's own limit ends the file."""
    (record,) = read(b"Id,Account_Name,Description\n1,good," + b"x" * 140_000 + b"\n")

    assert len(record.parsed()["Description"]) == 140_000


def test_a_quotation_mark_that_does_not_end_is_a_damaged_file():
    """It would swallow the rows after it."""
    with pytest.raises(ZohoUnavailableError):
        read(b'Id,Account_Name,Description\n1,good,\n2,"bad,\n3,good,\n')


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("Panels;Maintenance; on site", ["Panels", "Maintenance; on site"]),
        ("Maintenance; on site;Panels", ["Maintenance; on site", "Panels"]),
        ("Maintenance;Panels", ["Maintenance", "Panels"]),
        ("Unknown; Panels;", ["Unknown", "Panels"]),
        (";", []),
    ],
)
def test_a_choice_that_holds_a_semicolon_is_one_choice(text, values):
    """The field's own pick list tells where one ends."""
    assert divided(text, ("Panels", "Maintenance", "Maintenance; on site")) == values


@pytest.mark.django_db
@pytest.mark.parametrize("heading", ["Id", "id", "iD"])
@pytest.mark.parametrize("zoho", [{"accounts": 60}], indirect=True)
def test_a_full_run_reads_the_file_whatever_its_heading(zoho, sync_accounts, heading):
    """With "Id", the first full run failed every record."""
    zoho.crm.bulk_id_heading = heading

    stats = sync_accounts()

    assert (stats["created"], stats["failed"]) == (60, 0)


@pytest.mark.django_db
@pytest.mark.postgres  # SQLite keeps 15 digits of a number
@pytest.mark.parametrize("zoho", [{"accounts": 60}], indirect=True)
def test_a_file_without_ids_leads_to_the_list(zoho, sync_accounts):
    """Nothing fails and nothing is retired for it."""
    sync_accounts()
    zoho.crm.bulk_id_heading = "Record"

    stats = sync_accounts()

    assert (stats["unchanged"], stats["failed"], stats["retired"]) == (60, 0, 0)
    words = [event.words for event in SyncRun.objects.first().events.all()]
    assert any("has no column id" in it and "page by page" in it for it in words)
    assert not FailedRecord.objects.exists()
    assert not Account.objects.exclude(retired_at=None).exists()
