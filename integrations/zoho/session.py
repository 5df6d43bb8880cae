"""How connections to Zoho are opened, for tokens and for data alike."""

import os
from http.cookiejar import DefaultCookiePolicy

import requests
from requests.adapters import HTTPAdapter
from requests.utils import get_environ_proxies


def open_session(url: str, connections: int = 1) -> requests.Session:
    """A session for calls to the host of `url`, with as many `connections` kept open.

    Threads may share it: it keeps no cookies, so no call changes it.

    A company's proxy (HTTPS_PROXY, NO_PROXY) and certificates (REQUESTS_CA_BUNDLE) are honoured,
    read once instead of at each call. A ~/.netrc is not: its password would take the place of
    our own Authorization header. Certificates are always checked.
    """
    session = requests.Session()
    session.trust_env = False
    session.proxies = get_environ_proxies(url)
    session.verify = os.environ.get("REQUESTS_CA_BUNDLE") or True
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    adapter = HTTPAdapter(pool_connections=1, pool_maxsize=connections)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    session.headers["Accept"] = "application/json"
    return session
