import contextlib
import threading
import time

import pytest
import requests

from simulator.faults import KINDS

ITEMS = "/inventory/v1/items"


def strike(call, kind, **options):
    call.zoho.add_item(name="Desk", rate="12.00")
    call.zoho.faults.add(kind, path=ITEMS, **options)
    return call.get("items")


def test_each_kind_of_trouble_looks_as_it_does_in_life(call):
    """What a client must survive, one after the other."""
    seen = set()

    def check(kind, condition, **options):
        call.zoho.faults.clear()
        answer = strike(call, kind, times=1, **options)
        assert condition(answer), (kind, answer.status_code, answer.text[:200])
        seen.add(kind)

    check(
        "answer", lambda a: (a.status_code, a.json()) == (418, {"x": 1}), status=418, body={"x": 1}
    )
    check("status", lambda a: (a.status_code, a.json()["code"]) == (503, 9), status=503, code=9)
    check("html_502", lambda a: a.status_code == 502 and a.text.startswith("<html>"))
    check("login_page", lambda a: a.status_code == 200 and "Sign in" in a.text)
    check("redirect", lambda a: a.status_code == 302)
    check("unauthorized", lambda a: (a.status_code, a.json()["code"]) == (401, 57))
    check("expire_tokens", lambda a: a.status_code == 401)
    call.token = ""
    check("no_page_context", lambda a: "page_context" not in a.json() and a.json()["items"])
    check("no_items", lambda a: "items" not in a.json() and a.json()["page_context"])
    check("bad_record", lambda a: a.json()["items"][-1] == {"rate": "x"}, record={"rate": "x"})
    check("repeat_page", lambda a: a.json()["page_context"]["has_more_page"])
    check("slow", lambda a: a.status_code == 200, seconds=0.01)
    check("http", lambda a: (a.status_code, a.text) == (414, "<h1>"), status=414, body="<h1>")
    check("replace", lambda a: b"\xe9tems" in a.content, old="items", new="\xe9tems")
    check("drip", lambda a: a.json()["items"], seconds=0)
    check("large", lambda a: len(a.content) == 2**20, megabytes=1, gzip=True)
    check("cut", lambda a: len(a.json()["items"]) == 0, rows=0)
    check("no_has_more", lambda a: "has_more_page" not in a.json()["page_context"])
    check("endless", lambda a: a.json()["page_context"]["has_more_page"])
    check("rate_limit", lambda a: (a.status_code, a.json()["code"]) == (429, 44), code=44)
    assert KINDS.keys() - seen == {"truncated", "drop", "hang", "lost_answer"}, "tested below"


def test_a_truncated_answer_is_complete_as_http_and_broken_as_json(call):
    """A proxy that gave up in the middle."""
    answer = strike(call, "truncated")

    assert int(answer.headers["Content-Length"]) == len(answer.content)
    with pytest.raises(requests.JSONDecodeError):
        answer.json()


def test_a_dropped_connection_gives_no_answer(call):
    """A restarting gateway."""
    with pytest.raises(requests.ConnectionError):
        strike(call, "drop")


def test_a_hanging_call_does_not_keep_the_server_from_stopping(call):
    """Tests with hanging calls must end, too; see the fixture's teardown."""
    call.get("items")
    call.zoho.faults.add("hang", seconds=60)

    began = time.monotonic()
    with pytest.raises(requests.ReadTimeout):
        call.session.get(f"{call.url}{ITEMS}", timeout=0.2)
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("code", [43, 44, 45, 1070])
def test_each_rate_limit_comes_with_its_code_and_a_wish(call, code):
    """Retry-After is not documented; a client honours it when it comes."""
    answer = strike(call, "rate_limit", code=code, retry_after=7)

    assert (answer.json()["code"], answer.headers["Retry-After"]) == (code, "7")


