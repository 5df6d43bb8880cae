"""Take secrets and personal data out of what is about to be logged, kept or shown.

Two nets: what a Zoho secret looks like, and the exact secrets this process has handled.
"""

import re

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
