"""Whole syncs against the plain way and against the floor; changes; what the history costs."""

import io
import json
import os
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from unittest import mock

import django

django.setup()  # before anything that has models

from django.db import connection  # noqa: E402

from bench.__main__ import report  # noqa: E402
from bench.zoho import zoho  # noqa: E402
from integrations.zoho.inventory import ZohoClient  # noqa: E402
from products_and_services.mapping import ProductFields  # noqa: E402
from products_and_services.models import Product  # noqa: E402
from products_and_services.services import sync_zoho_products_to_db  # noqa: E402
from sync.models import Change, SyncRun  # noqa: E402


def main() -> None:
    items = int(os.environ["BENCH_ITEMS"])
    with zoho(items):
        for _ in pages():  # the simulator renders its rows once; nobody should pay for that
            pass
        ours_new = timed(sync_zoho_products_to_db)
        ours_same = timed(sync_zoho_products_to_db)
        stats: dict[str, Any] = {}

        def sync_changed() -> None:
            stats.update(sync_zoho_products_to_db(mode=SyncRun.Mode.CHANGED))

        changed = timed(sync_changed)
        forget()
        with mock.patch.object(Change, "record"):
            without_history = timed(sync_zoho_products_to_db)
        forget()
        plain_new = timed(plain_way)
        plain_same = timed(plain_way)
        forget()
        floor = timed(floor_way)

    report("full sync, new items, seconds", ours_new, items=items)
    report("full sync, unchanged, seconds", ours_same, items=items)
    report("update_or_create per item, new, seconds", plain_new, items=items)
    report("update_or_create per item, unchanged, seconds", plain_same, items=items)
    report("fetch, parse, COPY, seconds", floor, items=items)
    report("new items: times as fast as update_or_create", plain_new / ours_new, target=25)
    report("unchanged: times as fast as update_or_create", plain_same / ours_same, target=60)
    report("new items: share of the floor's speed", floor / ours_new, target=0.4)
    report("new items: share of the time that history takes", 1 - without_history / ours_new)
    report("changed sync, nothing changed: calls", stats["calls"], target=1)
    report("changed sync, nothing changed: seconds", changed, target=1)


def timed(work: Callable[[], Any]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def forget() -> None:
    """An empty table, as it was at first."""
    with connection.cursor() as cursor:
        for model in (Product, Change):
            cursor.execute(f"TRUNCATE {model._meta.db_table}")


def pages() -> Any:
    client = ZohoClient.from_database()
    try:
        yield from client.fetch_all_products()
    finally:
        client.close()


def plain_way() -> None:
    for page in pages():
        for record in page.records:
            fields = ProductFields.from_payload(json.loads(bytes(record.text), parse_float=Decimal))
            Product.objects.update_or_create(zoho_item_id=record.zoho_id, defaults=fields._asdict())


def floor_way() -> None:
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
            records = [json.loads(bytes(r.text), parse_float=Decimal) for r in page.records]
            lines = io.StringIO(
                "".join(
                    "\t".join(as_copied(record.get(key, "")) for key in (*columns, *times)) + "\n"
                    for record in records
                )
            )
            cursor.copy_expert("COPY floor FROM STDIN", lines)


def as_copied(value: Any) -> str:
    if value == "" or value is None:
        return r"\N"
    if isinstance(value, Decimal):
        return str(value)
    return str(value).replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")


if __name__ == "__main__":
    main()
