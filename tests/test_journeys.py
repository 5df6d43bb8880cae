"""Whole journeys of staff: a real browser, server, worker, PostgreSQL, Redis, a simulated Zoho."""

import datetime as dt
import re

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from crm_accounts.models import Account
from products_and_services.models import Product
from sync.models import FailedRecord, SyncRun
from tests.browsing import photograph
from tests.marked import Marked
from tests.url_map import addresses, close

pytestmark = pytest.mark.demo

HOME, PRODUCTS = "/admin/", "/admin/products_and_services/product/"
LEDGER = "/admin/sync/failedrecord/"
ITEMS = "/inventory/v1/items"


def fill_shop(zoho, items):
    return [zoho.add_item(name=f"Item {number:04}", rate="10.00") for number in range(items)]


def test_from_an_empty_installation_to_a_finished_sync(site, person):
    """The first quarter of an hour with the product, without a terminal."""
    fill_shop(site.zoho, 3)
    olga = person()
    olga.sees("Three steps, and your Zoho data is here")
    photograph(olga.page, "first-run")

    olga.press("Connect with Zoho", "link")
    olga.page.get_by_label("Client ID").fill(site.zoho.client_id)
    olga.page.get_by_label("Client secret").fill(site.zoho.client_secret)
    olga.page.get_by_label(re.compile("data centre", re.I)).select_option("us")
    olga.press(re.compile("Connect with Zoho"))
    olga.press("Accept")
    olga.page.get_by_role("radio").first.check()
    olga.press("Use this organisation")
    olga.sees("Connected to Zoho organisation")
    olga.visit(HOME)
    olga.press("Run the first sync", "link")
    olga.press("🔄 Sync now")
    olga.run_says("Finished: 3 created.")

    olga.visit(HOME)
    olga.sees_not("Three steps, and your Zoho data is here")
    olga.press("📦 Products", "link")
    expect(olga.page.locator("#result_list tbody tr")).to_have_count(3)


def test_a_failed_run_says_why_and_a_reconnect_mends_it(connected, person):
    """Zoho revoked the connection; a person approves it again, and everything goes on."""
    fill_shop(connected.zoho, 2)
    connected.zoho.revoke_refresh_token()
    olga = person()

    olga.start_sync()
    olga.run_says("Failed")
    olga.run_says(re.compile("no longer accepts", re.I))
    olga.visit(HOME)
    olga.sees(re.compile("Reconnect needed"))
    olga.press("Reconnect now", "link")
    olga.press(re.compile("Reconnect with Zoho"))
    olga.press("Accept")
    olga.page.get_by_role("radio").first.check()
    olga.press("Use this organisation")
    olga.start_sync()

    olga.run_says("Finished: 2 created.")
    olga.visit(HOME)
    olga.sees_not("Reconnect needed")


def test_a_run_waits_for_zohos_limit_and_goes_on_by_itself(connected, person):
    """The page tells why nothing moves, and moves again without a touch."""
    fill_shop(connected.zoho, 450)
    connected.zoho.faults.add("rate_limit", path=ITEMS, code=43, page=2, times=1, retry_after=11)
    olga = person()

    olga.start_sync()
    olga.run_says("Waiting")
    olga.sees("It goes on by itself at")

    olga.run_says("Finished: 450 created.", seconds=40)
    olga.sees(re.compile("Zoho asks us to slow down. Waits"))


def test_many_retirements_are_looked_at_and_confirmed(connected, person, sync):
    """Thirty of a hundred items are gone: a person looks, and decides."""
    items = fill_shop(connected.zoho, 100)
    sync()
    for item in items[:30]:
        connected.zoho.remove_item(item)
    olga = person()

    olga.start_sync()
    olga.run_says("Needs confirmation")
    photograph(olga.page, "confirm")
    olga.press("see which", "link")
    olga.sees("Item 0000")
    olga.page.go_back()
    olga.press(re.compile("^Retire 30"))

    olga.run_says("Finished: 30 retired.")
    assert Product.objects.exclude(retired_at=None).count() == 30


