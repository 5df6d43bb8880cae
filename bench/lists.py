"""The admin's pages over a million products: how long the server takes for each."""

import os
import statistics
import time

import django

django.setup()  # before anything that has models

from django.contrib.auth import get_user_model  # noqa: E402
from django.db import connection  # noqa: E402
from django.test import Client  # noqa: E402

from bench.__main__ import report  # noqa: E402
from products_and_services.models import Product  # noqa: E402
from sync.models import SyncRun  # noqa: E402

TIMES = 5
PRODUCTS = "/admin/products_and_services/product/"
PAGES = {
    "home": "/admin/",
    "first page": PRODUCTS,
    "search, one SKU": f"{PRODUCTS}?q=SKU-0777777",
    "search, a rare word": f"{PRODUCTS}?q=zanzibar",
    "search, a common word": f"{PRODUCTS}?q=desk",
    "search, two words": f"{PRODUCTS}?q=oak+777777",
    "search, nothing found": f"{PRODUCTS}?q=xyzzy",
    "filter, stock is low": f"{PRODUCTS}?stock=low",
    "filter, not tracked": f"{PRODUCTS}?stock=untracked",
    "filter, inactive": f"{PRODUCTS}?is_active__exact=0",
    "filter, retired": f"{PRODUCTS}?retired=yes",
    "filter, duplicate SKU": f"{PRODUCTS}?duplicate_sku=yes",
    "sorted by price": f"{PRODUCTS}?o=3",
    "sorted by stock": f"{PRODUCTS}?o=-4",
}


def main() -> None:
    products = int(os.environ["BENCH_PRODUCTS"])
    fill(products)
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("bench"))
    for name, address in PAGES.items():
        client.get(address)
        seconds = [timed(client, address) for _ in range(TIMES)]
        median = statistics.median(seconds) * 1000
        report(f"{name}: milliseconds", median, **target(name), products=products)


def target(name: str) -> dict[str, int]:
    return {} if name.startswith("sorted") else {"target": 300}


def timed(client: Client, address: str) -> float:
    began = time.perf_counter()
    assert client.get(address).status_code == 200, address
    return time.perf_counter() - began


def fill(products: int) -> None:
    """A catalogue like a wholesaler's: few duplicate SKUs, few inactive, some without stock."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            INSERT INTO {Product._meta.db_table}
              (zoho_item_id, name, sku, price, stock_quantity, unit, zoho_type,
               zoho_status, is_active, zoho_created_at, zoho_modified_at, product_type, note,
               retired_at, created_at, synced_at)
            SELECT (4600000000000000000 + n)::text,
              (ARRAY['Oak','Pine','Steel','Glass','Cork'])[1 + n * 7 %% 5] || ' '
                || (ARRAY['desk','lamp','chair','shelf'])[1 + n * 3 %% 4] || ' ' || n
                || CASE WHEN n %% 100000 = 7 THEN ' Zanzibar' ELSE '' END,
              CASE WHEN n %% 20 = 0 THEN NULL
                   WHEN n %% 10000 = 1 THEN 'SKU-' || lpad((n + 1)::text, 7, '0')
                   ELSE 'SKU-' || lpad(n::text, 7, '0') END,
              n %% 10000 / 100.0, CASE WHEN n %% 7 = 0 THEN NULL ELSE n %% 5000 END, 'pcs', 'goods',
              CASE WHEN n %% 50 > 0 THEN 'active' ELSE 'inactive' END, n %% 50 > 0,
              now() - n * interval '1 second', now() - n * interval '1 second',
              'hardware', '', CASE WHEN n %% 1000 = 3 THEN now() END, now(), now()
            FROM generate_series(1, %s) AS n ORDER BY n::bigint * 7919 %% 1000003
            """,
            [products],
        )
        cursor.execute(f"VACUUM ANALYZE {Product._meta.db_table}")
    SyncRun.objects.create(
        kind=Product._meta.label_lower,
        task_name=Product._meta.label,
        trigger=SyncRun.Trigger.SCHEDULE,
        state=SyncRun.State.SUCCEEDED,
        total=products,
        calls=products // 200,
    )


if __name__ == "__main__":
    main()
