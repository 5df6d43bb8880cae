"""What Zoho says is left: read from its answers, respected by all workers, shown with its age."""

import datetime as dt

import pytest
from django.utils import timezone

from integrations.models import ZohoQuota, ZohoUsage
from integrations.zoho.budget import Budget
from integrations.zoho.errors import ZohoRateLimitError
from integrations.zoho.quota import Quota

pytestmark = pytest.mark.django_db

Product, Purpose = ZohoUsage.Product, ZohoUsage.Purpose


def said(limit="7500", remaining="6775", reset="34881"):
    named = {"Limit": limit, "Remaining": remaining, "Reset": reset}
    return {f"X-Rate-Limit-{name}": value for name, value in named.items() if value is not None}


def heard(purpose, **headers):
    """A budget whose last answer said this."""
    budget = Budget(purpose)
    budget.hear(said(**headers))
    return budget


def test_the_headers_of_an_answer_are_read():
    """The day's calls, those left, and the seconds until they begin anew."""
    quota = Quota.said_by(said())

    assert (quota.limit, quota.remaining) == (7500, 6775)
    assert dt.timedelta(seconds=34_870) < quota.resets_at - timezone.now()


@pytest.mark.parametrize(
    "headers",
    [
        {},
        said(remaining=None),
        said(limit=None),
        said(reset=None),
        said(remaining=""),
        said(remaining="many"),
        said(remaining="-1"),
        said(remaining="6775.5"),
        said(remaining="٦٧"),
        said(remaining="9" * 5_000),
        said(limit="0", remaining="0"),
        said(reset="1760000000"),
    ],
)
def test_what_is_missing_or_makes_no_sense_is_unknown(headers):
    """Taken for zero, it would stop every sync."""
    assert Quota.said_by(headers) is None


def test_nobody_calls_when_zoho_says_that_nothing_is_left():
    """Before the first 429: each refused call counts against the organization, too."""
    with pytest.raises(ZohoRateLimitError, match="only 0 of its 7,500") as refused:
        heard(Purpose.PERSON, remaining="0", reset="600").take()

    assert 590 < refused.value.retry_after <= 600


@pytest.mark.parametrize(("remaining", "schedule", "person"), [("751", 1, 1), ("750", 0, 1)])
def test_the_last_tenth_is_kept_for_people(remaining, schedule, person):
    """As it is of our own count."""
    for purpose, allowed in ((Purpose.SCHEDULE, schedule), (Purpose.PERSON, person)):
        budget = heard(purpose, remaining=remaining)
        if allowed:
            budget.give_back(budget.take())
        else:
            with pytest.raises(ZohoRateLimitError, match="kept for people"):
                budget.take()


def test_what_one_worker_hears_all_respect():
    """The calls are the organization's, not the worker's."""
    first = heard(Purpose.PERSON, remaining="0", reset="600")
    first.close()

    with pytest.raises(ZohoRateLimitError):
        Budget(Purpose.PERSON).take()


def test_older_words_do_not_replace_newer_ones():
    """Workers write in any order."""
    now = timezone.now()
    for remaining, age in ((5, 0), (900, 60), (4, -1)):
        quota = Quota(remaining, now - dt.timedelta(seconds=age), 1000, now)
        ZohoQuota.note(Product.INVENTORY, quota)

    assert ZohoQuota.latest(Product.INVENTORY).remaining == 4


def test_after_the_reset_calls_are_made_again():
    """What Zoho said is over then, whatever it was."""
    past = timezone.now() - dt.timedelta(seconds=1)
    ZohoQuota.note(Product.INVENTORY, Quota(0, past, 1000, past))

    assert Budget(Purpose.SCHEDULE).take()


def test_pages_show_what_zoho_said_and_when(client, staff):
    """People ask how much is left; an old number without its age would be a wrong one."""
    client.force_login(staff)
    pages = ("/admin/", "/admin/integrations/zohousage/")
    before = [client.get(page).content.decode() for page in pages]

    ago = timezone.now() - dt.timedelta(minutes=3)
    ZohoQuota.note(Product.INVENTORY, Quota(6775, ago, 7500, ago))
    ZohoQuota.note(Product.CRM, Quota(2100, ago))

    for page, old in zip(pages, before, strict=True):
        assert "According to Zoho" not in old
        shown = client.get(page).content.decode()
        assert "According to Zoho, 6,775 of 7,500 calls are left, as of 3\xa0minutes ago." in shown
        assert "According to Zoho, 2,100 CRM credits are left" in shown
