"""Whatever comes of an account, by list, query or file: it is stored exactly, or that one account
fails with a reason."""

import csv
import io
import json
import zipfile

import pytest
from django.urls import reverse
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from crm_accounts.bulk_file import read_rows
from crm_accounts.mapping import READERS, AccountFields, FieldType
from crm_accounts.mirror import accounts_by
from crm_accounts.models import Account
from integrations.zoho.records import Listing, read_body
from sync.models import Change, FailedRecord, SyncRun
from sync.saving import compare, save

pytestmark = [pytest.mark.postgres, pytest.mark.django_db]  # SQLite keeps 15 digits of a number

LISTED = Listing("data", "id")
LIST = reverse("admin:crm_accounts_account_changelist")
TYPES = {
    **{f"Own_{name}": FieldType(name, ("Red", "Blue; dark")) for name in (*READERS, "of_tomorrow")},
    **dict.fromkeys(("Account_Name", "Phone", "Industry", "Annual_Revenue"), FieldType("")),
    **dict.fromkeys(("Employees", "Owner", "Modified_Time", "Created_Time"), FieldType("")),
}

TEXTS = st.text(max_size=40) | st.sampled_from(
    ["\ud800", "a\0b", "=1+1", "\ufffe", "é" * 3_000, "", "-None-", "Red;Blue; dark", "64.50 %"]
)
NUMBERS = (
    st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.from_regex(r"\A-?[0-9]{1,25}(\.[0-9]{1,25})?([eE][+-]?[0-9]{1,3})?\Z")
)
MOMENTS = st.datetimes(timezones=st.timezones()).map(lambda it: it.isoformat()) | st.sampled_from(
    ["0001-01-01T00:00:00+05:30", "9999-12-31T23:59:59-08:00", "2026-02-30T10:00:00Z"]
)
POINTERS = st.fixed_dictionaries({"id": st.integers(1, 10**18).map(str), "name": TEXTS})
ANYTHING = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS | MOMENTS | POINTERS,
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=4,
)
ACCOUNT = st.fixed_dictionaries(
    {"Account_Name": st.sampled_from(["Helios", "Ärzte"]) | TEXTS},
    optional=dict.fromkeys(sorted(TYPES.keys() - {"Account_Name"}), ANYTHING),
)
CELLS = st.fixed_dictionaries(
    {"Account_Name": st.sampled_from(["Helios", "Ärzte"]) | TEXTS},
    optional=dict.fromkeys(
        sorted(TYPES.keys() - {"Account_Name"}), TEXTS | NUMBERS.map(str) | MOMENTS
    ),
)
IN_CI = hypothesis_settings(
    max_examples=50,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)


def listed(accounts):
    rows = [{"id": str(number), **account} for number, account in enumerate(accounts, 1)]
    return read_body(json.dumps({"data": rows}).encode(), LISTED)["data"]


def in_a_file(accounts):
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["Id", *TYPES])
    for number, account in enumerate(accounts, 1):
        writer.writerow([number, *(account.get(name, "") for name in TYPES)])
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("accounts.csv", text.getvalue().encode("utf-8", "surrogatepass"))
    return list(read_rows(file, list(TYPES)))


def check(client, staff, records):
    for model in (Change, FailedRecord, SyncRun, Account):
        model.objects.all().delete()
    run, _ = SyncRun.request("crm_accounts.account", task_name="t", trigger="person")
    run.start()
    mirror = accounts_by(lambda: TYPES)

    plan = save(run, mirror, records, 1, page=1)

    stored = {account.zoho_account_id: account for account in Account.objects.all()}
    failed = set(FailedRecord.objects.values_list("zoho_id", flat=True))
    assert stored.keys() | failed == {record.zoho_id for record in records}
    assert not stored.keys() & failed
    assert all(FailedRecord.objects.values_list("reason", flat=True))
    for record in records:
        if account := stored.get(record.zoho_id):
            fields = AccountFields.from_payload(record.parsed(), TYPES).completed(None)
            assert tuple(getattr(account, name) for name in fields._fields) == fields
    again = compare(mirror, records, partial=True)  # by its fields, not by its fingerprint
    assert set(again.plan.unchanged) == set(plan.create) == stored.keys()
    client.force_login(staff)
    assert client.get(LIST).status_code == 200
    exported = client.get(f"{LIST}export/csv/").getvalue().decode("utf-8-sig")
    assert len(list(csv.reader(io.StringIO(exported)))) == len(stored) + 1
    for account in list(stored.values())[:1]:
        page = reverse("admin:crm_accounts_account_change", args=[account.pk])
        assert client.get(page).status_code == 200


@IN_CI
@given(accounts=st.lists(ACCOUNT, min_size=10, max_size=10))
def test_every_account_of_a_list_is_stored_exactly_or_fails_alone(client, staff, accounts):
    """JSON of every shape in fields of every type."""
    check(client, staff, listed(accounts))


@IN_CI
@given(accounts=st.lists(CELLS, min_size=10, max_size=10))
def test_every_row_of_a_file_is_stored_exactly_or_fails_alone(client, staff, accounts):
    """Text of every shape in fields of every type, quotation marks and line breaks among it."""
    check(client, staff, in_a_file(accounts))