def test_records_are_mended_in_zoho_and_tried_again(connected, person, sync):
    """From the home's number to an empty ledger."""
    items = fill_shop(connected.zoho, 5)
    for item in items[:2]:
        connected.zoho.edit_item(item, rate="1.123456789012345678901")
    connected.zoho.edit_item(items[2], name="")
    sync()
    olga = person()

    olga.press("3 to mend", "link")
    olga.sees("Open the item in Zoho, round its selling price, and save.")
    photograph(olga.page, "failed-records")
    for item in items[:2]:
        connected.zoho.edit_item(item, rate="1.12")
    olga.page.get_by_role("row", name=re.compile("selling price")).get_by_role("button").click()
    olga.run_says("Finished: 2 created.")
    connected.zoho.edit_item(items[2], name="Named")
    olga.visit(LEDGER)
    olga.page.get_by_role("row", name=re.compile("fill in its name")).get_by_role("button").click()
    olga.run_says("Finished: 1 created.")

    olga.visit(LEDGER)
    olga.sees("Nothing to mend: every record that Zoho sent is stored.")
    assert not FailedRecord.objects.filter(closed_at=None).exists()


def test_a_dry_run_is_read_and_applied(connected, person, sync):
    """Look first, then leap."""
    items = fill_shop(connected.zoho, 3)
    sync()
    connected.zoho.edit_item(items[0], rate="12.50")
    olga = person()

    olga.press("🔄 Sync Zoho", "link")
    olga.page.get_by_label(re.compile("dry run", re.I)).check()
    olga.press("🔄 Sync now")
    olga.run_says("Dry run, nothing was written. It would be: 1 updated.")
    olga.press("See the differences", "link")
    olga.sees("Would be updated")
    assert Product.objects.get(zoho_item_id=items[0]).price == 10
    olga.page.go_back()
    olga.press("Apply: run it for real")

    olga.run_says("Finished: 1 updated.")
    assert Product.objects.get(zoho_item_id=items[0]).price == 12.5


def test_two_people_at_once_work_on_one_run(connected, person):
    """The second click joins the first; what one does, the other sees without reloading."""
    fill_shop(connected.zoho, 1000)
    connected.zoho.latency = 0.6
    olga, ben = person("olga"), person("ben", ["trigger_zoho_sync"])

    olga.start_sync()
    olga.run_says("Reading from Zoho.")
    ben.visit(HOME)
    ben.press("🔄 Sync Zoho", "link")
    ben.sees(re.compile("under way|already", re.I))
    run = SyncRun.objects.get()
    ben.visit(f"/admin/sync/syncrun/{run.pk}/change/")
    ben.press("Pause")
    ben.run_says("Paused by ben")

    olga.run_says("Paused by ben")
    olga.page.reload()
    olga.press("Resume")
    olga.run_says("Finished: 1,000 created.", seconds=30)
    assert SyncRun.objects.count() == 1


def test_a_person_without_rights_sees_and_cannot_change(connected, person, sync):
    """An auditor: every page opens, and no button is there."""
    connected.zoho.put_raw_item({"name": "No id"})
    fill_shop(connected.zoho, 2)
    sync()
    run = SyncRun.objects.get()
    ada = person("ada", [])

    for path in (
        HOME,
        PRODUCTS,
        LEDGER,
        f"/admin/sync/syncrun/{run.pk}/change/",
        "/sync/schedule/",
    ):
        ada.visit(path)
        for name in ("Sync Zoho", "Sync now", "Run again", "Try again", "Pause", "Save"):
            expect(ada.page.get_by_role("button", name=name)).to_have_count(0)
            expect(ada.page.get_by_role("link", name=name)).to_have_count(0)
    ada.visit("/crm-api/products/admin/sync-zoho/")
    ada.sees("You don't have permission to do this")
    ada.complaints = [it for it in ada.complaints if "403" not in it]


def test_by_keyboard_alone(connected, person):
    """Sign in, start, pause and resume without a mouse; the focus stays while the page changes."""
    fill_shop(connected.zoho, 3000)
    connected.zoho.latency = 0.6
    page = (olga := person()).page

    def tab_to(name):
        for _ in range(60):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.textContent.trim()") == name:
                return
        raise AssertionError(f"{name} cannot be reached by Tab")

    tab_to("🔄 Sync Zoho")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Bring all products up to date?")).to_be_visible()
    tab_to("🔄 Sync now")
    page.keyboard.press("Enter")
    olga.run_says("Reading from Zoho.")
    tab_to("Pause")
    page.wait_for_timeout(2500)  # the page has been written anew twice meanwhile
    assert page.evaluate("document.activeElement.textContent.trim()") == "Pause"
    page.keyboard.press("Enter")
    olga.run_says("Paused by olga")
    tab_to("Resume")
    page.keyboard.press("Enter")

    olga.run_says("Finished: 3,000 created.", seconds=30)


