"""Four workers at once on an expired token and Zoho's own limits: one refresh, and no refusal.

One carries a product sync; the others sweep the list, as another mirror's runs would, until the
day's calls for scheduled work are used up.
"""

import os
import subprocess
import sys

import django

django.setup()  # before anything that has models

from bench.__main__ import report  # noqa: E402
from bench.zoho import zoho  # noqa: E402
from integrations.models import ZohoUsage  # noqa: E402
from integrations.zoho.errors import ZohoRateLimitError  # noqa: E402
from integrations.zoho.inventory import ZohoClient  # noqa: E402
from products_and_services.services import sync_zoho_products_to_db  # noqa: E402

WORKERS, PAGES, PER_MINUTE, AT_ONCE, PER_DAY = 4, 20, 1000, 5, 200


def main() -> None:
    with zoho(PAGES * 200, latency=0.05) as handle:
        handle.ask("settings", {"per_minute": PER_MINUTE, "at_once": AT_ONCE, "per_day": PER_DAY})
        environment = {
            **os.environ,
            "ZOHO_ACCOUNTS_URL": handle.url,
            "ZOHO_API_URL": handle.url,
            "ZOHO_REQUESTS_PER_MINUTE": str(PER_MINUTE),
            "ZOHO_CONCURRENCY": str(AT_ONCE),
            "ZOHO_REQUESTS_PER_DAY": str(PER_DAY),
        }
        works = ["sync", *["sweep"] * (WORKERS - 1)]
        processes = [
            subprocess.Popen([sys.executable, "-m", "bench.workers", work], env=environment)
            for work in works
        ]
        for process in processes:
            process.wait()
        state = handle.ask("state")
        calls = [r for r in handle.ask("requests") if r["path"].startswith("/inventory/")]
    report("four workers, token expired: refreshes", state["mints"], target=1)
    report("four workers: calls that Zoho refused", state["refused_by_limits"], target=0)
    report("four workers: calls made, at most the day's allowance", len(calls), target=PER_DAY)
    report("four workers: calls in the day ledger", ZohoUsage.calls_today(), made=len(calls))


def work(what: str) -> None:
    if what == "sync":
        sync_zoho_products_to_db()
        return
    client = ZohoClient.from_database(ZohoUsage.Purpose.SCHEDULE)
    left = True
    while left:
        try:
            for _ in client.fetch_all_products(expected_pages=PAGES):
                pass
        except ZohoRateLimitError as error:
            left = (error.retry_after or 0) < 60
    client.close()


if __name__ == "__main__":
    work(sys.argv[1]) if sys.argv[1:] else main()
