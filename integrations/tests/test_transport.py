from decimal import Decimal
from gzip import compress as gzip_of

import pytest
import requests

from integrations.zoho import inventory_answers, retry, tokens, transport
from integrations.zoho.errors import (
    TryAgain,
    ZohoAPIError,
    ZohoAuthError,
    ZohoConfigError,
    ZohoRateLimitError,
    ZohoUnavailableError,
)
from integrations.zoho.retry import MAX_TRIES

ITEMS = "/inventory/v1/items"


def item_requests(zoho):
    return [request for request in zoho.requests if request.path == ITEMS]


def test_requests_are_signed_with_zohos_own_word(zoho, inventory):
    """The scheme that Zoho documents; without one it answers 401."""
    zoho.add_item(name="Desk")

    (record,) = inventory.fetch_products().records
    assert record.parsed()["name"] == "Desk"


def test_one_connection_is_kept_open(zoho, inventory):
    """A new TLS handshake a page would cost more than the page."""
    for _ in range(3):
        inventory.fetch_products()

    (pool,) = inventory.transport.session.adapters["http://"].poolmanager.pools._container.values()
    assert pool.num_connections == 1
    assert pool.num_requests == 3


def test_money_and_quantities_are_decimals(zoho, inventory):
    """0.1 + 0.2 is not 0.3 in binary; a price list must be."""
    zoho.add_item(name="Cable", rate="99.99", stock_on_hand="10.125")

    (record,) = inventory.fetch_products().records
    item = record.parsed()

    assert item["rate"] == Decimal("99.99")
    assert item["stock_on_hand"] == Decimal("10.125")


def test_a_refused_token_is_renewed_once_and_the_call_repeated(zoho, inventory):
    """Tokens die before their hour when others mint new ones."""
    inventory.fetch_products()
    zoho.expire_access_tokens()

    inventory.fetch_products()

    assert zoho.mints == 2
    assert [request.status for request in item_requests(zoho)] == [200, 401, 200]


@pytest.mark.parametrize("status", [401, 200])
def test_code_57_with_a_fresh_token_is_a_missing_permission(zoho, inventory, status):
    """57 means dead token, missing scope or role: one newer token tells them apart."""
    zoho.faults.add("status", path=ITEMS, status=status, code=57)

    with pytest.raises(ZohoAuthError, match=r"ZohoInventory\.items\.READ"):
        inventory.fetch_products()

    assert zoho.mints == 2


@pytest.mark.parametrize("kind", ["redirect", "login_page"])
def test_a_redirect_or_a_web_page_is_a_sign_in_problem(zoho, inventory, kind):
    """Following it would send the token to a page, or take a login form for data."""
    zoho.faults.add(kind, path=ITEMS)

    with pytest.raises(ZohoAuthError, match="Check the connection"):
        inventory.fetch_products()


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "html_502"},
        {"kind": "status", "status": 503, "code": 1000},
        {"kind": "truncated"},
        {"kind": "status", "status": 200, "code": 9999},
        {"kind": "drop"},
        {"kind": "hang", "seconds": 5},
    ],
    ids=lambda fault: f"{fault['kind']} {fault.get('status', '')}",
)
def test_passing_trouble_is_repeated_within_bounds(zoho, inventory, fault, settings):
    """One bad minute at Zoho must not end a sync; a bad hour must not hold a worker."""
    settings.ZOHO_TIMEOUT = (1, 0.2)
    fault = dict(fault)
    kind = fault.pop("kind")
    zoho.faults.add(kind, path=ITEMS, **fault)

    with pytest.raises(ZohoUnavailableError):
        inventory.fetch_products()

    assert len(item_requests(zoho)) <= MAX_TRIES
    zoho.faults.clear()
    inventory.fetch_products()


def test_trouble_that_passes_is_not_noticed(zoho, inventory):
    """Two failures, then an answer: the caller gets the answer."""
    zoho.faults.add("status", path=ITEMS, status=503, code=1000, times=2)

    assert inventory.fetch_products().records == []
    assert inventory.calls == 3


