"""`make bench`: how fast and how frugal a sync is, as ratios measured in one run.

One JSON object a line: what was measured, its value, and the target where there is one. The plain
way saves each item with `update_or_create`. The floor fetches with the same session, parses with
`json` and COPYs into an indexed table: what Python and PostgreSQL cannot go below. All read the
same simulated Zoho, in a process of its own, into the same PostgreSQL.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from demo.servers import postgres, redis_server

PARTS = ("speed", "memory", "pace", "workers", "lists", "accounts", "crm")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--items", type=int, default=100_000, help="for the part `speed`")
    parser.add_argument("--products", type=int, default=1_000_000, help="for the part `lists`")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}")
    options = parser.parse_args()
    for part in options.parts or PARTS:
        with environment() as variables:
            variables |= {
                "BENCH_ITEMS": str(options.items),
                "BENCH_PRODUCTS": str(options.products),
            }
            # A process for each part: none inherits another one's memory or connections.
            subprocess.run([sys.executable, "-m", f"bench.{part}"], env=variables, check=True)


@contextmanager
def environment() -> Iterator[dict[str, str]]:
    """The environment of a process that finds a migrated PostgreSQL and a Redis of its own."""
    with tempfile.TemporaryDirectory(prefix="zoho-sync-bench-") as folder:
        root = Path(folder)
        with postgres(root / "postgres") as database_url, redis_server(root / "redis") as redis:
            variables = {
                **os.environ,
                "DJANGO_SETTINGS_MODULE": "tests.settings",
                "DATABASE_URL": database_url,
                "REDIS_URL": redis,
                "LOG_DIR": folder,
                "LOG_LEVEL": "WARNING",
                # The product's own limits stay out of the way, but are asked before each call.
                "ZOHO_REQUESTS_PER_MINUTE": "1000000",
                "ZOHO_CONCURRENCY": "5",
                "ZOHO_CRM_CREDITS_PER_DAY": "1000000",
                "ZOHO_CRM_CONCURRENCY": "5",
            }
            migrate = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
            subprocess.run(migrate, env=variables, check=True)
            yield variables


def report(what: str, value: float, **more: Any) -> None:
    print(json.dumps({"what": what, "value": round(value, 3), **more}), flush=True)


if __name__ == "__main__":
    main()
