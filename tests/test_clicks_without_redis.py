"""Whatever a person starts while Redis refuses, loads, is full or is away: they are told, nothing
is lost, and it starts when Redis is back."""

import socket
import threading
from contextlib import ExitStack, contextmanager, suppress

import pytest
import redis
from django.urls import reverse
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from config.celery import app
from crm_accounts.models import Account, ChangeRequest, CrmField
from demo.servers import redis_server
from products_and_services.models import Product
from sync import schedule
from sync.models import FailedRecord, SyncRun
from sync.queue import wake_forsaken_runs

pytestmark = pytest.mark.django_db(transaction=True)

PRODUCTS = "products_and_services.product"
SAID = "The work queue cannot be reached at the moment."


class OwnRedis:
    """A Redis of this test's own, which all of the product talks to."""

    def __init__(self, stack, folder, settings, monkeypatch):
        self.settings, self.monkeypatch = settings, monkeypatch
        self.url = stack.enter_context(redis_server(folder))
        self.server = stack.enter_context(redis.Redis.from_url(self.url))
        self.stack = stack
        stack.callback(self.forget_connections)
        self.lead_to(self.url)

    def lead_to(self, url):
        self.settings.REDIS_URL = url
        for name in ("CELERY_BROKER_URL", "CELERY_RESULT_BACKEND"):
            self.monkeypatch.setenv(name, url)
        self.forget_connections()

    @staticmethod
    def forget_connections():
        app._pool = None
        app.amqp._producer_pool = None
        app._backend_cache = None
        app._local.__dict__.pop("backend", None)

    def read_only(self):
        """As a replica whose master is gone, in a failover."""
        self.server.execute_command("REPLICAOF", "127.0.0.1", "1")

    def full(self):
        self.server.config_set("maxmemory-policy", "noeviction")
        self.server.config_set("maxmemory", "1")

    def loading(self):
        """It answers so to everything while it reads its data at its start."""
        self.lead_to(self.stack.enter_context(answering(b"-LOADING Redis is loading the dataset")))

    def down(self):
        self.lead_to("redis://127.0.0.1:1/0")

    def well(self):
        self.server.execute_command("REPLICAOF", "NO", "ONE")
        self.server.config_set("maxmemory", "0")
        if self.url != self.settings.REDIS_URL:
            self.lead_to(self.url)


