"""Whatever comes: it is stored exactly, or that one record fails with a reason."""

import csv
import io
import json

import pytest
from django.urls import reverse
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from integrations.zoho.records import Listing, read_body
from products_and_services.mapping import ProductFields
from products_and_services.mirror import PRODUCTS
from products_and_services.models import Product
from sync.models import Change, FailedRecord, SyncRun
from sync.saving import compare, save

pytestmark = [pytest.mark.postgres, pytest.mark.django_db]  # SQLite keeps 15 digits of a number

ITEMS = Listing("items", "item_id")
LIST = reverse("admin:products_and_services_product_changelist")

TEXTS = st.text(max_size=40) | st.sampled_from(["\ud800", "a\0b", "=1+1", "\ufffe", "é" * 600, ""])
NUMBERS = (
    st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.decimals(allow_nan=False, allow_infinity=False, places=12).map(str)
    | st.from_regex(r"\A-?[0-9]{1,25}(\.[0-9]{1,25})?([eE][+-]?[0-9]{1,3})?\Z")
    | TEXTS
)
MOMENTS = (
    st.datetimes(timezones=st.timezones()).map(lambda it: it.isoformat())
    | st.from_regex(r"\A[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:00[+-]1[0-4]:?[0-5]0\Z")
    | TEXTS
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | NUMBERS, lambda inner: st.lists(inner, max_size=3), max_leaves=4
)
ITEM = st.fixed_dictionaries(
    {},
    optional={
        "name": TEXTS | ANYTHING,
        "sku": TEXTS | ANYTHING,
        "rate": NUMBERS | ANYTHING,
        "stock_on_hand": NUMBERS,
        "unit": TEXTS,
        "product_type": TEXTS,
        "status": st.sampled_from(["active", "inactive", "new", ""]) | ANYTHING,
        "created_time": MOMENTS,
        "last_modified_time": MOMENTS | ANYTHING,
    },
)


def records_of(items):
    rows = [{"item_id": str(number), **item} for number, item in enumerate(items, 1)]
    return read_body(json.dumps({"items": rows}).encode(), ITEMS)["items"]


@hypothesis_settings(
    max_examples=100,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
@given(items=st.lists(ITEM, min_size=20, max_size=20))
def test_every_value_that_is_taken_can_be_read_back(client, staff, items):
    """By the next run, from the database, in the history, on the page and in the export."""
    for model in (Change, FailedRecord, SyncRun, Product):
        model.objects.all().delete()
    run, _ = SyncRun.request("products_and_services.product", task_name="t", trigger="person")
    run.start()
    records = records_of(items)

    plan = save(run, PRODUCTS, records, 1, page=1)

    stored = {product.zoho_item_id: product for product in Product.objects.all()}
    failed = set(FailedRecord.objects.values_list("zoho_id", flat=True))
    assert stored.keys() | failed == {record.zoho_id for record in records}
    assert not stored.keys() & failed
    assert all(FailedRecord.objects.values_list("reason", flat=True))
    for record in records:
        if product := stored.get(record.zoho_id):
            fields = ProductFields.from_payload(record.parsed())
            assert tuple(getattr(product, name) for name in fields._fields) == fields
    again = compare(PRODUCTS, records, partial=True)  # by its fields, not by its fingerprint
    assert set(again.plan.unchanged) == set(plan.create) == stored.keys()
    client.force_login(staff)
    assert client.get(LIST).status_code == 200
    exported = client.get(f"{LIST}export/csv/").getvalue().decode("utf-8-sig")
    assert len(list(csv.reader(io.StringIO(exported)))) == len(stored) + 1
    for product in list(stored.values())[:1]:
        page = reverse("admin:products_and_services_product_change", args=[product.pk])
        assert client.get(page).status_code == 200
