"""The whole product as the README starts it: `make demo`, a real browser, real servers."""

import json
import os
import re
import secrets
import signal
import subprocess
import urllib.request
from decimal import Decimal
from itertools import product
from pathlib import Path

import psutil
import psycopg2
import pytest
import requests
from axe_playwright_python.sync_playwright import Axe
from django.utils.dateparse import parse_datetime
from playwright.sync_api import Page, expect

from demo.servers import free_port
from simulator import Zoho
from tests.browsing import photograph

pytestmark = pytest.mark.demo

ROOT = Path(__file__).resolve().parent.parent
ITEMS = 10_000
SCREENS = ROOT / "screenshots"
TOKEN = re.compile(r"1000\.[0-9a-f]{32}\.[0-9a-f]{32}")


class Demo:
    """A running `make demo`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.logs = folder / "logs"
        self.port = free_port()
        self.output: list[str] = []
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        environment = {
            name: value
            for name, value in os.environ.items()
            if name not in ("DATABASE_URL", "REDIS_URL", "DJANGO_SETTINGS_MODULE")
        }
        self.process = subprocess.Popen(
            ["make", "demo"],
            cwd=ROOT,
            env={
                **environment,
                "PORT": str(self.port),
                "DEMO_DIR": str(self.folder),
                "DEMO_ITEMS": str(ITEMS),
                "LOG_DIR": str(self.logs),
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self.process.stdout
        for line in self.process.stdout:
            self.output.append(line.rstrip("\n"))
            if line.startswith("Ready:"):
                return
        raise AssertionError("make demo ended:\n" + "\n".join(self.output))

    def processes(self) -> list[psutil.Process]:
        """All that it started; PostgreSQL detaches, and is known by its folder."""
        assert self.process
        mine = psutil.Process(self.process.pid).children(recursive=True)
        folder = str(self.folder)
        detached = [
            process
            for process in psutil.process_iter(["cmdline"])
            if any(folder in word for word in process.info["cmdline"] or [])
        ]
        return [*mine, *detached]

    def stop(self) -> int:
        assert self.process
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        output, _ = self.process.communicate(timeout=60)
        self.output += (output or "").splitlines()
        return self.process.returncode

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def rows(self, sql: str) -> list[tuple]:
        connection = psycopg2.connect(f"postgresql://postgres@/postgres?host={self.socket}")
        try:
            with connection.cursor() as cursor:
                cursor.execute(sql)
                return cursor.fetchall()
        finally:
            connection.close()

    @property
    def socket(self) -> str:
        # The fifth line of postmaster.pid is the folder of the socket.
        return (self.folder / "postgres" / "postmaster.pid").read_text().splitlines()[4]

    @property
    def simulator(self) -> str:
        ((url,),) = self.rows("SELECT api_domain FROM integrations_zohocredential")
        return f"{url}/_simulator"

    def simulated_items(self) -> list[dict]:
        with urllib.request.urlopen(f"{self.simulator}/items") as answer:
            return json.loads(answer.read(), parse_float=Decimal)

    def edit_item(self, item_id: str, **fields: str) -> None:
        requests.patch(f"{self.simulator}/items/{item_id}", json=fields).raise_for_status()


def lives(process: psutil.Process) -> bool:
    """A zombie has ended; it waits for its parent, which here is the system's own."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    running = Demo(tmp_path_factory.mktemp("demo"))
    running.start()
    yield running
    if running.process and running.process.returncode is None:
        running.stop()


