"""CRM through Zoho's SDK: the simulated Zoho, or the real one.

With --integration, and ZOHO_SDK_* describing a whole connection, these tests talk to that
organisation; otherwise to a simulated one with forty accounts. They never skip.
"""

import os
from collections.abc import Iterator
from typing import Any

import pytest

from integrations.zoho.configuration import ZohoSDKConfig
from integrations.zoho.crm.client import create_zoho_client
from integrations.zoho.crm.rest import RestCrm
from integrations.zoho.errors import ZohoConfigError


def real_connection(config: pytest.Config) -> ZohoSDKConfig | None:
    """The connection to real Zoho, where one is asked for and given."""
    if not config.getoption("--integration"):
        return None
    try:
        return ZohoSDKConfig()
    except ZohoConfigError:
        if any(name.startswith("ZOHO_SDK_") for name in os.environ):
            raise  # half a connection is a mistake; none at all means the simulator
        return None


@pytest.fixture
def client(request: pytest.FixtureRequest, db: None, settings: Any) -> Iterator[RestCrm]:
    """The client as others make it."""
    if real_connection(request.config):
        settings.ZOHO_TIMEOUT = (5, 30)
    else:
        zoho = request.getfixturevalue("zoho")
        request.getfixturevalue("credential")
        for number in range(40):
            zoho.add_account(Account_Name=f"Account {number:02}", Industry="Energy")
    use_mock = getattr(request, "param", False)
    settings.DEBUG = use_mock
    made = create_zoho_client(use_mock)
    yield made
    made.close()


@pytest.fixture
def is_real(request: pytest.FixtureRequest) -> bool:
    return real_connection(request.config) is not None
