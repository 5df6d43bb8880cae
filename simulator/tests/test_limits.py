import threading
import time

import pytest
import requests


def test_the_101st_call_in_a_minute_blocks_for_the_rest_of_it(call, clock):
    """The block also locks people out of Zoho's pages."""
    for _ in range(100):
        assert call.get("items").status_code == 200

    blocked = call.get("items")
    assert (blocked.status_code, blocked.json()["code"]) == (429, 44)

    clock.pass_by(61)
    assert call.get("items").status_code == 200


def test_the_day_ends_with_code_45(call, clock):
    """Until tomorrow."""
    call.zoho.limits.per_day = 2
    call.get("items")
    call.get("items")

    assert call.get("items").json()["code"] == 45
    clock.pass_by(24 * 60 * 60)
    call.token = ""  # it has ended, too
    assert call.get("items").status_code == 200


def test_too_many_at_once_are_refused_with_1070(call):
    """A soft limit of five or ten."""
    call.zoho.limits.at_once = 1
    call.zoho.latency = 0.5
    call.get("organizations")
    slow = threading.Thread(target=call.get, args=("items",))
    slow.start()
    time.sleep(0.1)

    from simulator.tests.conftest import Caller

    other = Caller(call.zoho, call.url)
    other.token = call.token
    assert other.get("items").json()["code"] == 1070
    slow.join()
    other.session.close()


def test_refusals_are_counted(call):
    """A client under test must cause none."""
    call.zoho.limits.per_day = 1
    call.get("items")
    call.get("items")

    assert call.zoho.state()["refused_by_limits"] == 1


@pytest.mark.parametrize("switched_on", [True, False])
def test_rate_headers_can_be_switched_on(call, switched_on):
    """Books sends them; Inventory probably."""
    call.zoho.limits.per_day = 1000
    call.zoho.rate_headers = switched_on

    assert ("X-Rate-Limit-Remaining" in call.get("items").headers) is switched_on


def test_tokens_do_not_count_as_calls(call):
    """They have a limit of their own."""
    call.zoho.limits.per_day = 1
    for _ in range(5):
        call.refresh()

    assert call.get("items").status_code == 200


def test_a_slow_call_is_in_flight_all_the_while(call):
    """Zoho counts what it works on, however long that takes."""
    call.get("organizations")
    call.zoho.limits.at_once = 1
    call.zoho.faults.add("slow", path="/inventory/v1/items", times=1, seconds=0.5)
    slow = threading.Thread(target=call.get, args=("items",))
    slow.start()
    time.sleep(0.15)

    headers = {"Authorization": f"Zoho-oauthtoken {call.token}"}
    second = requests.get(f"{call.url}/inventory/v1/organizations", headers=headers, timeout=5)
    slow.join()
    assert second.json()["code"] == 1070
    assert call.get("organizations").status_code == 200


def test_scripted_refusals_are_counted_with_the_others(call):
    """Whoever asks whether a client caused a 429 means each of them."""
    call.zoho.faults.add("rate_limit", code=43, times=1)
    call.get("items")

    assert call.zoho.state()["refused_by_limits"] == 1
