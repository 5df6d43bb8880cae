import pytest
import redis

from crm_accounts import source
from crm_accounts.services import sync_zoho_accounts_to_db


@pytest.fixture(autouse=True)
def no_tier_is_shut(settings):
    """What an earlier test's outages have shut is open again."""
    client = redis.Redis.from_url(settings.REDIS_URL)
    for key in client.scan_iter("zoho-sync:breaker*"):
        client.delete(key)


@pytest.fixture
def sync_accounts(credential, monkeypatch):
    """Run an account sync to its end, here; returns the stats object."""
    monkeypatch.setattr(source, "SECONDS_BETWEEN", 0.01)
    monkeypatch.setattr(source, "SECONDS_AWAY", 0.05)
    return sync_zoho_accounts_to_db
