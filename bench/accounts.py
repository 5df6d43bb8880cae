"""A hundred thousand accounts by a bulk read: calls, seconds, and memory against five thousand."""

import json
import os
import resource
import subprocess
import sys

import django

from bench.__main__ import environment, report

FEW, MANY = 5_000, 100_000


def main() -> None:
    peaks = {}
    for accounts in (FEW, MANY):
        with environment() as variables:
            variables |= {"ZOHO_CRM_CREDITS_PER_DAY": "0"}
            command = [sys.executable, "-m", "bench.accounts", str(accounts)]
            done = subprocess.run(
                command, env=variables, check=True, capture_output=True, text=True
            )
        stats = json.loads(done.stdout)
        peaks[accounts] = stats["peak"]
        report("accounts by bulk read: calls", stats["calls"], accounts=accounts, target=10)
        report("accounts by bulk read: seconds", stats["duration_seconds"], accounts=accounts)
    report("accounts: peak memory, many against few", peaks[MANY] / peaks[FEW], target=1.15)


def sync(accounts: int) -> None:
    django.setup()
    from bench.zoho import zoho
    from crm_accounts.services import sync_zoho_accounts_to_db

    with zoho(0, accounts=accounts):
        stats = sync_zoho_accounts_to_db()
        assert stats["created"] == accounts
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({**stats, "peak": peak}))


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    sync(int(sys.argv[1])) if sys.argv[1:] else main()
