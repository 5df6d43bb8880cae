"""REDIS_URL with TLS, for the two that read it: redis-py takes the options from the URL, Celery
from settings of its own."""

import ssl
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from django.core.exceptions import ImproperlyConfigured

CERT_REQS = {
    "required": ssl.CERT_REQUIRED,
    "optional": ssl.CERT_OPTIONAL,
    "none": ssl.CERT_NONE,
}
FILES = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
HOSTNAME = {"true": True, "false": False}


def split(url: str) -> tuple[str, dict[str, Any] | None]:
    """The URL without options of TLS, and those options as Celery takes them; None without TLS.

    Certificates are checked unless the URL says otherwise. Raises ImproperlyConfigured, naming the
    option and never the URL, which may hold a password.
    """
    parts = urlsplit(url)
    query = parse_qsl(parts.query, keep_blank_values=True)
    given = {name: value for name, value in query if name.startswith("ssl_")}
    if parts.scheme != "rediss":
        if given:
            raise ImproperlyConfigured("REDIS_URL has options of TLS: begin it with rediss://.")
        return url, None
    options: dict[str, Any] = {"ssl_cert_reqs": ssl.CERT_REQUIRED}
    for name, value in given.items():
        if name == "ssl_cert_reqs":
            options[name] = _one_of(CERT_REQS, name, value)
        elif name == "ssl_check_hostname":
            options[name] = _one_of(HOSTNAME, name, value)
        elif name in FILES:
            if not Path(value).is_file():
                raise ImproperlyConfigured(f"REDIS_URL: {name} names a file that is not there.")
            options[name] = value
        else:
            known = ", ".join(("ssl_cert_reqs", "ssl_check_hostname", *FILES))
            raise ImproperlyConfigured(f"REDIS_URL: of TLS, it may say {known}.")
    others = urlencode([(name, value) for name, value in query if name not in given])
    return parts._replace(query=others).geturl(), options


def _one_of(choices: dict[str, Any], name: str, value: str) -> Any:
    if value not in choices:
        raise ImproperlyConfigured(f"REDIS_URL: {name} must be one of: {', '.join(choices)}.")
    return choices[value]
