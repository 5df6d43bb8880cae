"""The error ledger: a row for each record that fails, closed by its own recovery."""

import html
import re

import pytest
from django.urls import reverse

from products_and_services.models import Product
from products_and_services.services import sync_products
from sync.models import Change, FailedRecord, SyncRun
from sync.runner import carry_out

pytestmark = pytest.mark.django_db

LIST = reverse("admin:sync_failedrecord_changelist")


@pytest.fixture
def client(client, staff):
    client.force_login(staff)
    return client


def spoil(zoho, item_id):
    zoho.edit_item(item_id, rate="1.123456789012345678901")


@pytest.fixture
def failing(zoho, sync):
    """Two of three items cannot be read: too many decimals."""
    ids = [zoho.add_item(name=f"Item {number}", rate="1.00") for number in range(3)]
    spoil(zoho, ids[0])
    spoil(zoho, ids[1])
    sync()
    return ids


def test_a_failing_record_has_one_row_that_counts_its_tries(zoho, failing, sync):
    """A row for each run would bury the second problem under the first."""
    first = FailedRecord.objects.get(zoho_id=failing[0])

    sync()

    row = FailedRecord.objects.get(zoho_id=failing[0])
    assert FailedRecord.objects.count() == 2
    assert (row.tries, row.first_failed_at) == (2, first.first_failed_at)
    assert row.last_failed_at > first.last_failed_at
    assert "too long to be stored exactly" in row.reason


def test_a_row_closes_itself_when_the_record_is_mended(zoho, failing, sync):
    """Nobody has to tidy up."""
    zoho.edit_item(failing[0], rate="2.00")

    sync(mode=SyncRun.Mode.CHANGED)

    assert FailedRecord.objects.get(zoho_id=failing[0]).closed_at is not None
    assert FailedRecord.objects.get(zoho_id=failing[1]).closed_at is None


def test_a_row_closes_when_the_record_is_gone_from_zoho(zoho, failing, sync):
    """Deleting it is one way to mend it."""
    zoho.remove_item(failing[0])

    sync()

    assert FailedRecord.objects.get(zoho_id=failing[0]).closed_at is not None


def test_a_record_that_fails_again_reopens_its_row(zoho, failing, sync):
    """Its count begins anew: this is another story."""
    zoho.edit_item(failing[0], rate="2.00")
    sync()
    spoil(zoho, failing[0])

    sync()

    row = FailedRecord.objects.get(zoho_id=failing[0])
    assert (row.tries, row.closed_at) == (1, None)


def test_a_record_without_an_id_has_a_row_too(zoho, sync):
    """It cannot be retried alone, but must not be forgotten."""
    zoho.put_raw_item({"name": "No id"})

    sync()
    sync()

    row = FailedRecord.objects.get()
    assert (row.zoho_id, row.tries) == ("", 2)


def test_the_ledger_keeps_the_field_and_the_id_and_nothing_the_record_says(zoho, sync):
    """Who reads it learns what to fix, and nobody's telephone number."""
    zoho.put_raw_item(
        {
            "item_id": "46001",
            "name": "Bell of Ann Example",
            "rate": "0171 1234567",
            "sku": "ann@example.com",
            "created_time": "2026-10-05T21:32:21+0530",
        }
    )

    sync()

    row = FailedRecord.objects.get()
    assert (row.zoho_id, row.field) == ("46001", "rate")
    stored = str(list(FailedRecord.objects.values()) + list(Change.objects.values()))
    for value in ("Ann", "1234567", "example.com", "2026-10-05"):
        assert value not in stored


def test_only_the_chosen_records_are_fetched_again(zoho, failing, client):
    """One item mended in Zoho is one call, not the catalogue."""
    zoho.edit_item(failing[0], rate="2.00")
    row = FailedRecord.objects.get(zoho_id=failing[0])
    zoho.clear_requests()

    client.post(LIST, {"action": "retry_selected", "_selected_action": [row.pk]})
    run = carry_out(SyncRun.objects.first(), sync_products)

    assert [r.query.get("item_ids") for r in zoho.requests] == [failing[0]]
    assert (run.mode, run.created, run.failed) == ("selected", 1, 0)
    assert Product.objects.get(zoho_item_id=failing[0]).price == 2
    row.refresh_from_db()
    assert row.closed_at is not None


