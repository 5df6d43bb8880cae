"""Zoho CRM by REST and by Zoho's SDK: records a second when an answer takes 200 ms, beside the
figures of the guide that this was written after; and what a page of 200 records costs in CPU."""

import json
import statistics
import time
from collections.abc import Callable
from typing import Any

import django

django.setup()  # before anything that has models

import requests  # noqa: E402

from bench.__main__ import report  # noqa: E402
from bench.zoho import zoho  # noqa: E402
from integrations.zoho.crm.rest import RestCrm  # noqa: E402
from integrations.zoho.crm.sdk import SdkCrm  # noqa: E402

LATENCY = 0.2
TIMES, PAGES = 5, 40
TIERS = {"REST": RestCrm, "SDK": SdkCrm}
# Records a second, by the guide, with Zoho and the network of its day.
GUIDE = {"get 100": 83, "read 200": 95, "update 150": 39, "search 50": 56}
TEN_FIELDS = [
    "Account_Name",
    "Account_Type",
    "Annual_Revenue",
    "Billing_City",
    "Employees",
    "Industry",
    "Modified_Time",
    "Owner",
    "Phone",
    "Website",
]


def main() -> None:
    with zoho(0, accounts=1000) as handle:
        for fields in (TEN_FIELDS, None):
            cpu(handle.url, fields)
        handle.ask("settings", {"latency": LATENCY})
        rates = {name: speed(tier.from_database()) for name, tier in TIERS.items()}
    for work, guide in GUIDE.items():
        for name, measured in rates.items():
            report(f"{work}, {name}: records a second", measured[work], guide=guide)
            ratio = measured[work] / guide
            report(f"{work}, {name}: times the guide's rate", ratio, target=4)
        ratio = rates["SDK"][work] / rates["REST"][work]
        report(f"{work}: the SDK's rate against REST's", ratio)


def speed(crm: RestCrm) -> dict[str, float]:
    """Records a second, by the kind of work; the median of some."""
    ids = [row["id"] for row in crm.get_accounts(limit=150)]
    records = [{"id": account_id, "Employees": 7} for account_id in ids]
    works: dict[str, Callable[[], Any]] = {
        "get 100": lambda: crm.get_accounts(limit=100, fields=TEN_FIELDS),
        "read 200": lambda: crm.get_accounts(limit=200, fields=TEN_FIELDS),
        "update 150": lambda: crm.bulk_update_accounts(records)["data"],
        "search 50": lambda: crm.search_accounts(
            "(Account_Name:starts_with:A)", limit=50, fields=TEN_FIELDS
        ),
    }
    rates = {}
    for work, make in works.items():
        seconds, rows = [], make()  # the first one pays for what is loaded and opened once
        assert len(rows) == int(work.split()[1]), (work, len(rows))
        for _ in range(TIMES):
            began = time.perf_counter()
            make()
            seconds.append(time.perf_counter() - began)
        rates[work] = len(rows) / statistics.median(seconds)
    crm.close()
    return rates


def cpu(url: str, fields: list[str] | None) -> None:
    """Milliseconds of CPU for a page of 200 records, against `requests` and `json` alone."""
    rest = RestCrm.from_database()
    rest.get_accounts()
    params: dict[str, Any] = {"fields": ",".join(fields or rest.get_accounts(limit=1)[0])}
    params |= {"per_page": 200, "sort_by": "id", "sort_order": "asc"}
    headers = {"Authorization": f"Zoho-oauthtoken {rest.transport.tokens.current()}"}
    with requests.Session() as session:

        def plain() -> Any:
            answer = session.get(f"{url}/crm/v8/Accounts", params=params, headers=headers)
            return json.loads(answer.content)["data"]

        floor = milliseconds(plain)
    how_many = f"200 × {len(fields)} fields" if fields else "200 × all usual fields"
    report(f"{how_many}, requests and json alone: CPU ms", floor)
    for name, tier in TIERS.items():
        crm = tier.from_database()
        spent = milliseconds(lambda crm=crm: crm.get_accounts(limit=200, fields=fields))
        crm.close()
        report(f"{how_many}, {name}: CPU ms", spent)
        report(
            f"{how_many}, {name}: times the CPU of requests and json alone", spent / floor, target=7
        )


def milliseconds(work: Callable[[], Any]) -> float:
    assert len(work()) == 200
    spent = []
    for _ in range(PAGES):
        began = time.process_time()
        work()
        spent.append(time.process_time() - began)
    return statistics.median(spent) * 1000


if __name__ == "__main__":
    main()
