import pytest

from integrations.models import ZohoCredential
from integrations.zoho.data_centers import DATA_CENTERS, data_center, is_trusted_url, origin
from integrations.zoho.errors import ZohoConfigError


@pytest.mark.parametrize(
    ("location", "accounts", "api"),
    [
        ("us", "https://accounts.zoho.com", "https://www.zohoapis.com"),
        ("eu", "https://accounts.zoho.eu", "https://www.zohoapis.eu"),
        ("in", "https://accounts.zoho.in", "https://www.zohoapis.in"),
        ("au", "https://accounts.zoho.com.au", "https://www.zohoapis.com.au"),
        ("jp", "https://accounts.zoho.jp", "https://www.zohoapis.jp"),
        ("ca", "https://accounts.zohocloud.ca", "https://www.zohoapis.ca"),
        ("cn", "https://accounts.zoho.com.cn", "https://www.zohoapis.com.cn"),
        ("sa", "https://accounts.zoho.sa", "https://www.zohoapis.sa"),
        ("uk", "https://accounts.zoho.uk", "https://www.zohoapis.uk"),
        ("ae", "https://accounts.zoho.ae", "https://www.zohoapis.ae"),
    ],
)
def test_each_data_centre_has_its_own_hosts(location, accounts, api):
    """A code or token sent to another data centre is refused, or leaves its legal region."""
    credential = ZohoCredential(data_center=location)

    assert (credential.accounts_url(), credential.api_url()) == (accounts, api)


def test_an_unknown_data_centre_is_an_error_and_never_the_american_one():
    """A typo must not send European data to the United States."""
    with pytest.raises(ZohoConfigError, match="us, eu, in"):
        data_center("eurpoe")


@pytest.mark.parametrize(
    "url",
    [
        "https://www.zohoapis.eu",
        "https://accounts.zohocloud.ca/oauth/v2/token",
        "http://127.0.0.1:9000/inventory/v1/items",
        "http://localhost:9000",
        "http://[::1]:9000",
    ],
)
def test_a_secret_may_go_to_a_zoho_host_or_to_loopback(url):
    """These are the hosts that the product needs to talk to."""
    assert is_trusted_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://www.zohoapis.eu",
        "https://www.zohoapis.eu.evil.example",
        "https://zohoapis.eu@evil.example",
        "https://user:pass@www.zohoapis.eu",  # pragma: allowlist secret
        "https://www.zohoapis.eu:8443",
        "https://evil.example/www.zohoapis.eu",
        "http://10.0.0.1",
        "ftp://127.0.0.1",
        "https://[broken",
        "",
    ],
)
def test_a_secret_goes_to_no_other_host(url):
    """`api_domain` and `accounts-server` arrive from outside: a browser, or an answer."""
    assert not is_trusted_url(url)


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        ("https://www.zohoapis.eu/", "https://www.zohoapis.eu"),
        ("https://www.zohoapis.in/inventory", "https://www.zohoapis.in"),
        ("https://inventory.zoho.com/api/v1", "https://www.zohoapis.com"),
        ("https://inventory.zoho.com.au", "https://www.zohoapis.com.au"),
        ("https://inventory.zohocloud.ca/", "https://www.zohoapis.ca"),
    ],
)
def test_older_spellings_of_the_api_host_are_understood(stored, expected):
    """Earlier set-ups stored the retired host, a path or a trailing slash."""
    assert origin(stored) == expected


def test_the_table_holds_no_host_twice():
    """One host in two rows would let a token cross data centres."""
    hosts = [host for center in DATA_CENTERS.values() for host in center.hosts]

    assert len(hosts) == len(set(hosts))
