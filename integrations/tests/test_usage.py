"""The day ledger: it outlives Redis, counts by purpose, and is never overspent."""

import datetime as dt
import threading

import pytest
from django.db import connections
from django.utils import timezone

from integrations.models import ZohoUsage
from integrations.zoho.budget import MOST_BOOKED, Budget
from integrations.zoho.errors import ZohoRateLimitError
from integrations.zoho.inventory import ZohoClient
from integrations.zoho.tokens import ZohoTokens

pytestmark = pytest.mark.django_db

Purpose = ZohoUsage.Purpose


def spent(purpose=Purpose.PERSON):
    return ZohoUsage.objects.get(purpose=purpose).calls


def test_calls_are_counted_by_purpose(zoho, credential):
    """ "What eats our calls?" is the first question when they are gone."""
    for purpose, calls in ((Purpose.PERSON, 2), (Purpose.SCHEDULE, 3)):
        client = ZohoClient.from_database(purpose)
        for _ in range(calls):
            client.fetch_products()
        client.close()

    assert spent(Purpose.PERSON) == 2
    assert spent(Purpose.SCHEDULE) == 3
    assert ZohoUsage.calls_today() == 5


def test_what_was_booked_and_not_used_is_returned(settings):
    """Calls are booked some at a time; a run that ends gives the rest back."""
    settings.ZOHO_REQUESTS_PER_DAY = 1000
    budget = Budget()
    for _ in range(20):
        budget.take()
    assert 20 < spent() <= 20 + MOST_BOOKED

    budget.close()

    assert spent() == 20


def test_minted_tokens_are_counted(zoho, credential):
    """Ten in ten minutes is Zoho's limit, and nothing else tells."""
    ZohoTokens(Purpose.SCHEDULE).current()

    assert ZohoUsage.objects.get(purpose=Purpose.SCHEDULE).tokens == 1


def test_answers_of_too_many_are_counted(zoho, inventory, short_limits):
    """They are the first sign that somebody else spends calls of this organisation."""
    zoho.faults.add("rate_limit", code=1070, times=1)

    inventory.fetch_products()

    assert ZohoUsage.objects.get(purpose=Purpose.PERSON).rate_limited == 1


def test_a_new_day_begins_with_all_its_calls(settings):
    """Also for a worker that has booked some of yesterday's."""
    settings.ZOHO_REQUESTS_PER_DAY = 5
    budget = Budget()
    for _ in range(5):
        budget.take()
    with pytest.raises(ZohoRateLimitError):
        budget.take()
    yesterday = timezone.now().astimezone(dt.UTC).date() - dt.timedelta(days=1)
    ZohoUsage.objects.update(day=yesterday)

    budget.take()
    budget.close()

    assert ZohoUsage.calls_today() == 1


def test_the_wait_for_a_new_day_ends_at_midnight_utc(settings):
    """Not a fixed number of hours."""
    settings.ZOHO_REQUESTS_PER_DAY = 1
    budget = Budget()
    budget.take()

    with pytest.raises(ZohoRateLimitError, match="The 1 Zoho calls allowed today") as caught:
        budget.take()

    ends = timezone.now() + dt.timedelta(seconds=caught.value.retry_after)
    assert abs(ends - ends.astimezone(dt.UTC).replace(hour=0, minute=0, second=0)) < dt.timedelta(
        minutes=1
    )


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_many_workers_never_overspend_a_day(settings):
    """Reading, comparing and counting are one step, whoever else does the same."""
    settings.ZOHO_REQUESTS_PER_DAY = 50
    made = []
    barrier = threading.Barrier(8)

    def work():
        budget = Budget()
        barrier.wait()
        try:
            for _ in range(20):
                budget.take()
                made.append(1)
        except ZohoRateLimitError:
            pass
        finally:
            budget.close()
            connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(made) == spent() <= 50
    # What one worker had booked and not used when the others were refused may be left over.
    assert len(made) > 50 - MOST_BOOKED


def test_staff_can_read_the_ledger_and_not_write_it(client, staff):
    """It is an account, not a form."""
    client.force_login(staff)
    Budget().take()

    assert "A person" in client.get("/admin/integrations/zohousage/").content.decode()
    assert client.get("/admin/integrations/zohousage/add/").status_code == 403
