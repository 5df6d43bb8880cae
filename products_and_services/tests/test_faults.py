"""Every trouble that the simulator knows, on the second of three pages: how the run ends, and that
everything is kept."""

import pytest

from products_and_services.models import Product
from products_and_services.services import SyncFailedError
from sync.models import FailedRecord, SyncRun

pytestmark = pytest.mark.django_db

ITEMS = "/inventory/v1/items"
GIVEN_UP = "Given up after 4 tries; what was read is kept and nothing was retired"
# Kind of fault → its options, and what the run's page says, or None where the run completes.
ENDINGS = {
    "answer": ({"body": {"code": 0, "message": "success"}}, GIVEN_UP),
    "status": ({"status": 503}, GIVEN_UP),
    "rate_limit": ({"code": 44, "times": 2}, None),
    "html_502": ({}, GIVEN_UP),
    "login_page": ({}, "Check the connection"),
    "redirect": ({}, "Check the connection"),
    "unauthorized": ({}, "lacks the permission"),
    "expire_tokens": ({"times": 1}, None),
    "truncated": ({}, GIVEN_UP),
    "drop": ({}, GIVEN_UP),
    "lost_answer": ({}, GIVEN_UP),  # of a reading call: nothing is lost but the answer
    "hang": ({"seconds": 3}, GIVEN_UP),
    "slow": ({"seconds": 0.05}, None),
    "no_page_context": ({}, GIVEN_UP),
    "no_items": ({}, GIVEN_UP),
    "repeat_page": ({}, "does not end"),
    "bad_record": ({"record": {"item_id": "1", "rate": "many"}}, None),
    "http": ({"status": 200, "body": "[]"}, GIVEN_UP),
    "replace": ({"old": '"status":"active"', "new": '"status":"\xe9"', "times": 1}, None),
    "drip": ({"seconds": 0.0}, None),
    "large": ({"megabytes": 1}, GIVEN_UP),
    "cut": ({"rows": 0}, "does not end"),
    "no_has_more": ({}, GIVEN_UP),
    "endless": ({}, None),  # one page of junk; a list that never ends has its own tests
}


def test_every_fault_of_the_simulator_is_here(fault_kinds):
    """A new one must be thought through to its ending."""
    assert ENDINGS.keys() == fault_kinds


@pytest.mark.parametrize("kind", ENDINGS)
@pytest.mark.parametrize("concurrency", [0, 5])
def test_what_was_read_is_kept_and_nothing_is_retired(
    zoho, sync, settings, short_limits, kind, concurrency
):
    """Read as "the rest is gone", any of these would empty the shop."""
    settings.ZOHO_TIMEOUT = (1, 0.2)
    settings.SYNC_RETRY_DELAY = 0
    settings.ZOHO_CONCURRENCY = concurrency
    ids = [zoho.add_item(name=f"Item {number:04}", rate="1.00") for number in range(401)]
    sync()
    first, last = ids[0], ids[-1]
    zoho.edit_item(first, rate="7.00")
    zoho.edit_item(last, rate="8.00")
    options, says = ENDINGS[kind]
    zoho.faults.add(kind, path=ITEMS, page=2, **options)

    if says:
        with pytest.raises(SyncFailedError, match=says):
            sync()
    else:
        sync()

    assert Product.objects.get(zoho_item_id=first).price == 7
    assert Product.objects.get(zoho_item_id=last).price == (1 if says else 8)
    assert Product.objects.count() == 401 + (kind == "endless")
    assert not Product.objects.exclude(retired_at=None).exists()
    # Junk in the place of a page: too many are missing for a machine to decide.
    ended = "unconfirmed" if kind == "endless" else "succeeded"
    assert SyncRun.objects.first().state == ("failed" if says else ended)
    failed = {"bad_record": 1, "replace": 200}.get(kind, 0)
    assert FailedRecord.objects.filter(closed_at=None).count() == failed

    zoho.faults.clear()
    stats = sync()
    assert (stats["created"], stats["failed"]) == (0, 0)
    assert stats["retired"] == (kind == "endless")  # the row that Zoho never had
    assert stats["updated"] == (1 if says else 0)
