"""Take secrets and personal data out of what is about to be logged, kept or shown.

Two nets: what a Zoho secret looks like, and the exact secrets this process has handled.
"""

import re
from typing import Any

MASK = "[secret]"

_SHAPES = [
    # Zoho's codes and tokens: 1000.<hex>.<hex>
    (re.compile(r"\b1000\.[0-9a-f]{16,}(?:\.[0-9a-f]{16,})?", re.IGNORECASE), MASK),
    (re.compile(r"(Zoho-oauthtoken|Bearer|Basic)\s+[^\s'\",]+", re.IGNORECASE), rf"\1 {MASK}"),
    (
        re.compile(
            r"(?P<name>client_secret|refresh_token|access_token|grant_code|password|passwd"
            r"|secret_key|encryption_keys?|sessionid|csrftoken|csrfmiddlewaretoken)"
            r"(?P<between>\\?['\"]?\s*[:=]\s*\\?['\"]?)[^\s'\"&,;)}\\]+",
            re.IGNORECASE,
        ),
        rf"\g<name>\g<between>{MASK}",
    ),
    # user:password@host in a URL
    (re.compile(r"(?<=://)([^/\s:@]*):[^/\s@]+@"), rf"\1:{MASK}@"),
]

_known: set[str] = set()


def remember_secret(value: str) -> None:
    """Never let `value` through `redact` again. Short strings are not remembered: they would
    blank ordinary words."""
    if len(value) >= 12:
        if len(_known) > 500:  # access tokens change hourly; a long-lived worker stays small
            _known.clear()
        _known.add(value)


def redact(text: str) -> str:
    for secret in tuple(_known):
        if secret in text:
            text = text.replace(secret, MASK)
    for pattern, replacement in _SHAPES:
        text = pattern.sub(replacement, text)
    return text


def mask(secret: str) -> str:
    """How a stored secret is shown to staff: its last four characters, or nothing to go on."""
    if not secret:
        return ""
    return f"••••{secret[-4:]}" if len(secret) >= 12 else "••••"


# Keys of Zoho's records under which there is something about a person.
_PERSONAL_KEY = re.compile(
    r"(?:^|[_\W])(?:e?mail|phone|mobile|fax|address|street|zip|postal|contact|customer|vendor_name"
    r"|owner|birth|(?:first|last|full)_name|gst|vat|iban|skype|twitter)",
    re.IGNORECASE,
)
_PERSONAL_TEXT = [
    re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+"),
    # Telephone numbers; a date is not one.
    re.compile(r"(?<![\w.])(?!\d{4}-\d\d-\d\d)\+?\d[\d\s()/-]{7,}\d(?![\w.])(?=[^\d]|$)"),
]
PERSONAL = "[personal]"
LONGEST_TEXT = 500


def mask_personal(value: Any, depth: int = 0) -> Any:
    """A record of Zoho's as it may be kept for mending: JSON, without secrets and personal data,
    its long texts cut, and no deeper than four levels."""
    if isinstance(value, dict) and depth < 4:
        return {
            _plain(key): PERSONAL
            if item and _PERSONAL_KEY.search(str(key))
            else mask_personal(item, depth + 1)
            for key, item in list(value.items())[:200]
        }
    if isinstance(value, list) and depth < 4:
        return [mask_personal(item, depth + 1) for item in value[:20]]
    if value is None or isinstance(value, (bool, int)):
        return value
    text = str(value)
    # Ids of Zoho's are long runs of digits, too, and are needed to find the record.
    if not text.isdecimal():
        for pattern in _PERSONAL_TEXT:
            text = pattern.sub(PERSONAL, text)
    return _plain(text)


def _plain(text: Any) -> str:
    """What every database can hold: no NUL, no half characters, not endless."""
    plain = redact(str(text)).replace("\0", "\N{SYMBOL FOR NULL}")
    plain = plain.encode("utf-8", "replace").decode()
    return plain if len(plain) <= LONGEST_TEXT else f"{plain[:LONGEST_TEXT]}…"
