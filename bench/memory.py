"""Peak memory of a first full sync, of many items against few, each in a process of its own."""

import json
import os
import resource
import subprocess
import sys

import django

from bench.__main__ import environment, report

FEW, MANY = 5_000, 200_000


def main() -> None:
    peaks = {}
    for items in (FEW, MANY):
        with environment() as variables:
            command = [sys.executable, "-m", "bench.memory", str(items)]
            done = subprocess.run(
                command, env=variables, check=True, capture_output=True, text=True
            )
            peaks[items] = json.loads(done.stdout)
        report("full sync, peak memory, MiB", peaks[items] / 1024, items=items)
    report("peak memory, many against few", peaks[MANY] / peaks[FEW], target=1.15)


def sync(items: int) -> None:
    django.setup()
    from bench.zoho import zoho
    from products_and_services.services import sync_zoho_products_to_db

    with zoho(items):
        stats = sync_zoho_products_to_db()
        assert stats["created"] == items
        sync_zoho_products_to_db()
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    sync(int(sys.argv[1])) if sys.argv[1:] else main()