def test_one_click_tries_all_again(zoho, failing, client):
    """After a clean-up in Zoho."""
    for item_id in failing[:2]:
        zoho.edit_item(item_id, rate="2.00")

    client.post(reverse("admin:sync_failedrecord_retry_all"))
    run = carry_out(SyncRun.objects.first(), sync_products)

    assert (run.created, run.expected) == (2, 2)
    assert not FailedRecord.objects.filter(closed_at=None).exists()


def test_the_ledger_is_grouped_by_what_is_wrong_with_what_to_do(zoho, failing, sync, client):
    """Thousands of rows are often one cause."""
    zoho.add_item(name="")
    sync()

    first, second = FailedRecord.objects.groups()
    shown = client.get(LIST).content.decode()

    assert (first["records"], second["records"]) == (2, 1)
    assert first["remedy"] == "Open the item in Zoho, round its selling price, and save."
    assert first["remedy"] in shown
    assert second["reason"] == "The item has no name."


def test_one_group_is_tried_again_alone(zoho, failing, sync, client):
    """The cause that was mended, and not the other one."""
    nameless = zoho.add_item(name="")
    sync()
    zoho.clear_requests()

    client.post(reverse("admin:sync_failedrecord_retry_all"), {"reason": "The item has no name."})
    carry_out(SyncRun.objects.first(), sync_products)

    assert [r.query.get("item_ids") for r in zoho.requests] == [nameless]


def test_a_group_leads_to_its_records(zoho, failing, sync, client):
    """By a filter that stays in the address."""
    zoho.add_item(name="")
    sync()

    rows = client.get(LIST, {"reason": "The item has no name."}).context["cl"].result_list

    assert [row.reason for row in rows] == ["The item has no name."]


def test_what_cannot_be_retried_alone_is_said(zoho, sync, client):
    """No id, no call."""
    zoho.put_raw_item({"name": "No id"})
    sync()

    page = client.post(reverse("admin:sync_failedrecord_retry_all"), follow=True).content.decode()

    assert "None of these can be fetched alone" in page


def test_who_may_not_mend_may_look_but_not_retry(failing, client, django_user_model):
    """An auditor sees everything and changes nothing."""
    from django.contrib.auth.models import Permission

    auditor = django_user_model.objects.create_user("ada", password="ada", is_staff=True)
    auditor.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    client.force_login(auditor)

    assert "Try again" not in client.get(LIST).content.decode()
    client.post(reverse("admin:sync_failedrecord_retry_all"))

    assert SyncRun.objects.count() == 1


def test_the_ledger_shows_reason_tries_and_field(failing, client):
    """From the list to the cause in one click."""
    page = client.get(LIST).content.decode()
    assert "too long to be stored exactly" in page

    row = FailedRecord.objects.get(zoho_id=failing[0])
    page = client.get(reverse("admin:sync_failedrecord_change", args=[row.pk])).content.decode()

    assert "Zoho's field" in html.unescape(page)
    assert "1.123456789" not in page


def test_a_dry_run_leaves_the_ledger_alone(zoho, sync):
    """It writes nothing."""
    zoho.put_raw_item({"name": "No id"})

    stats = sync(dry_run=True)

    assert stats["failed"] == 1
    assert not FailedRecord.objects.exists()


def test_a_record_without_an_id_is_told_by_its_place(zoho, sync, staff, client):
    """Somebody has to find it in what Zoho sent, and there is nothing else to go by."""
    for number in range(203):
        zoho.add_item(name=f"Item {number:03}")
    zoho.put_raw_item({"name": "No id"})

    stats = sync()
    client.force_login(staff)
    page = client.get(LIST).content.decode()

    place = FailedRecord.objects.get().place
    assert re.fullmatch(r"row \d+ of page 2", place)
    assert f"Without an ID ({place})" in page
    assert stats["errors"][0]["message"].endswith(f"It is {place}.")
