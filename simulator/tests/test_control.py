from werkzeug.test import Client

from simulator.app import App


def test_items_are_made_changed_and_removed_over_http(call):
    """For tests that run in another process."""
    item_id = call.control("POST", "items", name="Desk", rate="5", stock_on_hand="2").json()[
        "item_id"
    ]
    call.control("PATCH", f"items/{item_id}", rate="6.50")
    call.control("POST", f"items/{item_id}/stock", by="-3")

    (row,) = call.control("GET", "items").json()
    assert (row["rate"], row["stock_on_hand"]) == (6.5, -1)

    call.control("DELETE", f"items/{item_id}")
    assert call.control("GET", "items").json() == []


def test_limits_latency_and_switches_are_set_over_http(call):
    """The demo gives itself a quick and patient Zoho."""
    call.control("POST", "settings", per_minute=600, latency=0.01, modified_filter="ignored")

    assert call.zoho.limits.per_minute == 600
    assert (call.zoho.latency, call.zoho.modified_filter) == (0.01, "ignored")


def test_an_unknown_setting_is_refused(call):
    """A typo must not pass."""
    assert call.control("POST", "settings", latnecy=1).status_code == 400
    assert call.control("POST", "no-such-thing").status_code == 404


def test_trouble_is_made_and_ended_over_http(call):
    """A browser test can break Zoho, too."""
    call.control("POST", "faults", kind="html_502")
    assert call.get("items").status_code == 502

    call.control("DELETE", "faults")
    assert call.get("items").status_code == 200
    assert call.control("POST", "faults", kind="explode").status_code == 400


def test_tokens_end_over_http(call):
    """Expired and revoked."""
    call.get("items")
    call.control("POST", "tokens/expire")
    assert call.get("items").status_code == 401

    call.control("POST", "tokens/revoke")
    assert call.refresh().json() == {"error": "invalid_code"}
    assert call.control("POST", "code").json()["code"].startswith("1000.")


def test_the_state_and_the_log_can_be_read(call):
    """Counts for assertions, requests for questions."""
    call.get("items")

    state = call.control("GET", "state").json()
    assert (state["mints"], state["requests"]) == (1, 2)
    assert call.control("GET", "requests").json()[1]["path"] == "/inventory/v1/items"
    call.control("DELETE", "requests")
    assert call.zoho.requests == []


def test_the_control_surface_answers_this_machine_only(zoho):
    """It hands out what the simulator holds."""
    client = Client(App(zoho))

    answer = client.get("/_simulator/state", environ_base={"REMOTE_ADDR": "10.0.0.5"})

    assert answer.status_code == 403
