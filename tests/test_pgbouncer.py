"""Behind pgbouncer, which hands each transaction to whichever connection is free.

Source: https://www.pgbouncer.org/features.html (what transaction pooling takes away)
"""

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import psycopg2
import pytest
from django.db import connection

from crm_accounts.models import Account
from demo.servers import free_port
from products_and_services.models import Product
from sync.models import SyncRun

PGBOUNCER = shutil.which("pgbouncer") or "/usr/sbin/pgbouncer"
pytestmark = [
    pytest.mark.demo,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not Path(PGBOUNCER).exists(), reason="pgbouncer is not installed"),
]

# What staff do, by the pages; printed is what went wrong.
PAGES = """
from django.contrib.auth import get_user_model
from django.test import Client
client = Client(headers={"host": "localhost"})
client.force_login(get_user_model().objects.create_superuser("olga"))
for path in (
    "/admin/",
    "/admin/products_and_services/product/?q=item&o=-2&p=2",
    "/admin/products_and_services/product/export/csv/",
    "/admin/products_and_services/product/export/xlsx/",
    "/admin/crm_accounts/account/",
    "/crm/changes/file/accounts.csv",
    "/admin/sync/change/",
    "/admin/integrations/auditevent/",
):
    answer = client.get(path)
    content = b"".join(answer) if answer.streaming else answer.content
    if answer.status_code != 200 or len(content) < 500:
        print(path, answer.status_code, len(content))
"""


@pytest.fixture
def pooled(process_environment):
    """The environment of a process that reaches the database through a pool of two connections, of
    which somebody else's short transactions use one and then the other."""
    database = connection.settings_dict
    socket, port = database["OPTIONS"]["host"], free_port()
    owner = pwd.getpwuid(os.stat(socket).st_uid).pw_name
    url = f"postgresql://{database['USER']}@127.0.0.1:{port}/{database['NAME']}"
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        users, settings, log = (Path(folder, name) for name in ("users", "settings", "log"))
        users.write_text(f'"{database["USER"]}" ""\n')
        settings.write_text(
            f"[databases]\n* = host={socket} user={database['USER']}\n[pgbouncer]\n"
            f"listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n"
            f"auth_type = trust\nauth_file = {users}\n"
            "pool_mode = transaction\ndefault_pool_size = 2\n"
        )
        os.chmod(folder, 0o755)
        as_owner = ["-u", owner] if os.geteuid() == 0 else []
        output = stack.enter_context(log.open("wb"))
        process = stack.enter_context(
            subprocess.Popen([PGBOUNCER, *as_owner, settings], stdout=output, stderr=output)
        )
        stack.callback(process.terminate)
        wait_until_it_answers(url, process, log)
        over = threading.Event()
        for _ in range(2):
            other = threading.Thread(target=keep_busy, args=(url, over))
            other.start()
            stack.callback(other.join)
        stack.callback(over.set)
        yield {**process_environment, "DATABASE_URL": url}


def wait_until_it_answers(url, process, log):
    deadline = time.monotonic() + 20
    while True:
        try:
            psycopg2.connect(url).close()
            return
        except psycopg2.OperationalError:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)


def keep_busy(url, over):
    other = psycopg2.connect(url)
    while not over.is_set():
        with other, other.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(0.005)")
    other.close()


def test_everything_works_behind_a_transaction_pool(pooled, zoho, credential):
    """
    A cursor that outlives its transaction is gone there; so is whatever was set for a session.
    """

    def manage(*arguments):
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            env=pooled,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    ids = [zoho.add_item(name=f"Item {number:04}") for number in range(600)]
    accounts = [zoho.add_account(Account_Name=f"Account {number:03}") for number in range(300)]

    manage("sync_zoho_products")
    manage("sync_zoho_accounts")
    for item_id in ids[:590]:
        zoho.edit_item(item_id, rate="7.00")
    manage("sync_zoho_products", "--changed")
    for item_id in ids[:400]:
        zoho.edit_item(item_id, rate="8.00")
    manage("sync_zoho_products", *(f"--item={item_id}" for item_id in ids))
    for item_id in ids[:3]:
        zoho.remove_item(item_id)
    manage("sync_zoho_products", "--full")
    manage("forget_record", "accounts", accounts[0])
    said = manage("shell", "-v0", "-c", PAGES)

    assert said == ""
    assert Product.objects.filter(retired_at=None, price=8).count() == 397
    assert Product.objects.filter(retired_at=None).count() == 597
    assert Account.objects.count() == 299
    assert set(SyncRun.objects.values_list("state", flat=True)) == {"succeeded"}
