"""`make demo`: the whole product on this machine, against a simulated Zoho.

Starts PostgreSQL, Redis, the simulator, the web server, a worker and beat; connects, runs the
first sync, says Ready, and stops all of it on Ctrl-C or SIGTERM.
"""

import fcntl
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet

from demo.servers import free_port, postgres, redis_server

ROOT = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("DEMO_DIR") or ROOT / ".demo")
ITEMS = int(os.environ.get("DEMO_ITEMS") or 10_000)
ACCOUNTS = int(os.environ.get("DEMO_ACCOUNTS") or 500)
# Seconds per answer of the simulated Zoho, once the first sync is done: slow enough, with several
# pages under way at once, to watch a bar move.
LATENCY = float(os.environ.get("DEMO_LATENCY") or 0.5)
# The demo may sync again at once without running into the minute's limit.
REQUESTS_PER_MINUTE = 600
STOP_SECONDS = 10


class DemoError(Exception):
    """Why the demo cannot run, in a sentence."""


def main() -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        port = int(os.environ.get("PORT") or 8000)
    except ValueError:
        print("PORT must be a number.", file=sys.stderr)
        return 1
    try:
        with ExitStack() as running:
            run(running, port)
    except KeyboardInterrupt:
        return 0
    except DemoError as error:
        print(f"\nThe demo cannot run: {error}", file=sys.stderr)
        return 1
    finally:
        print("Stopped.", flush=True)
    return 0


def run(running: ExitStack, port: int) -> None:
    hold_lock(running)
    refuse_used_port(port)
    say("Starting PostgreSQL and Redis …")
    try:
        database_url = running.enter_context(postgres(DATA / "postgres"))
        redis_url = running.enter_context(redis_server(DATA / "redis"))
    except (OSError, subprocess.SubprocessError, RuntimeError, AssertionError) as error:
        raise DemoError(
            f"a server did not start. {error}\nIts data is in {DATA}; DEMO_DIR=/another/folder "
            "puts it elsewhere."
        ) from error
    say(f"Starting a simulated Zoho with {ITEMS:,} items and {ACCOUNTS:,} accounts …")
    sizes = ["--items", str(ITEMS), "--accounts", str(ACCOUNTS)]
    simulator = Process("simulator", ["-m", "simulator", "--port", "0", *sizes])
    simulator.start(running, dict(os.environ), pipe=True)
    zoho = simulator.first_line()
    tell(
        zoho["url"],
        per_minute=REQUESTS_PER_MINUTE,
        # Its own address, for Connect with Zoho.
        redirect_uris=[
            f"http://{host}:{port}/oauth/callback" for host in ("127.0.0.1", "localhost")
        ],
    )
    environment = {**os.environ, **product_settings(database_url, redis_url, zoho, port)}

    web = ["-m", "gunicorn", "config.wsgi", "--bind", f"127.0.0.1:{port}", "--threads", "8"]
    celery = ["-m", "celery", "-A", "config"]
    worker = [*celery, "worker", "--concurrency", "2", "--without-gossip", "--without-mingle"]
    processes = [
        simulator,
        Process("web server", [*web, "--worker-tmp-dir", str(DATA), "--no-control-socket"]),
        Process("worker", worker),
        Process("beat", [*celery, "beat", "--pidfile="]),
    ]
    say("Setting up the database …")
    prepare(environment, zoho)
    for process in processes[1:]:
        process.start(running, environment)
    first_sync(processes)
    tell(zoho["url"], latency=LATENCY)
    wait_for_web(port, processes)
    say(f"Ready: http://127.0.0.1:{port}/admin/  (demo / demo)")
    watch(processes)


def say(text: str) -> None:
    print(text, flush=True)


def hold_lock(running: ExitStack) -> None:
    DATA.mkdir(parents=True, exist_ok=True)
    lock = running.enter_context((DATA / "lock").open("w"))
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise DemoError(
            f"another one is running on the data in {DATA}. Stop it first, or give this one "
            "a folder of its own in DEMO_DIR."
        ) from None


