"""`rediss://`: everything that talks to Redis does so through TLS.

The wheel's Redis knows no TLS, so a proxy in front of the real one ends it.
"""

import socket
import ssl
import subprocess
import sys
import threading
from contextlib import ExitStack, suppress
from urllib.parse import urlsplit

import pytest
from django.core.exceptions import ImproperlyConfigured

from config.redis_tls import split
from products_and_services.models import Product
from sync.models import SyncRun
from tests.certificates import self_signed

ASK = """
import django
django.setup()
from integrations import health
from integrations.zoho.budget import Budget
from integrations.zoho.crm.breaker import Breaker
from integrations.zoho.errors import ZohoUnavailableError
from products_and_services.services import request_run
from sync.queue import enqueue
budget = Budget()
try:
    budget.give_back(budget.take())
    print("budget")
except ZohoUnavailableError:
    pass
budget.close()
Breaker("rest").note(None)
try:
    health.queue()
    print("doctor")
except health.UnhealthyError:
    pass
run, _ = request_run("person")
if enqueue(run):
    print("queue")
"""


@pytest.fixture
def tls_redis(settings, tmp_path):
    """The address of a Redis behind TLS, and the bundle that vouches for it."""
    bundle, context = self_signed(tmp_path)
    real = urlsplit(settings.REDIS_URL)

    def pump(source, target):
        with suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
        with suppress(OSError):
            target.shutdown(socket.SHUT_RDWR)

    def serve(client):
        with suppress(OSError, ssl.SSLError), ExitStack() as stack:
            inside = stack.enter_context(context.wrap_socket(client, server_side=True))
            outside = stack.enter_context(socket.create_connection((real.hostname, real.port)))
            back = threading.Thread(target=pump, args=(outside, inside), daemon=True)
            back.start()
            pump(inside, outside)
            back.join()

    def listen(listener):
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                threading.Thread(target=serve, args=(client,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=listen, args=(listener,), daemon=True).start()
        port = listener.getsockname()[1]
        yield f"rediss://127.0.0.1:{port}{real.path}", bundle


def ask(environment, url):
    """What could be done in another process with this REDIS_URL."""
    done = subprocess.run(
        [sys.executable, "-c", ASK],
        env={**environment, "REDIS_URL": url, "ZOHO_CONCURRENCY": "5"},
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    return set(done.stdout.split())


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("options", ["ssl_ca_certs={}", "ssl_cert_reqs=none"])
def test_a_run_goes_through_a_redis_with_tls(
    tls_redis, zoho, start_worker, process_environment, wait_for, options
):
    """The queue, the budget, the breaker, the doctor, and the worker with its results."""
    url, bundle = tls_redis
    url = f"{url}?{options.format(bundle)}"
    zoho.add_item(name="Desk")

    assert ask(process_environment, url) == {"budget", "doctor", "queue"}
    start_worker(REDIS_URL=url, ZOHO_CONCURRENCY="5")
    wait_for(lambda: SyncRun.objects.get().state == SyncRun.State.SUCCEEDED)

    assert Product.objects.get().name == "Desk"


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_a_redis_nobody_vouches_for_is_not_talked_to(tls_redis, process_environment):
    """Unless one says so, the certificate is checked everywhere. The run is kept."""
    url, _ = tls_redis

    assert ask(process_environment, url) == set()

    assert SyncRun.objects.get().state == SyncRun.State.QUEUED


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("rediss://:topsecret@h/0?ssl_cert_reqs=maybe", "must be one of: required, optional, none"),
        ("rediss://:topsecret@h/0?ssl_check_hostname=1", "must be one of: true, false"),
        ("rediss://:topsecret@h/0?ssl_ca_certs=/nowhere/ca.pem", "ssl_ca_certs names a file"),
        ("rediss://:topsecret@h/0?ssl_vouched=1", "ssl_cert_reqs, ssl_check_hostname, ssl_ca"),
        ("redis://:topsecret@h/0?ssl_cert_reqs=none", "begin it with rediss://"),
    ],
)
def test_an_option_that_cannot_be_used_is_named(url, says):
    """At the start, and without the password."""
    with pytest.raises(ImproperlyConfigured, match=says) as refused:
        split(url)

    assert "topsecret" not in str(refused.value)


def test_celery_gets_what_the_url_says_and_the_url_without_it():
    """Other options stay where they are; without TLS nothing changes."""
    url, options = split("rediss://h:1/0?ssl_check_hostname=false&health_check_interval=5")

    assert url == "rediss://h:1/0?health_check_interval=5"
    assert options == {"ssl_cert_reqs": ssl.CERT_REQUIRED, "ssl_check_hostname": False}
    assert split("redis://h:1/0") == ("redis://h:1/0", None)
