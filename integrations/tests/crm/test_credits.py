"""CRM's own budget: credits over the last 24 hours, and calls at once."""

import datetime as dt

import pytest
import redis
from django.utils import timezone

from integrations.models import ZohoUsage
from integrations.zoho.budget import SHARE_FOR_PEOPLE, Budget
from integrations.zoho.errors import ZohoRateLimitError

pytestmark = pytest.mark.django_db

Purpose, Product = ZohoUsage.Purpose, ZohoUsage.Product
HOUR = dt.timedelta(hours=1)


@pytest.fixture
def limits(settings):
    """Set CRM's limits on an empty budget."""
    client = redis.Redis.from_url(settings.REDIS_URL)
    for key in client.scan_iter("zoho-sync:budget*"):
        client.delete(key)

    def set_limits(credits=0, at_once=0):
        settings.ZOHO_CRM_CREDITS_PER_DAY = credits
        settings.ZOHO_CRM_CONCURRENCY = at_once

    return set_limits


def crm_budget(purpose=Purpose.PERSON, **options):
    return Budget(purpose, Product.CRM, **options)


def spend(budget, *costs):
    for cost in costs:
        budget.give_back(budget.take(cost=cost))


def used_hours_ago(hours, credits):
    moment = (timezone.now() - hours * HOUR).astimezone(dt.UTC)
    row, _ = ZohoUsage.objects.get_or_create(
        day=moment.date(), product=Product.CRM, purpose=Purpose.SCHEDULE
    )
    row.by_hour[moment.hour] += credits
    row.calls += credits
    row.save()


def test_a_call_costs_what_zoho_says(limits):
    """A bulk job is fifty calls' worth."""
    limits(credits=100)
    budget = crm_budget()
    spend(budget, 50, 3, 1)
    budget.close()

    assert ZohoUsage.used(Product.CRM) == 54
    with pytest.raises(ZohoRateLimitError, match="100 Zoho CRM credits"):
        spend(crm_budget(), 50)
    assert ZohoUsage.used(Product.CRM) == 54


def test_the_products_do_not_spend_each_others_calls(limits, settings):
    """They are two quotas at Zoho."""
    limits(credits=2)
    settings.ZOHO_REQUESTS_PER_DAY = 2
    spend(crm_budget(), 1, 1)

    spend(Budget(), 1, 1)

    assert (ZohoUsage.calls_today(), ZohoUsage.calls_today(Product.CRM)) == (2, 2)
    for budget in (Budget(), crm_budget()):
        with pytest.raises(ZohoRateLimitError):
            spend(budget, 1)


def test_credits_come_back_a_day_after_they_were_spent(limits):
    """There is no midnight: the window rolls."""
    limits(credits=10)
    used_hours_ago(30, 100)
    used_hours_ago(20, 6)
    used_hours_ago(1, 4)
    assert ZohoUsage.used(Product.CRM) == 10

    with pytest.raises(ZohoRateLimitError) as caught:
        spend(crm_budget(), 1)

    assert 4 * 3600 < caught.value.retry_after <= 5 * 3600


def test_a_share_of_the_credits_is_kept_for_people(limits):
    """Somebody at a screen comes first."""
    limits(credits=20)
    spend(crm_budget(Purpose.SCHEDULE), *[1] * (20 - int(20 * SHARE_FOR_PEOPLE)))

    with pytest.raises(ZohoRateLimitError, match="nobody started by hand"):
        spend(crm_budget(Purpose.SCHEDULE), 1)
    spend(crm_budget(), 1)


def test_what_was_booked_for_credits_and_not_used_is_returned(limits):
    """The hours tell the same as the day."""
    limits(credits=1000)
    budget = crm_budget()
    spend(budget, *[1] * 20)
    budget.close()

    row = ZohoUsage.objects.get(product=Product.CRM, purpose=Purpose.PERSON)
    assert row.calls == sum(row.by_hour) == 20


def test_crms_calls_in_flight_are_capped_by_themselves(limits, settings):
    """A sweep of items takes no slot from accounts."""
    limits(at_once=1)
    settings.ZOHO_CONCURRENCY = 1
    held = Budget().take()
    slot = crm_budget().take()

    with pytest.raises(ZohoRateLimitError):
        crm_budget(sleep=lambda seconds: None).take()

    Budget().give_back(held)
    crm_budget().give_back(slot)
    spend(crm_budget(), 1)


def test_a_pause_of_crm_is_not_inventorys(limits, settings):
    """Their limits clear apart."""
    limits(at_once=5)
    settings.ZOHO_CONCURRENCY = 5
    crm_budget().pause_everyone(30)

    spend(Budget(), 1)
    with pytest.raises(ZohoRateLimitError):
        spend(crm_budget(), 1)


def test_a_clients_calls_are_booked_at_their_price(zoho, rest, add_accounts):
    """As Zoho counts them, so that ours and theirs agree."""
    ids = add_accounts(120)
    rest.fields()
    rest.query_accounts("select id from Accounts where id is not null limit 2000")
    rest.bulk_update_accounts([{"id": each, "Fax": "1"} for each in ids])
    rest.close()

    assert ZohoUsage.used(Product.CRM) == 1 + 3 + 10 + 2 == zoho.crm.limits.spent()


def test_staff_see_both_products(client, staff, zoho, rest):
    """Calls and credits are two coins."""
    rest.get_accounts()
    rest.close()
    client.force_login(staff)

    assert "CRM: 1" in " ".join(client.get("/admin/").content.decode().split())
    ledger = client.get("/admin/integrations/zohousage/").content.decode()
    assert '<td class="field-product">CRM</td>' in ledger
