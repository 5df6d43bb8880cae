"""Whatever comes over the wire: a good answer, or an error of ours that says what happens next."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from requests.structures import CaseInsensitiveDict

from integrations.zoho.crm.answers import crm_answer
from integrations.zoho.errors import BadRecord, TryAgain, ZohoError
from integrations.zoho.exchange import Reply, Request, ahead_of_us, retry_after
from integrations.zoho.inventory_answers import inventory_answer
from integrations.zoho.quota import Quota
from integrations.zoho.records import Listing
from integrations.zoho.retry import may_repeat, nap_before_retry

CODES = """200 201 202 204 207 301 302 304 400 401 402 403 404 405 412 413 414 429 500 502 503 504
999"""
STATUSES = st.sampled_from(CODES.split()).map(int)
KNOWN = """code message data items error error_info details status id INVALID_TOKEN success item_id
TOO_MANY_REQUESTS INVALID_DATA page_context has_more_page info more_records next_page_token"""
WORDS = st.text(max_size=20) | st.sampled_from(KNOWN.split()) | st.sampled_from(["\ud800", "\0"])
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | WORDS
    | st.sampled_from([0, 57, 14, 43, 44, 45, 1070, 6024, 1002]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=5),
    max_leaves=12,
)
BODIES = (
    VALUES.map(lambda value: json.dumps(value).encode("utf-8", "surrogatepass"))
    | st.binary(max_size=200)
    | st.sampled_from([b"", b"null", b"[]", b"{}", b"<html><body>Sign in</body></html>"])
    | st.sampled_from([b"[" * 2_000, b'{"data":', b'{"items":[{"item_id":"1"', b"\xef\xbb\xbf{}"])
    | st.sampled_from([b'{"code":0,"items":[1,null,[]]}', b'{"code":1e999999}'])
    | st.just(b'{"a":' + b"9" * 5_000 + b"}")
)
HEADERS = st.dictionaries(
    st.sampled_from(["Retry-After", "Date", "Content-Type", "X-API-CREDITS-REMAINING", "Location"])
    | st.sampled_from([f"X-Rate-Limit-{name}" for name in ("Limit", "Remaining", "Reset")]),
    st.text(st.characters(max_codepoint=255), max_size=30)
    | st.sampled_from(["0", "-1", "1e9", "Wed, 21 Oct 2015 07:28:00 GMT", "application/json", "9"])
    | st.from_regex(r"\A[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9:]{8} (GMT|[+-]9999)\Z"),
    max_size=5,
)
ITEMS, ACCOUNTS = Listing("items", "item_id"), Listing("data", "id")


@pytest.mark.parametrize(
    ("judge", "listing"),
    [
        (inventory_answer, ITEMS),
        (inventory_answer, None),
        (crm_answer, ACCOUNTS),
        (crm_answer, None),
    ],
)
@pytest.mark.parametrize("writes", [False, True])
@hypothesis_settings(max_examples=250, deadline=None, derandomize=True, database=None)
@given(status=STATUSES, headers=HEADERS, content=BODIES)
def test_any_answer_is_good_or_an_error_of_ours(judge, listing, writes, status, headers, content):
    """Never another exception, which would end the run as an error in the program."""
    request = Request("https://www.zohoapis.com/x", listing=listing, writes=writes)
    reply = Reply(status, CaseInsensitiveDict(headers), content)

    failure, body = None, {}
    try:
        body = judge(reply, request)
    except ZohoError as error:
        failure = error

    if failure is None:
        assert isinstance(body, dict)
        for record in body.get(listing.key, []) if listing else []:
            with contextlib.suppress(BadRecord):
                record.parsed()
    else:
        assert failure.message
    if isinstance(failure, TryAgain):
        may_repeat(failure, writes=writes)
        pause = nap_before_retry(failure, tries=1, elapsed=0)
        assert pause is None or 0 < pause < 24 * 3600


@hypothesis_settings(max_examples=500, deadline=None, derandomize=True, database=None)
@given(headers=HEADERS)
def test_any_header_is_read_or_left_alone(headers):
    """Proxies and gateways write their own."""
    reply = Reply(429, CaseInsensitiveDict(headers), b"")

    wait = retry_after(reply)

    assert wait is None or 0 < wait <= 24 * 3600
    ahead_of_us(headers.get("Date"))
    Quota.said_by(reply.headers)