def refuse_used_port(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except (OSError, OverflowError) as error:
            raise DemoError(
                f"port {port} cannot be used ({error}). Choose another: "
                f"PORT={free_port()} make demo"
            ) from None


def product_settings(
    database_url: str, redis_url: str, zoho: dict[str, str], port: int
) -> dict[str, str]:
    """What the demo turns on: plain http on loopback, and a Zoho that is simulated."""
    return {
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "HTTPS": "false",
        "CONSOLE_LOG_LEVEL": "WARNING",
        "ALLOWED_HOSTS": "127.0.0.1,localhost",
        "ZOHO_ACCOUNTS_URL": zoho["url"],
        "ZOHO_API_URL": zoho["url"],
        "ZOHO_REQUESTS_PER_MINUTE": str(REQUESTS_PER_MINUTE),
        "ZOHO_REQUESTS_PER_DAY": "0",
        "ZOHO_SDK_CLIENT_ID": zoho["client_id"],
        "ZOHO_SDK_CLIENT_SECRET": zoho["client_secret"],
        "ZOHO_SDK_REFRESH_TOKEN": zoho["refresh_token"],
        "ZOHO_GRANT_CODE": "",
        **kept_secrets(),
    }


def kept_secrets() -> dict[str, str]:
    """The keys of this installation, made once and kept beside its data."""
    path = DATA / "secrets.json"
    if not path.exists():
        keys = {
            "SECRET_KEY": secrets.token_urlsafe(50),
            "ZOHO_ENCRYPTION_KEYS": Fernet.generate_key().decode(),
        }
        path.touch(mode=0o600)
        path.write_text(json.dumps(keys))
    return json.loads(path.read_text())


def prepare(environment: dict[str, str], zoho: dict[str, str]) -> None:
    """Migrate, make the staff user, connect; in this process, to start Django only once."""
    os.environ.update(environment)
    import django
    from django.core.management import CommandError, call_command

    django.setup()
    from django.contrib.auth import get_user_model

    try:
        call_command("migrate", verbosity=0)
        users = get_user_model()._default_manager
        if not users.filter(username="demo").exists():
            users.create_superuser("demo", password="demo")  # type: ignore[attr-defined]
        say("Connecting to the simulated Zoho …")
        call_command(
            "zoho_connect", data_center="us", organization_id=zoho["organization_id"], verbosity=0
        )
    except CommandError as error:
        raise DemoError(str(error)) from error


def first_sync(processes: list["Process"]) -> None:
    from django.core.management import CommandError, call_command

    from crm_accounts.models import Account
    from products_and_services.models import Product
    from sync.schedule import put_usual_back

    if Product.objects.exists() and Account.objects.exists():
        return
    say("Running the first syncs …")
    try:
        call_command("sync_zoho_products")
        call_command("sync_zoho_accounts")
        put_usual_back(Account)  # Zoho does not say what a refresh token allows
    except CommandError as error:
        check(processes)
        raise DemoError(str(error)) from error


def tell(url: str, **settings: Any) -> None:
    """Set the simulator's switches; see simulator/control.py."""
    request = urllib.request.Request(
        f"{url}/_simulator/settings",
        json.dumps(settings).encode(),
        {"Content-Type": "application/json"},
    )
    urllib.request.urlopen(request, timeout=5).close()


def wait_for_web(port: int, processes: list["Process"]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        check(processes)
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/admin/login/", timeout=5).close()
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise DemoError(f"the web server does not answer. Its log is {DATA / 'web server.log'}.")


def watch(processes: list["Process"]) -> None:
    while True:
        check(processes)
        time.sleep(0.5)


def check(processes: list["Process"]) -> None:
    for process in processes:
        process.check()


class Process:
    """One of the demo's own processes, in a session of its own, its output in a file."""

    def __init__(self, name: str, arguments: list[str]) -> None:
        self.name = name
        self.arguments = arguments
        self.log = DATA / f"{name}.log"
        self.popen: subprocess.Popen[str] | None = None

    def start(self, running: ExitStack, environment: dict[str, str], pipe: bool = False) -> None:
        with self.log.open("w") as log:
            self.popen = subprocess.Popen(
                [sys.executable, *self.arguments],
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if pipe else log,
                stderr=log,
                text=True,
                start_new_session=True,  # Ctrl-C is ours to hand on, in order
            )
        running.callback(self.stop)

    def first_line(self) -> Any:
        assert self.popen
        assert self.popen.stdout
        line = self.popen.stdout.readline()
        if not line:
            self.popen.wait()
            self.check()
        return json.loads(line)

    def check(self) -> None:
        if self.popen and self.popen.poll() is not None:
            tail = "".join(self.log.read_text().splitlines(keepends=True)[-15:])
            raise DemoError(
                f"the {self.name} stopped (exit status {self.popen.returncode}). The end of "
                f"{self.log}:\n{tail}"
            )

    def stop(self) -> None:
        assert self.popen
        self.popen.terminate()
        try:
            self.popen.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self.popen.pid, signal.SIGKILL)
            self.popen.wait()


if __name__ == "__main__":
    sys.exit(main())
