"""A connection given by the environment: whole, right, and never shown."""

import pytest

from backoffice.environment import read
from integrations.models import ZohoCredential
from integrations.zoho.configuration import ZohoSDKConfig
from integrations.zoho.data_centers import DATA_CENTERS, Environment, Region
from integrations.zoho.errors import ZohoConfigError

WHOLE = {
    "ZOHO_SDK_CLIENT_ID": "1000.HUNTER2",
    "ZOHO_SDK_CLIENT_SECRET": "hunter2-secret",  # pragma: allowlist secret
    "ZOHO_SDK_REFRESH_TOKEN": "1000.hunter2.refresh",
    "ZOHO_SDK_REDIRECT_URL": "https://office.example/oauth/callback",
    "ZOHO_SDK_REGION": "eu",
    "ZOHO_SDK_ENVIRONMENT": "production",
}
DOMAINS = {
    "us": "zohoapis.com",
    "eu": "zohoapis.eu",
    "au": "zohoapis.com.au",
    "in": "zohoapis.in",
    "cn": "zohoapis.com.cn",
    "jp": "zohoapis.jp",
}
ACCOUNTS = {
    "us": "accounts.zoho.com",
    "eu": "accounts.zoho.eu",
    "au": "accounts.zoho.com.au",
    "in": "accounts.zoho.in",
    "cn": "accounts.zoho.com.cn",
    "jp": "accounts.zoho.jp",
}
PREFIXES = {"production": "www", "sandbox": "sandbox", "developer": "developer"}


@pytest.fixture
def given(monkeypatch):
    """The environment holds a whole connection, with these changes."""

    def give(**changes):
        for name, value in {**WHOLE, **changes}.items():
            monkeypatch.setenv(name, value or "")
        return ZohoSDKConfig

    return give


@pytest.mark.parametrize("name", WHOLE)
def test_what_is_missing_is_named(given, name):
    """Whoever sets this up is told which line to add; nothing is guessed."""
    with pytest.raises(ZohoConfigError) as caught:
        given(**{name: None})()

    assert caught.value.message == f"{name} is missing."


def test_all_that_is_missing_is_named_at_once_and_nothing_that_is_there_is_shown(given):
    """One start a variable would be six starts."""
    config = given(ZOHO_SDK_CLIENT_SECRET=None, ZOHO_SDK_REGION="hunter2")

    with pytest.raises(ZohoConfigError) as caught:
        config()

    assert "ZOHO_SDK_CLIENT_SECRET is missing" in caught.value.message
    assert "ZOHO_SDK_REGION must be one of: us, eu" in caught.value.message
    assert "hunter2" not in caught.value.message.lower()
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("region", DOMAINS)
@pytest.mark.parametrize("environment", PREFIXES)
def test_each_region_and_environment_has_its_own_hosts(given, region, environment):
    """The wrong one of them would be another country's, or production instead of a test."""
    config = given(ZOHO_SDK_REGION=region, ZOHO_SDK_ENVIRONMENT=environment)()

    assert config.api_url == f"https://{PREFIXES[environment]}.{DOMAINS[region]}"
    assert config.accounts_url == f"https://{ACCOUNTS[region]}"
    stored = ZohoCredential(
        data_center=region,
        environment=environment,
        api_domain=f"https://www.{DOMAINS[region]}",  # as an answer may say of a test, too
    )
    assert (stored.crm_url(), stored.accounts_url()) == (config.api_url, config.accounts_url)


@pytest.mark.parametrize("region", ["uk", "ae"])
def test_where_no_test_host_is_known_there_is_only_production(given, region):
    """An invented host could belong to anybody."""
    assert given(ZOHO_SDK_REGION=region)().api_url == f"https://www.zohoapis.{region}"
    with pytest.raises(ZohoConfigError, match="No sandbox host"):
        given(ZOHO_SDK_REGION=region, ZOHO_SDK_ENVIRONMENT="sandbox")()


@pytest.mark.parametrize(
    ("name", "typo"),
    [("ZOHO_SDK_REGION", "eurpoe"), ("ZOHO_SDK_ENVIRONMENT", "prod")],
)
def test_a_typo_is_an_error_and_never_another_data_centre(given, name, typo):
    """Older systems took the United States, and the developer's sandbox."""
    with pytest.raises(ZohoConfigError, match=f"{name} must be one of"):
        given(**{name: typo})()


def test_the_two_lists_of_regions_agree():
    """One is checked against, the other knows the hosts."""
    assert set(Region) == DATA_CENTERS.keys()
    assert list(Environment) == ["production", "sandbox", "developer"]


def test_secrets_are_hidden(given):
    """Settings are printed when something is wrong."""
    config = given()()

    assert "hunter2" not in f"{config!r} {config}".lower()
    assert config.client_secret.get_secret_value() == "hunter2-secret"


def test_each_value_can_come_from_a_file(given, tmp_path, monkeypatch):
    """Docker and Kubernetes hand secrets over so."""
    file = tmp_path / "token"
    file.write_text("from-a-file\n")
    config = given(ZOHO_SDK_REFRESH_TOKEN=None)
    monkeypatch.setenv("ZOHO_SDK_REFRESH_TOKEN_FILE", str(file))

    assert config().refresh_token.get_secret_value() == "from-a-file"
    assert read("ZOHO_SDK_REFRESH_TOKEN") == "from-a-file"
