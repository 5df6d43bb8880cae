"""A sync and Zoho's own count of the day's calls."""

import datetime as dt

import pytest
from django.utils import timezone

from integrations.zoho.inventory import ZohoClient
from products_and_services.services import sync_products
from sync.models import SyncRun
from sync.runner import carry_out

pytestmark = pytest.mark.django_db


def test_a_sync_waits_until_zohos_count_begins_anew(zoho, sync, settings):
    """Other programs have used up what our own ledger believes is there."""
    zoho.rate_headers = True
    zoho.limits.per_day = 10
    for number in range(600):
        zoho.add_item(name=f"Item {number:04}")
    client = ZohoClient.from_database()
    for _ in range(8):
        client.fetch_products(per_page=1)
    client.close()

    run, _ = SyncRun.request("products_and_services.product", trigger=SyncRun.Trigger.SCHEDULE)
    run = carry_out(run, sync_products)

    assert run.state == "waiting"
    assert "Zoho says that only 1 of its 10 calls are left" in run.message
    assert run.resume_at > timezone.now() + dt.timedelta(seconds=1)
    assert zoho.limits.refused == 0
