import pytest
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


def test_odd_rows_are_listed_and_removed_ones_return_over_http(call):
    """What the Python handles do, they do from outside as well."""
    item_id = call.control("POST", "items", name="Desk").json()["item_id"]
    call.control("DELETE", f"items/{item_id}")
    call.control("POST", f"items/{item_id}/restore")
    call.control("POST", "items/raw", name="no id", rate="abc")

    rows = call.get("items").json()["items"]
    assert [row["name"] for row in rows] == ["Desk", "no id"]
    assert call.control("POST", "items", rate="abc").status_code == 400


@pytest.mark.parametrize("zoho", [3], indirect=True)
def test_a_reset_makes_everything_as_new(call):
    """One simulator serves many tests, each from the same beginning."""
    before = call.zoho.items
    call.get("items")
    call.control("POST", "items", name="Desk")
    call.control("POST", "faults", kind="html_502")
    call.control("POST", "settings", per_minute=1, modified_filter="ignored")

    assert call.control("POST", "reset").status_code == 200

    assert call.zoho.items == before
    assert (call.zoho.limits.per_minute, call.zoho.modified_filter) == (100, "after")
    assert call.zoho.requests == []
    assert call.get("items").json()["code"] == 57, "access tokens are gone"
    call.token = ""
    assert call.get("items").status_code == 200, "the refresh token stays"


@pytest.mark.parametrize(
    "settings",
    [
        {"latency": "x"},
        {"latency": -1},
        {"per_minute": None},
        {"modified_filter": "at-or-after"},
        {"omit_expires_in": "yes"},
        {"access_denied_status": 500},
        {"redirect_uris": "http://localhost/"},
    ],
)
def test_a_setting_with_a_wrong_value_changes_nothing(call, settings):
    """Else the next request would fail, far from the reason."""
    answer = call.control("POST", "settings", per_day=7, **settings)

    assert answer.status_code == 400
    assert call.zoho.limits.per_day == 0


def test_redirect_addresses_are_registered_over_http(call):
    """The demo's web server may stand on another port."""
    call.control("POST", "settings", redirect_uris=["http://localhost:9000/oauth/callback"])

    assert call.zoho.redirect_uris == {"http://localhost:9000/oauth/callback"}


def test_a_code_for_a_self_client_is_made_over_http(call):
    """As a person makes it in the API console."""
    code = call.control("POST", "code").json()["code"]

    form = call.client(grant_type="authorization_code", code=code)
    assert "refresh_token" in call.session.post(f"{call.url}/oauth/v2/token", data=form).json()