@pytest.fixture
def page(demo, browser):
    """A page of somebody who has just signed in; nothing may go wrong in its console."""
    page = browser.new_page(viewport={"width": 1280, "height": 800}, color_scheme="light")
    complaints = []
    page.on("console", lambda entry: entry.type == "error" and complaints.append(entry.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(f"{demo.url}/admin/")
    page.fill("[name=username]", "demo")
    page.fill("[name=password]", "demo")
    page.click("[type=submit]")
    expect(page.get_by_role("heading", name="Is my Zoho data fresh?")).to_be_visible()
    yield page
    page.close()
    assert complaints == []


def start_sync(page: Page) -> None:
    page.get_by_role("link", name="🔄 Sync Zoho").first.click()
    expect(page.get_by_role("heading", name="Bring all products up to date?")).to_be_visible()
    page.get_by_role("button", name="🔄 Sync now").click()


def test_the_demo_says_when_it_is_ready(demo):
    """One line tells where to go and who to be."""
    assert demo.output[-1] == f"Ready: {demo.url}/admin/  (demo / demo)"


def test_every_product_is_there_field_by_field(demo):
    """The first sync has run: the mirror holds what Zoho holds, and nothing else."""
    rows = demo.rows(
        "SELECT zoho_item_id, name, sku, price, stock_quantity, unit, zoho_type, is_active,"
        " zoho_created_at, zoho_modified_at, retired_at FROM products_and_services_product"
    )
    expected = {
        item["item_id"]: (
            item["item_id"],
            item["name"],
            item["sku"] or None,
            item["rate"],
            item.get("stock_on_hand"),
            item["unit"],
            item["product_type"],
            item["status"] == "active",
            parse_datetime(item["created_time"]),
            parse_datetime(item["last_modified_time"]),
            None,
        )
        for item in demo.simulated_items()
    }

    assert len(rows) == ITEMS
    assert {row[0]: row for row in rows} == expected


def test_a_person_presses_sync_and_watches_the_bar_to_its_end(demo, page):
    """The main job: click, watch, done; a second sync changes nothing."""
    before = demo.rows("SELECT * FROM products_and_services_product ORDER BY id")

    start_sync(page)
    expect(page.get_by_text("Task initiated")).to_be_visible()
    bar = page.get_by_role("progressbar")
    seen = [int(bar.get_attribute("value") or 0)]
    while seen[-1] < 100:
        page.wait_for_timeout(400)
        seen.append(int(bar.get_attribute("value") or 0))
        if len(seen) == 6:
            photograph(page, "run")

    expect(page.locator(".run-words")).to_contain_text("Finished: everything was up to date.")
    assert seen == sorted(seen)
    assert len(set(seen)) >= 3, "the bar moved"
    counts = page.locator(".run-counts dd").all_inner_texts()
    assert counts[:8] == ["10,000", "0", "0", "10,000", "0", "0", "0", "50"]
    assert demo.rows("SELECT * FROM products_and_services_product ORDER BY id") == before


def test_the_browser_stops_asking_when_the_run_has_ended(demo, page):
    """A page left open overnight must not ask all night."""
    page.goto(f"{demo.url}/admin/sync/syncrun/1/change/")
    asked = []
    page.on("request", lambda request: "/progress/" in request.url and asked.append(request))

    page.wait_for_timeout(2500)

    assert asked == []


def test_products_can_be_searched_filtered_and_chosen_for_a_sync(demo, page):
    """The daily work: find it, look at it, refresh just that."""
    photograph(page, "home")
    page.get_by_role("link", name="📦 Products").first.click()
    photograph(page, "products")
    page.get_by_placeholder("Name, SKU or Zoho item ID").fill("INV-5-A")
    page.get_by_role("button", name="Search").click()
    expect(page.locator("#result_list tbody tr")).to_have_count(1)

    page.locator("#result_list tbody .action-select").check()
    page.locator("select[name=action]").select_option("sync_selected_items", force=True)
    page.get_by_role("button", name="Go").click()

    expect(page.get_by_text("Selected sync of")).to_be_visible()
    expect(page.locator(".run-words")).to_contain_text("Finished", timeout=20_000)


def test_a_name_with_html_is_shown_as_text(demo, page):
    """The simulated catalogue holds a script; it must never run."""
    alerts = []
    page.on("dialog", lambda dialog: (alerts.append(dialog.message), dialog.dismiss()))

    page.goto(f"{demo.url}/admin/products_and_services/product/?q=CLP-X")

    expect(page.get_by_role("link", name='<script>alert("Zoho")</script>')).to_be_visible()
    assert alerts == []


def test_no_secret_is_in_any_page_log_or_table(demo, page):
    """The three places that people copy from."""
    zoho = Zoho(items=0)  # the same seed, so the same secrets
    kept = [zoho.client_secret, zoho.refresh_token, zoho.client_id]
    places = {}
    for path in (
        "/admin/",
        "/admin/integrations/zohocredential/",
        "/admin/integrations/zohocredential/1/history/",
        "/admin/sync/syncrun/",
        "/admin/sync/syncrun/1/change/",
        "/sync/runs/1/",
        "/crm-api/products/admin/sync-zoho/",
        "/admin/django_celery_beat/periodictask/",
        "/sync/schedule/",
    ):
        places[path] = page.request.get(f"{demo.url}{path}").text()
    for log in [*demo.logs.glob("*.log*"), *demo.folder.glob("*.log")]:
        places[log.name] = log.read_text()
    tables = demo.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    for (table,) in tables:
        places[table] = str(demo.rows(f'SELECT * FROM "{table}"'))

    assert {"django.log", "celery.log"} <= places.keys()
    for place, text in places.items():
        assert not TOKEN.search(text), f"a token stands in {place}"
        for secret in kept:
            assert secret not in text, f"a secret stands in {place}"


def test_reconnecting_by_zohos_own_consent_page(demo, page):
    """The button, the consent, the organisation by its name, and a connection that works."""
    page.route("**/favicon.ico", lambda route: route.fulfill(status=204))
    page.get_by_role("link", name="🔑 Zoho Credentials").first.click()
    page.get_by_role("link", name="Reconnect with Zoho").click()
    photograph(page, "connect")
    page.get_by_role("button", name="Reconnect with Zoho").click()
    page.get_by_role("button", name="Accept").click()

    page.get_by_label("Monsoon Solar Retail").check()
    page.get_by_role("button", name="Use this organisation").click()
    expect(page.get_by_text("Connected to Zoho organisation")).to_be_visible()
    page.get_by_role("button", name="Test connection").click()

    expect(page.get_by_text("The connection works")).to_be_visible()


PAGES = {
    "home": "/admin/",
    "sync": "/crm-api/products/admin/sync-zoho/",
    "runs": "/admin/sync/syncrun/",
    "run": "/admin/sync/syncrun/{run}/change/",
    "run-that-wrote": "/admin/sync/syncrun/{wrote}/change/",
    "changes": "/admin/sync/change/",
    "failed-records": "/admin/sync/failedrecord/",
    "products": "/admin/products_and_services/product/",
    "product": "/admin/products_and_services/product/{product}/change/",
    "accounts": "/admin/crm_accounts/account/",
    "account": "/admin/crm_accounts/account/1/change/",
    "fields": "/admin/crm_accounts/crmfield/",
    "change-one": "/crm/accounts/2/",
    "change-many": "/crm/changes/{selection}/many/",
    "change-by-file": "/crm/changes/file/",
    "change-requests": "/admin/crm_accounts/changerequest/",
    "change-request": "/admin/crm_accounts/changerequest/{conflict}/change/",
    "change-conflict": "/crm/changes/{conflict}/resolve/",
    "schedule": "/sync/schedule/",
    "notices": "/admin/notices/notice/",
    "tell-me": "/notices/tell-me/",
    "connect": "/oauth/start",
    "connection": "/admin/integrations/zohocredential/1/change/",
    "calls": "/admin/integrations/zohousage/",
    "audit": "/admin/integrations/auditevent/",
}


# Of the README: the page's name, and the picture's.
PICTURES = {"schedule": "schedule", "change-conflict": "conflict"}


@pytest.fixture
def addresses(demo, page):
    """Of every page, once something has happened: prices that moved, records that fail."""
    moved, *spoilt = [item["item_id"] for item in demo.simulated_items()[20:24]]
    for item_id in spoilt:
        demo.edit_item(item_id, rate="1.123456789012345678901")
    demo.edit_item(moved, rate=str(secrets.randbelow(10_000)))
    start_sync(page)
    expect(page.locator(".run-words")).to_contain_text("3 failed", timeout=20_000)
    ((run,),) = demo.rows("SELECT max(id) FROM sync_syncrun")
    ((moved_one,),) = demo.rows(
        f"SELECT id FROM products_and_services_product WHERE zoho_item_id = '{moved}'"
    )
    known = {"run": run, "product": moved_one, "conflict": conflict(demo, page)}
    ((known["wrote"],),) = demo.rows("SELECT max(id) FROM sync_syncrun")
    known["selection"] = selection(demo, page)
    return {name: path.format(**known) for name, path in PAGES.items()}


def conflict(demo, page):
    """Somebody was faster in Zoho; the change request's number."""
    ((zoho_id,),) = demo.rows("SELECT zoho_account_id FROM crm_accounts_account WHERE id = 1")
    page.goto(f"{demo.url}/crm/accounts/1/")
    theirs = {"Phone": "+49 89 1234", "Billing_City": "Augsburg"}
    requests.patch(f"{demo.simulator}/accounts/{zoho_id}", json=theirs).raise_for_status()
    page.fill("#id_Phone", "+49 89 9876")
    page.fill("#id_Billing_City", "München")
    page.get_by_role("button", name="Send to Zoho").click()
    expect(page.locator("#request-live")).to_contain_text("choose whose", timeout=30_000)
    return page.url.rstrip("/").split("/")[-2]


def selection(demo, page):
    """Accounts ticked in the list, of which nothing is said yet; the number of their draft."""
    page.goto(f"{demo.url}/admin/crm_accounts/account/")
    page.check("#action-toggle")
    page.select_option("select[name=action]", "change_selected")
    page.get_by_role("button", name="Go").click()
    expect(page.get_by_role("button", name="See what would change")).to_be_visible()
    return page.url.rstrip("/").split("/")[-2]


def test_every_page_fits_every_screen_and_axe_finds_nothing_serious(demo, page, addresses):
    """Heard instead of seen, in the dark, on a phone or on a wall: the pages must work. They are
    photographed for people to judge."""
    findings = []
    for (name, path), scheme in product(addresses.items(), ("light", "dark")):
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": 1280, "height": 800})
        page.goto(f"{demo.url}{path}")
        for violation in Axe().run(page).response["violations"]:
            if violation["impact"] in ("serious", "critical"):
                nodes = [node["html"][:120] for node in violation["nodes"][:3]]
                findings.append((scheme, path, violation["id"], nodes))
        if scheme == "light" and name in PICTURES:
            photograph(page, PICTURES[name])
        for width in (1280, 1920, 360):
            page.set_viewport_size({"width": width, "height": 800})
            wide = page.evaluate("document.documentElement.scrollWidth")
            if wide > width:
                findings.append((scheme, path, f"{wide} px wide on a screen of {width}"))
            if width != 1920:
                file = SCREENS / f"{name}-{scheme}-{width}.png"
                page.screenshot(path=file, full_page=True)
    assert findings == []


def test_a_second_demo_on_the_same_data_says_why_it_does_not_start(demo):
    """Two on one database would be worse than none."""
    second = Demo(demo.folder)

    with pytest.raises(AssertionError, match="another one is running"):
        second.start()
    assert second.stop() != 0


def test_a_used_port_is_named(demo, tmp_path):
    """The commonest reason, told with the way out."""
    second = Demo(tmp_path)
    second.port = demo.port

    with pytest.raises(AssertionError, match=f"port {demo.port} cannot be used.*PORT="):
        second.start()
    assert second.stop() != 0


def test_stopping_leaves_no_process_and_starting_again_keeps_the_data(demo, browser):
    """Ctrl-C means all of it; the next start finds what was there."""
    started = demo.processes()
    assert len(started) >= 6

    demo.stop()

    assert [process for process in started if lives(process)] == []

    demo.start()

    ((products,),) = demo.rows("SELECT count(*) FROM products_and_services_product")
    assert products == ITEMS
    assert not any("first sync" in line for line in demo.output[demo.output.index("Stopped.") :])
