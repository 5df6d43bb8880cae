"""Fixtures for every app's tests: a simulated Zoho on a loopback port, a connection to it, and a
real worker in a process of its own."""

import datetime as dt
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from integrations.models import ZohoCredential
from integrations.zoho import inventory_answers, retry
from integrations.zoho.inventory import ZohoClient
from products_and_services.services import sync_zoho_products_to_db
from simulator import Zoho, serve
from simulator.faults import KINDS


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--integration",
        action="store_true",
        help="let tests/integration talk to the real Zoho that ZOHO_SDK_* describe; without a "
        "connection there, and without this option, they talk to the simulated one",
    )


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Naps of seconds become naps of milliseconds; how long they would be has its own tests."""
    monkeypatch.setattr(retry, "BACKOFF_BASE", 0.01)
    monkeypatch.setattr(retry, "BACKOFF_CAP", 0.02)


@pytest.fixture
def short_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Zoho's limits clear in a fraction of a second instead of minutes and hours."""
    waits = dict.fromkeys(inventory_answers.RATE_LIMIT_WAITS, 0.2)
    monkeypatch.setattr(inventory_answers, "RATE_LIMIT_WAITS", waits)


@pytest.fixture
def zoho(settings: Any, request: pytest.FixtureRequest) -> Iterator[Zoho]:
    """A Zoho without limits, answering at `zoho.url`; empty, or as large as asked: {"items": 5}."""
    simulated = Zoho(per_minute=0, **{"items": 0, **getattr(request, "param", {})})
    with serve(simulated) as server:
        simulated.url = server.url
        settings.ZOHO_ACCOUNTS_URL = settings.ZOHO_API_URL = server.url
        yield simulated


@pytest.fixture
def fault_kinds() -> set[str]:
    """All the trouble that `zoho.faults` can make."""
    return set(KINDS)


@pytest.fixture
def credential(db: None, zoho: Zoho) -> ZohoCredential:
    """The connection to `zoho`, as staff entered it: no access token yet."""
    return ZohoCredential.objects.create(
        data_center="us",
        organization_id=zoho.organization_id,
        client_id=zoho.client_id,
        client_secret=zoho.client_secret,
        refresh_token=zoho.refresh_token,
    )


@pytest.fixture
def inventory(credential: ZohoCredential) -> ZohoClient:
    return ZohoClient.from_database()


@pytest.fixture
def sync(credential: ZohoCredential) -> Callable[..., dict[str, Any]]:
    """Run a product sync to its end, here; returns the stats object."""
    return sync_zoho_products_to_db


@pytest.fixture
def staff(django_user_model: Any) -> Any:
    """A member of staff who may see everything and start syncs."""
    return django_user_model.objects.create_superuser("olga", password="olga")


def in_minutes(minutes: float) -> dt.datetime:
    return timezone.now() + dt.timedelta(minutes=minutes)


@pytest.fixture
def process_environment(zoho: Zoho, transactional_db: None, tmp_path: Path) -> dict[str, str]:
    """The environment of another process that works on the test database and on `zoho`."""
    database = connection.settings_dict
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "DATABASE_URL": f"postgresql://{database['USER']}@/{database['NAME']}"
        f"?host={database['OPTIONS']['host']}",
        "ZOHO_ACCOUNTS_URL": zoho.url,
        "ZOHO_API_URL": zoho.url,
        "LOG_DIR": str(tmp_path),
    }


@pytest.fixture
def start_process(
    process_environment: dict[str, str],
) -> Iterator[Callable[..., subprocess.Popen]]:
    """Start Python with these arguments, as a process that works on the test database."""
    processes = []

    def start(*arguments: str, **environment: str) -> subprocess.Popen:
        process = subprocess.Popen(
            [sys.executable, *arguments],
            env={**process_environment, **environment},
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        processes.append(process)
        return process

    yield start
    for process in processes:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@pytest.fixture
def start_worker(
    credential: ZohoCredential, start_process: Callable[..., subprocess.Popen]
) -> Callable[..., subprocess.Popen]:
    """Start a worker; returns its process."""

    def start(**environment: str) -> subprocess.Popen:
        worker = ("-m", "celery", "-A", "config", "worker", "-c", "2")
        alone = ("--without-gossip", "--without-mingle", "--without-heartbeat")
        return start_process(*worker, *alone, **environment)

    return start


@pytest.fixture
def wait_for() -> Callable[..., None]:
    """Until this is true; fails when it is not within seconds."""

    def wait(condition: Callable[[], Any], seconds: float = 30) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, "it did not happen in time"
            time.sleep(0.05)

    return wait


@pytest.fixture
def dead_queue(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Redis is away: Celery's connections lead to a port where nobody listens."""
    from config.celery import app

    def forget_connections() -> None:
        app._pool = None
        app.amqp._producer_pool = None
        app._backend_cache = None
        app._local.__dict__.pop("backend", None)

    for name in ("CELERY_BROKER_URL", "CELERY_RESULT_BACKEND"):
        monkeypatch.setenv(name, "redis://127.0.0.1:1/0")
    forget_connections()
    yield
    forget_connections()
