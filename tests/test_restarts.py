"""Redis and PostgreSQL are restarted in mid-run: a worker, the wake-up call and a run in real
processes, on servers of their own."""

import atexit
import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from urllib.parse import urlsplit

import psycopg2
import pytest
import redis

from demo.servers import embedded_postgres, postgres, redis_server
from integrations.zoho.inventory import overlapping
from simulator import Zoho, serve

pytestmark = pytest.mark.postgres

ITEMS = 6000
WAKE = """
import time, django
django.setup()
from django.db import connection
from sync.queue import wake_forsaken_runs
while True:
    try:
        wake_forsaken_runs()
    except Exception as error:  # as beat: the next tick is another chance
        print(type(error).__name__, flush=True)
        connection.close()
    time.sleep(0.3)
"""
ASK = """
import django
django.setup()
from products_and_services.services import request_run
from sync.queue import enqueue
run, _ = request_run("person")
enqueue(run)
"""


class Installation:
    """Everything that production has, on loopback ports, and a Zoho of 30 slow pages."""

    def __init__(self, root, stack):
        self.root = root
        self.zoho = Zoho(items=ITEMS, per_minute=0, latency=0.1)
        server = stack.enter_context(serve(self.zoho))
        self.database = stack.enter_context(postgres(root / "postgres"))
        self.redis = stack.enter_context(ExitStack())
        self.redis_url = self.redis.enter_context(redis_server(root / "redis"))
        self.processes = []
        stack.callback(self.stop)
        self.environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "tests.settings",
            "DATABASE_URL": self.database,
            "REDIS_URL": self.redis_url,
            "ZOHO_ACCOUNTS_URL": server.url,
            "ZOHO_API_URL": server.url,
            "ZOHO_CONCURRENCY": "2",
            "SYNC_SILENCE": "1",
            "NOTICE_CHECK_EVERY": "0.5",
            "LOG_DIR": str(root),
            "ZOHO_SDK_CLIENT_SECRET": self.zoho.client_secret,
            "ZOHO_SDK_REFRESH_TOKEN": self.zoho.refresh_token,
        }
        self.run("manage.py", "migrate", "--verbosity", "0")
        self.run(
            *("manage.py", "zoho_connect", "--data-center", "us"),
            *("--client-id", self.zoho.client_id),
            *("--organization-id", self.zoho.organization_id),
        )
        self.start("-m", "celery", "-A", "config", "worker", "-c", "1", "--without-mingle")
        self.start("-c", WAKE)

    def run(self, *command):
        subprocess.run(
            [sys.executable, *command],
            env=self.environment,
            check=True,
            stdout=subprocess.DEVNULL,
        )

    def start(self, *command):
        with (self.root / f"process-{len(self.processes)}.log").open("w") as log:
            process = subprocess.Popen(
                [sys.executable, *command],
                env=self.environment,
                start_new_session=True,
                stdout=log,
                stderr=log,
            )
        self.processes.append(process)

    def stop(self):
        for process in self.processes:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def ask(self, sql):
        with closing(psycopg2.connect(self.database)) as connection:
            connection.autocommit = True
            cursor = connection.cursor()
            cursor.execute(sql)
            return cursor.fetchall() if cursor.description else None

    def state(self):
        ((state, pages),) = self.ask("SELECT state, pages FROM sync_syncrun")
        return state, pages

    def wait_until(self, condition, seconds=60):
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, self.ask("SELECT state, message FROM sync_syncrun")
            # Waits of half a minute and more are long over here.
            self.ask(
                "UPDATE sync_syncrun SET resume_at = now() - interval '1 hour'"
                " WHERE state = 'waiting'"
            )
            time.sleep(0.1)

    def restart_redis(self):
        port = urlsplit(self.redis_url).port
        self.redis.close()
        time.sleep(1)
        self.redis.enter_context(redis_server(self.root / "redis", port))

    def fail_over_redis(self):
        """For seconds it is a replica, and answers READONLY."""
        with redis.Redis.from_url(self.redis_url) as server:
            server.execute_command("REPLICAOF", "127.0.0.1", "1")
            time.sleep(3)
            server.execute_command("REPLICAOF", "NO", "ONE")

    def fill_redis(self):
        """Out of memory, it refuses to write."""
        with redis.Redis.from_url(self.redis_url) as server:
            server.config_set("maxmemory", "1")
            time.sleep(3)
            server.config_set("maxmemory", "0")

    def crash_postgres(self):
        """As a power cut: no goodbye to anybody, recovery from the log at the next start."""
        pid = int((self.root / "postgres" / "postmaster.pid").read_text().split()[0])
        os.kill(pid, signal.SIGQUIT)
        while Path(f"/proc/{pid}").exists():
            time.sleep(0.05)
        time.sleep(1)
        server = embedded_postgres.get_server(self.root / "postgres")
        server.ensure_postgres_running()
        atexit.unregister(server._cleanup)  # the first handle will stop it


@pytest.fixture
def installation(tmp_path_factory):
    with ExitStack() as stack:
        # PostgreSQL's own user must be able to come here, and a socket's path must be short.
        yield Installation(tmp_path_factory.mktemp("r"), stack)


@pytest.mark.parametrize("accident", ["restart_redis", "crash_postgres"])
def test_a_run_outlives_the_restart_of_a_server(installation, accident):
    """Both are restarted now and then, and nobody looks whether a sync is under way."""
    installation.run("-c", ASK)
    installation.wait_until(lambda: installation.state()[1] >= 5)

    getattr(installation, accident)()
    installation.wait_until(lambda: installation.state()[0] == "succeeded")

    ((products, doubled),) = installation.ask(
        "SELECT count(*), count(*) - count(DISTINCT zoho_item_id)"
        " FROM products_and_services_product"
    )
    ((total, created),) = installation.ask("SELECT total, created FROM sync_syncrun")
    assert (products, doubled, total, created) == (ITEMS, 0, ITEMS, ITEMS)
    answered = [r.page for r in installation.zoho.requests if r.page and r.status == 200]
    assert answered.count(1) == 1  # it went on from its checkpoint, not from the start
    # A first run's pages overlap, and so are a few more.
    assert len(answered) >= next(n for n, it in enumerate(overlapping(), 1) if it.end >= ITEMS)


@pytest.mark.parametrize("accident", ["fail_over_redis", "fill_redis"])
def test_a_worker_that_has_nothing_to_do_takes_work_after_it(installation, accident):
    """It lived, answered, and never took work again."""
    getattr(installation, accident)()

    installation.run("-c", ASK)

    installation.wait_until(lambda: installation.state()[1] >= 1)


def test_a_workers_own_check_outlives_the_restart_of_redis(installation):
    """Its timer must not die with a connection: nobody would wind it up again."""
    looked = "SELECT at FROM notices_pulse WHERE name = 'worker'"
    begun = installation.ask(looked)
    installation.wait_until(lambda: installation.ask(looked) != begun)

    installation.restart_redis()
    before = installation.ask("SELECT now()")

    installation.wait_until(lambda: installation.ask(looked) > before)
