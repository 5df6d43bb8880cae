"""How connections to Zoho are opened, for tokens and for data alike."""

import os

import requests
from requests.utils import get_environ_proxies


def open_session(url: str) -> requests.Session:
    """A session for calls to the host of `url`.

    A company's proxy (HTTPS_PROXY, NO_PROXY) and certificates (REQUESTS_CA_BUNDLE) are honoured,
    read once instead of at each call. A ~/.netrc is not: its password would take the place of
    our own Authorization header. Certificates are always checked.
    """
    session = requests.Session()
    session.trust_env = False
    session.proxies = get_environ_proxies(url)
    session.verify = os.environ.get("REQUESTS_CA_BUNDLE") or True
    session.headers["Accept"] = "application/json"
    return session