@pytest.mark.parametrize("code", [43, 44, 45])
def test_a_long_limit_is_raised_with_the_seconds_to_wait(zoho, inventory, code):
    """The run waits; the worker does not."""
    zoho.faults.add("rate_limit", path=ITEMS, code=code)

    with pytest.raises(ZohoRateLimitError) as caught:
        inventory.fetch_products()

    assert caught.value.code == code
    assert caught.value.retry_after == inventory_answers.RATE_LIMIT_WAITS[code]
    assert len(item_requests(zoho)) == 1


def test_retry_after_is_believed_over_our_own_table(zoho, inventory):
    """Zoho knows how long its limit lasts."""
    zoho.faults.add("rate_limit", path=ITEMS, code=44, retry_after=17)

    with pytest.raises(ZohoRateLimitError) as caught:
        inventory.fetch_products()

    assert caught.value.retry_after == 17


def test_too_many_at_once_is_slept_through(zoho, inventory, short_limits):
    """1070 clears in seconds."""
    zoho.faults.add("rate_limit", path=ITEMS, code=1070, times=1)

    assert inventory.fetch_products().records == []


def test_a_refusal_is_not_repeated(zoho, inventory):
    """A wrong request stays wrong."""
    zoho.faults.add("status", path=ITEMS, status=400, code=2)

    with pytest.raises(ZohoAPIError):
        inventory.fetch_products()

    assert len(item_requests(zoho)) == 1


def test_a_wrong_organisation_is_a_setting_to_correct(zoho, inventory):
    """The message must name the setting, not Zoho's number."""
    inventory.credential.organization_id = "999999"

    with pytest.raises(ZohoConfigError, match="organisation ID"):
        inventory.fetch_products()


def test_no_token_is_sent_to_a_foreign_host(inventory):
    """The last check before a secret leaves."""
    with pytest.raises(ZohoConfigError, match="not a Zoho host"):
        inventory.transport.get("https://evil.example/inventory/v1/items", {})


def test_certificates_are_checked():
    """There is no switch to turn this off."""
    assert requests.Session().verify is True


def test_each_request_leaves_one_log_line_without_a_secret(zoho, inventory, caplog):
    """The line is for finding slow or failing calls; it may be read by many."""
    caplog.set_level("INFO")
    inventory.fetch_products()
    token = inventory.get_valid_token()

    lines = [line for line in caplog.messages if "'event': 'GET'" in line or "GET" in line]

    assert len(lines) == 1
    assert token not in caplog.text


@pytest.mark.parametrize("path", [ITEMS, "/oauth/v2/token"])
def test_a_call_has_an_end_though_bytes_keep_coming(zoho, inventory, monkeypatch, path):
    """A byte every two seconds is never too late for a time-out of each read."""
    monkeypatch.setattr(transport, "CALL_SECONDS", 0.2)
    monkeypatch.setitem(tokens.TOKEN_BOUNDS, "seconds", 0.2)
    monkeypatch.setattr(retry, "MAX_SECONDS", 0.5)
    zoho.add_item(name="Desk")
    zoho.faults.add("drip", path=path, seconds=0.05)

    with pytest.raises(TryAgain):
        inventory.fetch_products()


@pytest.mark.parametrize("gzip", [False, True])
def test_an_answer_has_a_size_also_when_it_is_unpacked(zoho, inventory, monkeypatch, gzip):
    """A kilobyte may unpack to a gigabyte."""
    monkeypatch.setattr(transport, "MAX_ANSWER", 2**21)
    zoho.faults.add("large", path=ITEMS, megabytes=3, gzip=gzip)

    with pytest.raises(ZohoUnavailableError, match="too large"):
        inventory.fetch_products()


def test_a_packed_answer_is_unpacked(zoho, inventory):
    """Zoho packs what is long."""
    zoho.faults.add("large", path=ITEMS, megabytes=1, gzip=True)

    with pytest.raises(ZohoUnavailableError, match="not complete JSON"):
        inventory.fetch_products()  # a megabyte of blanks, unpacked


def test_a_body_that_is_cut_off_in_its_packing_is_no_answer(zoho, inventory):
    """Half a page is none."""
    packed = gzip_of(b'{"code": 0}')[:-9]
    headers = {"Content-Encoding": "gzip"}
    zoho.faults.add("http", path=ITEMS, status=200, body=packed, headers=headers)

    with pytest.raises(ZohoUnavailableError):
        inventory.fetch_products()
