"""`make bench`: how fast a whole sync is, as ratios measured in one run; one JSON object a line.

The plain way saves each item with `update_or_create`. The floor fetches with the same session,
parses with `json` and COPYs into an indexed table: what Python and PostgreSQL cannot go below.
All three read the same simulated Zoho, which answers without delay, into the same PostgreSQL.
"""

import argparse
import io
import json
import os
import tempfile
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

from demo.servers import postgres, redis_server


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--items", type=int, default=20_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="zoho-sync-bench-") as folder:
        root = Path(folder)
        with postgres(root / "postgres") as database_url, redis_server(root / "redis") as redis:
            os.environ |= {
                "DJANGO_SETTINGS_MODULE": "tests.settings",
                "DATABASE_URL": database_url,
                "REDIS_URL": redis,
                "LOG_DIR": folder,
                "LOG_LEVEL": "WARNING",
                # The product's own limits stay out of the way, but are asked before each call.
                "ZOHO_REQUESTS_PER_MINUTE": "1000000",
                "ZOHO_CONCURRENCY": "5",
            }
            import django
            from django.core.management import call_command

            django.setup()
            call_command("migrate", verbosity=0)
            measure(options.items)


def measure(items: int) -> None:
    from django.conf import settings

    from integrations.models import ZohoCredential
    from products_and_services.models import Product
    from products_and_services.services import sync_zoho_products_to_db
    from simulator import Zoho, serve

    zoho = Zoho(items=items, per_minute=0)
    with serve(zoho) as server:
        settings.ZOHO_ACCOUNTS_URL = settings.ZOHO_API_URL = server.url
        ZohoCredential.objects.create(
            data_center="us",
            organization_id=zoho.organization_id,
            client_id=zoho.client_id,
            client_secret=zoho.client_secret,
            refresh_token=zoho.refresh_token,
        )
        list(pages())  # the simulator renders its rows once; nobody should pay for that

        ours_new = timed(sync_zoho_products_to_db)
        ours_same = timed(sync_zoho_products_to_db)
        Product.objects.all().delete()
        plain_new = timed(plain_way)
        plain_same = timed(plain_way)
        Product.objects.all().delete()
        floor = timed(floor_way)

    report("full sync, new items, seconds", ours_new, items=items)
    report("full sync, unchanged, seconds", ours_same, items=items)
    report("update_or_create per item, new, seconds", plain_new, items=items)
    report("update_or_create per item, unchanged, seconds", plain_same, items=items)
    report("fetch, parse, COPY, seconds", floor, items=items)
    report("new items: times as fast as update_or_create", plain_new / ours_new, target=10)
    report("unchanged: times as fast as update_or_create", plain_same / ours_same, target=25)
    report("new items: share of the floor's speed", floor / ours_new)


def timed(work: Callable[[], Any]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def pages() -> Any:
    from integrations.zoho.inventory import ZohoClient

    return ZohoClient.from_database().fetch_all_products()


def plain_way() -> None:
    from products_and_services.mapping import ProductFields
    from products_and_services.models import Product

    for page in pages():
        for record in page.records:
            Product.objects.update_or_create(
                zoho_item_id=record["item_id"],
                defaults=ProductFields.from_payload(record)._asdict(),
            )


def floor_way() -> None:
    from django.db import connection

    columns = ("item_id", "name", "sku", "rate", "stock_on_hand", "unit", "product_type", "status")
    times = ("created_time", "last_modified_time")
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE floor (item_id text PRIMARY KEY, name text, sku text, rate numeric,"
            " stock_on_hand numeric, unit text, product_type text, status text,"
            " created_time timestamptz, last_modified_time timestamptz)"
        )
        cursor.execute("CREATE INDEX ON floor (name)")
        cursor.execute("CREATE INDEX ON floor (sku)")
        for page in pages():
            lines = io.StringIO(
                "".join(
                    "\t".join(as_copied(record.get(key, "")) for key in (*columns, *times)) + "\n"
                    for record in page.records
                )
            )
            cursor.copy_expert("COPY floor FROM STDIN", lines)


def as_copied(value: Any) -> str:
    if value == "" or value is None:
        return r"\N"
    if isinstance(value, Decimal):
        return str(value)
    return str(value).replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")


def report(what: str, value: float, **more: Any) -> None:
    print(json.dumps({"what": what, "value": round(value, 2), **more}), flush=True)


if __name__ == "__main__":
    main()
