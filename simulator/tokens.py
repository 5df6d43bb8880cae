"""Zoho's bookkeeping of codes and tokens for one client and one user.

Lifetimes and quotas: https://www.zoho.com/crm/developer/docs/api/v8/token-validity.html
"""

import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

ACCESS_LIFETIME = 3600  # seconds
CODE_LIFETIME = 120
MINTS_PER_WINDOW = 10
MINT_WINDOW = 600
ALIVE_PER_REFRESH_TOKEN = 15
DEFAULT_SCOPE = "ZohoInventory.items.READ,ZohoInventory.settings.READ"


def new_token(random_hex: Callable[[int], str] = secrets.token_hex) -> str:
    return f"1000.{random_hex(16)}.{random_hex(16)}"


class TooManyTokens(Exception):
    """The eleventh access token in ten minutes."""


@dataclass
class Grant:
    """A refresh token, and the access tokens made from it."""

    scope: str
    mints: list[float] = field(default_factory=list)
    access: dict[str, float] = field(default_factory=dict)  # token → its end, oldest first


@dataclass
class Code:
    scope: str
    redirect_uri: str  # "" for a self client's code
    expires: float
    offline: bool = True


class Tokens:
    def __init__(self, first_refresh_token: str, clock: Callable[[], float]) -> None:
        self.clock = clock
        self.mints = 0  # access tokens made by refreshing
        self.grants = {first_refresh_token: Grant(DEFAULT_SCOPE)}
        self.codes: dict[str, Code] = {}
        self._lock = threading.RLock()

    def make_code(self, scope: str, redirect_uri: str = "", offline: bool = True) -> str:
        code = new_token()
        self.codes[code] = Code(scope, redirect_uri, self.clock() + CODE_LIFETIME, offline)
        return code

    def redeem(self, code: str, redirect_uri: str) -> tuple[str, str, str] | str:
        """(access token, refresh token or "", scope), or the name of the error."""
        with self._lock:
            granted = self.codes.pop(code, None)  # single use, also when it fails
            if granted is None or granted.expires <= self.clock():
                return "invalid_code"
            if granted.redirect_uri and granted.redirect_uri != redirect_uri:
                return "invalid_redirect_uri"
            refresh_token = new_token()
            grant = Grant(granted.scope)
            self.grants[refresh_token] = grant
            access = self._mint(grant)
            return access, refresh_token if granted.offline else "", granted.scope

    def refresh(self, refresh_token: str) -> tuple[str, str] | None:
        """(access token, scope), or None for a token that is unknown or revoked."""
        with self._lock:
            grant = self.grants.get(refresh_token)
            if grant is None:
                return None
            now = self.clock()
            grant.mints = [moment for moment in grant.mints if moment > now - MINT_WINDOW]
            if len(grant.mints) >= MINTS_PER_WINDOW:
                raise TooManyTokens
            grant.mints.append(now)
            self.mints += 1
            return self._mint(grant), grant.scope

    def _mint(self, grant: Grant) -> str:
        token = new_token()
        grant.access[token] = self.clock() + ACCESS_LIFETIME
        while len(grant.access) > ALIVE_PER_REFRESH_TOKEN:
            del grant.access[next(iter(grant.access))]  # silently
        return token

    def scope_of(self, access_token: str) -> str | None:
        """The scope of a live access token; None for any other."""
        with self._lock:
            for grant in self.grants.values():
                if grant.access.get(access_token, 0) > self.clock():
                    return grant.scope
        return None

    def revoke(self, refresh_token: str) -> bool:
        with self._lock:
            return self.grants.pop(refresh_token, None) is not None

    def revoke_all(self) -> None:
        with self._lock:
            self.grants.clear()

    def expire_access(self) -> None:
        with self._lock:
            for grant in self.grants.values():
                grant.access.clear()

    def narrow(self, scope: str) -> None:
        """Every grant has this scope from now on."""
        with self._lock:
            for grant in self.grants.values():
                grant.scope = scope
