"""Zoho's data centres, and which hosts may be sent a secret.

A Zoho user lives in exactly one data centre; codes, tokens and calls work on its hosts only.
Source: https://www.zoho.com/accounts/protocol/oauth/multi-dc.html and the CRM and Inventory
pages of the same subject. The UK's API host and the UAE's hosts are known from secondary
sources only.
"""

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address
from urllib.parse import urlsplit

from integrations.zoho.errors import ZohoConfigError


class Environment(StrEnum):
    PRODUCTION = "production"
    SANDBOX = "sandbox"
    DEVELOPER = "developer"


class Region(StrEnum):
    US = "us"
    EU = "eu"
    IN = "in"
    AU = "au"
    JP = "jp"
    CA = "ca"
    CN = "cn"
    SA = "sa"
    UK = "uk"
    AE = "ae"


@dataclass(frozen=True)
class DataCenter:
    """`api` serves CRM and Inventory; `sandbox` and `developer` are CRM's test hosts."""

    location: str
    name: str
    accounts: str
    api: str
    sandbox: str = ""
    developer: str = ""

    @property
    def inventory(self) -> str:
        """Where people see Zoho Inventory's pages.

        Not from Zoho's documentation: public code links there, for .com, .eu and .in.
        """
        return self.accounts.replace("//accounts.", "//inventory.", 1)

    def api_of(self, environment: str) -> str:
        """CRM's address in this environment. Raises ZohoConfigError where none is known."""
        production = environment == Environment.PRODUCTION
        url = self.api if production else getattr(self, Environment(environment))
        if not url:
            raise ZohoConfigError(
                f"No {environment} host of Zoho's data centre {self.name} is known: choose "
                "production in ZOHO_SDK_ENVIRONMENT."
            )
        return url

    @property
    def hosts(self) -> frozenset[str]:
        urls = (self.accounts, self.api, self.sandbox, self.developer)
        return frozenset(host for url in urls if (host := urlsplit(url).hostname))


def _with_test_hosts(location: str, name: str, accounts: str, domain: str) -> DataCenter:
    return DataCenter(
        location,
        name,
        accounts=f"https://{accounts}",
        api=f"https://www.{domain}",
        sandbox=f"https://sandbox.{domain}",
        developer=f"https://developer.{domain}",
    )


DATA_CENTERS = {
    center.location: center
    for center in (
        _with_test_hosts("us", "United States (.com)", "accounts.zoho.com", "zohoapis.com"),
        _with_test_hosts("eu", "Europe (.eu)", "accounts.zoho.eu", "zohoapis.eu"),
        _with_test_hosts("in", "India (.in)", "accounts.zoho.in", "zohoapis.in"),
        _with_test_hosts("au", "Australia (.com.au)", "accounts.zoho.com.au", "zohoapis.com.au"),
        _with_test_hosts("jp", "Japan (.jp)", "accounts.zoho.jp", "zohoapis.jp"),
        _with_test_hosts("ca", "Canada (zohocloud.ca)", "accounts.zohocloud.ca", "zohoapis.ca"),
        _with_test_hosts("cn", "China (.com.cn)", "accounts.zoho.com.cn", "zohoapis.com.cn"),
        _with_test_hosts("sa", "Saudi Arabia (.sa)", "accounts.zoho.sa", "zohoapis.sa"),
        DataCenter(
            "uk", "United Kingdom (.uk)", "https://accounts.zoho.uk", "https://www.zohoapis.uk"
        ),
        DataCenter(
            "ae",
            "United Arab Emirates (.ae)",
            "https://accounts.zoho.ae",
            "https://www.zohoapis.ae",
        ),
    )
}

_KNOWN_HOSTS = frozenset[str]().union(*(center.hosts for center in DATA_CENTERS.values()))


def data_center(location: str) -> DataCenter:
    """The data centre called `location`; an unknown one is an error, never a default."""
    try:
        return DATA_CENTERS[location]
    except KeyError:
        raise ZohoConfigError(
            "This Zoho data centre is not known. Choose one of: " + ", ".join(DATA_CENTERS) + "."
        ) from None


def is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def is_trusted_url(url: str) -> bool:
    """Whether a secret may be sent to `url`: https on a host of the table, or loopback."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    if parts.username or parts.password or parts.query or parts.fragment:
        return False
    if is_loopback(url):
        return parts.scheme in ("http", "https")
    return parts.scheme == "https" and parts.hostname in _KNOWN_HOSTS and port in (None, 443)


def origin(url: str) -> str:
    """Scheme and host of `url`, without path: "https://www.zohoapis.eu".

    Older set-ups stored more than that (a trailing slash, "/inventory", or the retired
    inventory.zoho.<tld> host); all of them mean the same API host.
    """
    parts = urlsplit(url.strip())
    host = parts.hostname or ""
    if host.startswith("inventory.zoho."):
        domain = host.removeprefix("inventory.zoho.")
        return f"https://www.zohoapis.{domain}"
    if host == "inventory.zohocloud.ca":
        return "https://www.zohoapis.ca"
    return f"{parts.scheme}://{parts.netloc}"