@contextmanager
def answering(line):
    """A server that gives this one answer to every command; its address."""

    def answer(client):
        with suppress(OSError), client, client.makefile("rb") as commands:
            while head := commands.readline():  # *2, then $4 and PING for each of its parts
                for _ in range(2 * int(head[1:])):
                    commands.readline()
                client.sendall(line + b"\r\n")

    def listen(listener):
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                threading.Thread(target=answer, args=(client,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=listen, args=(listener,), daemon=True).start()
        yield f"redis://127.0.0.1:{listener.getsockname()[1]}/0"


@pytest.fixture
def own_redis(tmp_path, settings, monkeypatch):
    with ExitStack() as stack:
        yield OwnRedis(stack, tmp_path / "redis", settings, monkeypatch)


@pytest.fixture(params=["read_only", "full", "loading", "down"])
def trouble(own_redis, request):
    """Call it, and Redis is in this state."""
    return getattr(own_redis, request.param)


@pytest.fixture
def client(client, staff):
    client.force_login(staff)
    return client


def ended(state="succeeded", kind=PRODUCTS, **fields):
    return SyncRun.objects.create(
        kind=kind, state=state, trigger="person", finished_at=timezone.now(),
        started_at=timezone.now(), task_name=Product.SYNC_TASK, **fields,
    )  # fmt: skip


def sync_now(client):
    return client.post(reverse("products_and_services:trigger-sync"), follow=True)


def start(client):
    return client.post(reverse("sync:start", args=["crm_accounts.account"]), follow=True)


def act(client, run, action):
    return client.post(reverse("sync:act", args=[run.pk, action]), follow=True)


def resume(client):
    return act(client, ended(state="paused"), "resume")


def run_again(client):
    return act(client, ended(), "again")


def apply(client):
    run = ended(dry_run=True, created=1)
    run.changes.create(action="created", zoho_id="1", field="name", after="Desk")
    return act(client, run, "apply")


def confirm(client):
    run = ended(state="unconfirmed", to_confirm=1)
    run.changes.create(action="unlisted", zoho_id="1")
    return act(client, run, "confirm")


def retry(client):
    run = ended(failed=1)
    FailedRecord.objects.create(kind=PRODUCTS, key="1", zoho_id="1", reason="No name.", run=run)
    return act(client, run, "retry")


def run_from_the_schedule(client):
    schedule.put_usual_back(Product)
    entry = PeriodicTask.objects.filter(task=Product.SYNC_TASK).first()
    return client.post(reverse("sync:schedule-run", args=[entry.pk]), follow=True)


def change_request(client, state):
    account = Account.objects.create(zoho_account_id="4876", name="Helios", phone="1")
    CrmField.objects.create(api_name="Phone", label="Phone", data_type="phone", length=30)
    expires = timezone.now() + timezone.timedelta(days=1) if state == "pending" else None
    asked = ChangeRequest.objects.create(
        state=state, origin="page", expires_at=expires, asked_by_id=client.session["_auth_user_id"]
    )
    asked.changes.create(
        number=1, account=account, zoho_account_id="4876", state="ready",
        fields={"Phone": {"before": "1", "after": "2"}},
    )  # fmt: skip
    return asked


def send(client):
    asked = change_request(client, "draft")
    return client.post(reverse("crm_accounts:act", args=[asked.pk, "ask"]), follow=True)


def approve(client):
    asked = change_request(client, "pending")
    return client.post(reverse("crm_accounts:act", args=[asked.pk, "approve"]), follow=True)


def send_the_rest(client):
    asked = change_request(client, "approved")
    return client.post(reverse("crm_accounts:act", args=[asked.pk, "again"]), follow=True)


CLICKS = [
    sync_now, start, resume, run_again, apply, confirm, retry, run_from_the_schedule, send,
    approve, send_the_rest,
]  # fmt: skip


@pytest.mark.parametrize("click", CLICKS)
def test_what_was_started_without_redis_is_kept_and_starts_when_it_is_back(
    trouble, own_redis, client, click, settings
):
    """The person is told; a 500 would look as if it were lost, and would make them click again."""
    trouble()

    answer = click(client)

    assert answer.status_code == 200
    assert SAID in answer.content.decode()
    run = SyncRun.objects.filter(state__in=SyncRun.ACTIVE).get()
    assert run.state in ("queued", "waiting")
    own_redis.well()
    settings.SYNC_SILENCE = 0
    assert wake_forsaken_runs() == [run]  # beat's tick
    assert own_redis.server.llen("celery") == 1


def test_a_script_is_told_as_well(trouble, own_redis, client):
    """In JSON, with the run that was kept."""
    trouble()

    answer = client.post(
        reverse("products_and_services:trigger-sync"), headers={"Accept": "application/json"}
    )

    assert answer.status_code == 503
    assert answer.json()["message"].startswith(SAID)
    assert answer.json()["run_id"] == SyncRun.objects.get().pk


def test_after_it_clicks_reach_the_queue_at_once(trouble, own_redis, client):
    """No connection from before is kept that would still refuse."""
    trouble()
    sync_now(client)
    SyncRun.objects.update(state="cancelled")
    own_redis.well()

    assert SAID not in sync_now(client).content.decode()
    assert own_redis.server.llen("celery") == 1


def test_pages_that_ask_zoho_say_why_they_cannot(trouble, own_redis, client, credential, settings):
    """The call budget is kept in Redis, too."""
    settings.ZOHO_CONCURRENCY = 5
    trouble()

    answer = client.post(reverse("oauth:test"), follow=True)

    assert answer.status_code == 200
    assert "the shared call budget cannot be read" in answer.content.decode().lower()


def test_every_page_that_only_looks_needs_no_redis(trouble, own_redis, client, credential):
    """The state of things is in the database."""
    ended()
    trouble()

    for page in ("admin:index", "sync:schedule", "admin:sync_syncrun_changelist", "oauth:start"):
        assert client.get(reverse(page)).status_code == 200, page
