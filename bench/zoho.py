"""A simulated Zoho in a process of its own, and the connection to it."""

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Handle:
    """The simulator's control surface; see simulator/control.py."""

    def __init__(self, url: str) -> None:
        self.url = url

    def ask(self, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            f"{self.url}/_simulator/{path}",
            data=data,
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)


@contextmanager
def zoho(items: int, latency: float = 0.0, accounts: int = 0) -> Iterator[Handle]:
    """Connect the database to a Zoho with so many items and CRM accounts, and no limits."""
    from django.conf import settings

    from integrations.models import ZohoCredential

    command = [sys.executable, "-m", "simulator", "--port", "0", "--items", str(items)]
    command += ["--latency", str(latency), "--accounts", str(accounts)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            known = json.loads(process.stdout.readline())
            handle = Handle(known.pop("url"))
            handle.ask("settings", {"per_minute": 0})
            settings.ZOHO_ACCOUNTS_URL = settings.ZOHO_API_URL = handle.url
            ZohoCredential.objects.all().delete()
            ZohoCredential.objects.create(data_center="us", **known)
            yield handle
        finally:
            process.kill()
