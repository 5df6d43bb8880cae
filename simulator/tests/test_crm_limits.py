import threading

import pytest

from simulator.tests.test_accounts import refused

LISTED = {"fields": "Account_Name"}
SPENT = [
    ("GET", "Accounts", LISTED, None, 1),
    ("GET", "Accounts", {**LISTED, "cvid": "4876876000000087501"}, None, 3),
    ("GET", "Accounts/search", {"word": "desk"}, None, 1),
    ("GET", "org", {}, None, 1),
    ("PUT", "Accounts", {}, {"data": [{"id": "7"}] * 11}, 2),
    ("PUT", "Accounts", {}, {"data": [{"id": "7"}]}, 1),
    ("POST", "coql", {}, {"select_query": "select id from Accounts where id > 1 limit 200"}, 1),
    ("POST", "coql", {}, {"select_query": "select id from Accounts where id > 1 limit 1000"}, 2),
    ("POST", "coql", {}, {"select_query": "select id from Accounts where id > 1 limit 2000"}, 3),
    ("POST", "coql", {}, {"select_query": "nonsense"}, 1),
    ("POST", "/crm/bulk/v8/read", {}, {"query": {"module": {"api_name": "Accounts"}}}, 50),
]


@pytest.mark.parametrize(("method", "path", "params", "body", "credits"), SPENT)
def test_each_call_has_its_price(call, crm, method, path, params, body, credits):
    """What a sync costs is known before it is real."""
    call.crm(path, method, json=body, **params)

    assert crm.limits.spent() == credits


def test_the_credits_of_a_day_roll_back_hour_by_hour(call, clock, crm):
    """Not at midnight."""
    crm.limits.a_day = 3
    for _ in range(3):
        assert call.crm("org").status_code == 200
        clock.pass_by(600)

    assert refused(call.crm("org"), 429) == "TOO_MANY_REQUESTS"
    clock.pass_by(24 * 60 * 60 - 3 * 600)
    call.token = ""
    assert call.crm("org").status_code == 200
    assert call.crm("org").status_code == 429
    assert crm.limits.refused == call.zoho.state()["refused_by_limits"] == 2


def test_what_is_left_is_told_only_past_half(call, crm):
    """Zoho keeps silent until then."""
    crm.limits.a_day = 4

    left = [call.crm("org").headers.get("X-API-CREDITS-REMAINING") for _ in range(4)]

    assert left == [None, None, "1", "0"]


def test_credits_spent_by_others_count_too(call, crm):
    """They are the organisation's."""
    crm.limits.a_day = 10
    call.control("POST", "crm/credits", spend=10)

    assert call.crm("org").status_code == 429


@pytest.mark.parametrize(
    ("limits", "calls"),
    [({"at_once": 2}, ["org"] * 3), ({"heavy_at_once": 2}, ["Accounts"] * 3)],
)
def test_calls_at_once_are_limited(call, crm, limits, calls):
    """By edition; and lists that are sorted, COQL and large writes by ten in every edition."""
    call.crm("org")
    call.control("POST", "crm/settings", **limits)
    call.zoho.faults.add("slow", path="/crm/", seconds=0.4)
    statuses = []

    def ask(path):
        params = {**LISTED, "sort_by": "id"} if path == "Accounts" else {}
        statuses.append(call.crm(path, **params).status_code)

    threads = [threading.Thread(target=ask, args=(path,)) for path in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(statuses)[-1] == 429
    assert statuses.count(429) == 1
    assert crm.limits.peak == 3


def test_inventory_and_crm_have_limits_of_their_own(call, crm):
    """Two products, two budgets."""
    crm.limits.a_day = 1
    call.zoho.limits.per_minute = 1

    assert call.crm("org").status_code == 200
    assert call.get("items").status_code == 200
    assert call.crm("org").status_code == 429
    assert call.get("items").status_code == 429