def test_trouble_can_be_limited_in_number_and_begin_later(call):
    """The first call works, two fail, the fourth works."""
    call.zoho.faults.add("status", path=ITEMS, status=500, code=1000, times=2, after=1)

    assert [call.get("items").status_code for _ in range(4)] == [200, 500, 500, 200]


def test_trouble_can_be_limited_to_a_page(call):
    """Page two of three."""
    call.zoho.faults.add("status", path=ITEMS, status=500, page=2)

    assert [call.get("items", page=n).status_code for n in (1, 2, 3)] == [200, 500, 200]


def test_an_unknown_kind_of_trouble_is_refused(call):
    """A typo in a test must not pass for calm."""
    with pytest.raises(ValueError, match="no such fault"):
        call.zoho.faults.add("explode")


def test_requests_are_recorded_without_their_secrets(call):
    """So that a test can say what a client asked, and a log can be shown."""
    call.get("items", page=2)

    token, items = call.zoho.requests
    assert (token.path, token.query, token.has_auth) == ("/oauth/v2/token", {}, False)
    assert (items.page, items.status, items.has_auth) == (2, 200, True)
    assert call.zoho.refresh_token not in str(call.zoho.requests)


@pytest.mark.parametrize(
    ("kind", "options", "complaint"),
    [
        ("status", {}, "status needs status"),
        ("html_502", {"tims": 2}, "html_502 has no tims"),
        ("rate_limit", {"code": 99}, "rate_limit knows 43, 44, 45, 1070"),
    ],
)
def test_trouble_that_cannot_be_made_is_refused_at_once(call, kind, options, complaint):
    """Not in the middle of the test that waits for it."""
    with pytest.raises(ValueError, match=complaint):
        call.zoho.faults.add(kind, **options)


def test_a_list_without_a_page_is_page_one(call):
    """Trouble on page one must strike there, too."""
    call.zoho.faults.add("status", path=ITEMS, status=500, page=1)

    assert call.get("items").status_code == 500
    assert call.get("items", page=2).status_code == 200


def test_a_repeated_page_still_needs_a_token(call):
    """Trouble with pages opens no doors."""
    call.zoho.faults.add("repeat_page", path=ITEMS)

    assert call.get("items", sign=False).status_code == 401


def test_the_token_endpoint_has_trouble_of_its_own(call):
    """Any error, a web page, or nothing at all."""
    path = "/oauth/v2/token"
    call.zoho.faults.add("answer", path=path, times=1, body={"error": "general_error"})
    call.zoho.faults.add("html_502", path=path, times=1)
    call.zoho.faults.add("hang", path=path, times=1, seconds=0.1)

    assert call.refresh().json() == {"error": "general_error"}
    assert call.refresh().text.startswith("<html>")
    assert "access_token" in call.refresh().json()


def test_hanging_calls_do_not_starve_the_others(call):
    """Twenty clients wait for nothing, and one works."""
    call.get("items")
    call.zoho.limits.per_minute = 0
    call.zoho.faults.add("hang", path=ITEMS, times=20)

    def hang():
        with contextlib.suppress(requests.RequestException):
            requests.get(f"{call.url}{ITEMS}", timeout=1)

    waiting = [threading.Thread(target=hang) for _ in range(20)]
    for thread in waiting:
        thread.start()
    while call.zoho.faults.active():
        time.sleep(0.01)
    began = time.monotonic()
    for _ in range(20):
        assert call.get("items").status_code == 200
    assert time.monotonic() - began < 1
    call.zoho.stopping.set()
    for thread in waiting:
        thread.join()


def test_a_mistake_of_our_own_is_zohos_500_and_is_shown(call, capfd):
    """A test whose callable fails must not look for the reason in the client."""
    call.zoho.on_page(1, lambda: 1 / 0)

    answer = call.get("items")

    assert (answer.status_code, answer.json()["code"]) == (500, 1000)
    assert "ZeroDivisionError" in capfd.readouterr().err