def test_a_page_that_changes_by_itself_leaves_its_reader_in_peace(connected, person):
    """The log stays where it was scrolled to, with the focus on it; on the home an opened table
    stays open, and the notices come when the run ends."""
    now, common = timezone.now(), {"kind": Product._meta.label_lower, "trigger": "person"}
    common["task_name"] = Product.SYNC_TASK
    SyncRun.objects.create(state="succeeded", started_at=now, finished_at=now, **common)
    alive = now + dt.timedelta(hours=1)  # nobody takes it for dead
    run = SyncRun.objects.create(state="running", started_at=now, heartbeat_at=alive, **common)
    for number in range(60):
        run.tell(f"Line {number}.")
    page = (olga := person()).page
    olga.visit(f"/admin/sync/syncrun/{run.pk}/change/")
    log = page.locator(".run-log")
    log.focus()
    offset = "log => Math.round(log.scrollHeight - log.scrollTop)"
    log.evaluate("log => { log.scrollTop = 500 }")
    before = log.evaluate(offset)

    run.tell("Something new.")
    olga.sees("Something new.")

    assert log.evaluate(offset) == before
    expect(page.locator(".run-log")).to_be_focused()

    olga.visit(HOME)
    table = page.locator(".home-charts details").first
    table.locator("summary").click()
    SyncRun.objects.filter(pk=run.pk).update(total=77, expected=100)
    expect(page.locator("#home-live progress[value='77']")).to_be_visible(timeout=10_000)
    assert table.evaluate("table => table.open")
    SyncRun.objects.filter(pk=run.pk).update(
        state="failed", message="Zoho does not answer.", finished_at=timezone.now()
    )

    expect(page.locator(".alert")).to_contain_text("Zoho does not answer.", timeout=10_000)
    assert not table.evaluate("table => table.open"), "the page was loaded anew, once"


def test_without_javascript_everything_still_works(connected, person):
    """Slower to look at, and just as true."""
    fill_shop(connected.zoho, 2)
    olga = person(java_script_enabled=False)

    olga.start_sync()
    run = SyncRun.objects.get()
    for _ in range(50):
        olga.visit(f"/admin/sync/syncrun/{run.pk}/change/")
        if "Finished" in olga.page.locator(".run-words").inner_text():
            break
        olga.page.wait_for_timeout(200)

    olga.run_says("Finished: 2 created.")
    olga.press("Run again")
    assert SyncRun.objects.count() == 2


def test_an_open_page_survives_a_restart_of_the_server(connected, person):
    """A deployment in the middle of a sync: nobody has to reload."""
    fill_shop(connected.zoho, 3000)
    connected.zoho.latency = 0.6
    olga = person()
    olga.start_sync()
    olga.run_says("Reading from Zoho.")

    connected.web.terminate()
    connected.web.wait()
    connected.start_web()

    olga.run_says("Finished: 3,000 created.", seconds=40)
    olga.complaints = [it for it in olga.complaints if "ERR_" not in it and "htmx" not in it]


def test_no_page_breaks_its_content_security_policy(site, person, client, django_user_model):
    """Each page of the URL map: what the policy blocks is missing from the page."""
    paths = [path for path in addresses(Marked().arguments()) if path != "/admin/logout/"]
    olga = person()
    client.force_login(django_user_model.objects.get(username="olga"))
    shown = []
    for path in paths:
        answer = client.get(path)
        if answer.status_code == 200 and answer.headers["Content-Type"].startswith("text/html"):
            shown.append(path)
        close(answer)

    blocked = {}
    for path in shown:
        olga.visit(path)
        found = [it for it in olga.complaints if "Content Security Policy" in it]
        if found:
            blocked[path] = found
        olga.complaints.clear()

    assert len(shown) > 50
    assert blocked == {}


def test_accounts_are_synced_found_and_refreshed(connected, person):
    """The account executive's morning: everything once, then just the one on the phone."""
    helios = connected.zoho.add_account(Account_Name="Helios GmbH", Phone="+49 89 1")
    connected.zoho.add_account(Account_Name="Borealis")
    olga = person()

    olga.press("🏢 Accounts", "link")
    olga.sees("No complete sync yet.")
    olga.press("🔄 Sync everything")
    olga.run_says("Finished: 2 created.", seconds=30)
    connected.zoho.edit_account(helios, Phone="+49 89 2")
    olga.visit("/admin/crm_accounts/account/?q=helios")
    olga.press("Helios GmbH", "link")
    olga.press("🔄 Sync now")
    olga.run_says("Finished: 1 updated.", seconds=30)

    assert Account.objects.get(zoho_account_id=helios).phone == "+49 89 2"
    olga.visit("/admin/crm_accounts/account/?q=helios")
    olga.press("Helios GmbH", "link")
    expect(olga.page.locator(".product-history")).to_contain_text("+49 89 2")
