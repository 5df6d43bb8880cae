"""What an answer's status and headers say, before anybody looks at its body."""

import datetime as dt
from email.utils import format_datetime

import pytest

from integrations.zoho.crm.answers import crm_answer
from integrations.zoho.errors import (
    TryAgain,
    ZohoAPIError,
    ZohoError,
    ZohoPermissionError,
    ZohoRateLimitError,
    ZohoUnavailableError,
)
from integrations.zoho.exchange import LONGEST_WAIT, Reply, Request, ahead_of_us, retry_after
from integrations.zoho.inventory_answers import RATE_LIMIT_WAITS, inventory_answer

NOW = dt.datetime(2026, 11, 25, 12, tzinfo=dt.UTC)
REQUEST = Request("https://www.zohoapis.com/inventory/v1/items")


def http_date(seconds):
    return format_datetime(NOW + dt.timedelta(seconds=seconds), usegmt=True)


def reply(status=429, content=b"{}", **headers):
    return Reply(status, {name.replace("_", "-"): it for name, it in headers.items()}, content)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7),
        ("1.5", 1.5),
        (" 12 ", 12),
        (http_date(90), 90),
        ("0", None),
        ("0.0", None),
        ("-5", None),
        (http_date(0), None),
        (http_date(-120), None),
        ("", None),
        ("soon", None),
        ("inf", None),
        ("NaN", None),
        ("1e9", None),
        ("99999999999", LONGEST_WAIT),
        (http_date(10**8), LONGEST_WAIT),
    ],
)
def test_a_wish_to_wait_is_taken_where_it_says_how_long(header, seconds):
    """0 and what has passed are no wait: about one call a second, for ever, was the answer."""
    assert retry_after(reply(Retry_After=header, Date=http_date(0))) == seconds


@pytest.mark.parametrize("header", ["0", http_date(-3600)])
@pytest.mark.parametrize("code", RATE_LIMIT_WAITS)
def test_without_a_usable_wish_the_codes_own_wait_counts(code, header):
    """A limit of the day is not over in a second."""
    content = b'{"code": %d}' % code

    with pytest.raises(ZohoRateLimitError) as caught:
        inventory_answer(reply(429, content, Retry_After=header, Date=http_date(0)), REQUEST)

    assert caught.value.retry_after == RATE_LIMIT_WAITS[code]


def test_zohos_clock_is_read_from_the_date_of_its_answer():
    """Ours may be wrong."""
    ahead = ahead_of_us(format_datetime(dt.datetime.now(dt.UTC) + dt.timedelta(minutes=20)))

    assert 1195 < ahead < 1205
    assert ahead_of_us("no date", 5.0) == 5.0
    assert ahead_of_us(None) is None


PAGE = b"<h1>Not here</h1>"


@pytest.mark.parametrize("judge", [inventory_answer, crm_answer])
@pytest.mark.parametrize(
    ("status", "error"),
    [
        (429, ZohoRateLimitError),
        (402, ZohoPermissionError),
        (403, ZohoPermissionError),
        (407, ZohoPermissionError),
        (414, ZohoAPIError),
        (413, ZohoAPIError),
        (404, ZohoAPIError),
        (500, ZohoUnavailableError),
        (502, ZohoUnavailableError),
    ],
)
def test_a_page_of_a_firewall_is_judged_by_its_status(judge, status, error):
    """It was told as broken JSON, and asked for 21 times."""
    with pytest.raises(ZohoError) as caught:
        judge(reply(status, PAGE), REQUEST)

    assert type(caught.value) is error
    assert isinstance(caught.value, TryAgain) == (status in (429, 500, 502))


@pytest.mark.parametrize(
    ("judge", "status", "content"),
    [
        (inventory_answer, 402, b'{"code": 7, "message": "Your trial period has expired."}'),
        (inventory_answer, 403, b'{"code": 8, "message": "This organization is inactive."}'),
        (inventory_answer, 402, b"{}"),
        (crm_answer, 402, b'{"code": "PAYMENT_REQUIRED", "status": "error"}'),
    ],
)
def test_a_plan_that_has_ended_says_what_to_do_and_is_not_asked_again(judge, status, content):
    """The words "Zoho refused the request" helped nobody."""
    with pytest.raises(ZohoPermissionError, match="look at Subscription in Zoho"):
        judge(reply(status, content), REQUEST)
