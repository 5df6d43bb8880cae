"""A Zoho that takes 600 ms for a page, and a minute limit: is the allowed rate used, and kept?"""

import time

import django

django.setup()  # before anything that has models

from django.conf import settings  # noqa: E402

from bench.__main__ import report  # noqa: E402
from bench.zoho import zoho  # noqa: E402
from products_and_services.services import sync_zoho_products_to_db  # noqa: E402

PAGES, PER_MINUTE = 500, 300


def main() -> None:
    with zoho(PAGES * 200) as handle:
        sync_zoho_products_to_db()  # so that the number of pages is known
        handle.ask("settings", {"per_minute": PER_MINUTE, "latency": 0.6})
        time.sleep(61)  # the calls just made are no longer of this minute
        settings.ZOHO_REQUESTS_PER_MINUTE = PER_MINUTE
        refused = handle.ask("state")["refused_by_limits"]
        began = time.perf_counter()
        stats = sync_zoho_products_to_db()
        seconds = time.perf_counter() - began
        refused = handle.ask("state")["refused_by_limits"] - refused
    assert stats["unchanged"] == PAGES * 200
    allowed = PAGES / PER_MINUTE * 60
    report("600 ms a page: seconds", seconds, pages=PAGES, per_minute=PER_MINUTE)
    report("600 ms a page: wall time against pages ÷ allowed rate", seconds / allowed, target=1.1)
    report("600 ms a page: calls that Zoho refused", refused, target=0)


if __name__ == "__main__":
    main()
