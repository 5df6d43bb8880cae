"""Zoho's bookkeeping of codes and tokens for one client and one user.

Lifetimes and quotas: https://www.zoho.com/crm/developer/docs/api/v8/token-validity.html
"""

import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

ACCESS_LIFETIME = 3600  # seconds
CODE_LIFETIME = 120
SELF_CLIENT_CODE_LIFETIME = 180  # the console's default
CODES_PER_WINDOW = 10
REFRESH_TOKENS_ALIVE = 20
MINTS_PER_WINDOW = 10
MINT_WINDOW = 600  # seconds; for codes, too
ALIVE_PER_REFRESH_TOKEN = 15
DEFAULT_SCOPE = ",".join(  # all that is simulated
    (
        "ZohoInventory.items.READ",
        "ZohoInventory.settings.READ",
        "ZohoCRM.modules.accounts.ALL",
        "ZohoCRM.settings.fields.READ",
        "ZohoCRM.settings.modules.READ",
        "ZohoCRM.settings.layouts.READ",
        "ZohoCRM.org.READ",
        "ZohoCRM.users.READ",
        "ZohoCRM.coql.READ",
        "ZohoCRM.bulk.READ",
        "ZohoSearch.securesearch.READ",
    )
)


def new_token(random_hex: Callable[[int], str] = secrets.token_hex) -> str:
    return f"1000.{random_hex(16)}.{random_hex(16)}"


class TooManyTokensError(Exception):
    """The eleventh access token in ten minutes."""


@dataclass
class Grant:
    """A refresh token, and the access tokens made from it."""

    scope: str
    offline: bool = True  # else nobody was told the refresh token
    mints: list[float] = field(default_factory=list)
    access: dict[str, float] = field(default_factory=dict)  # token → its end, oldest first


@dataclass
class Code:
    scope: str
    redirect_uri: str  # "" for a self client's code
    expires: float
    offline: bool
    prompted: bool  # with prompt=consent a repeated consent brings a new refresh token
    excessive: bool  # the eleventh in ten minutes


class Tokens:
    def __init__(self, first_refresh_token: str, clock: Callable[[], float]) -> None:
        self.clock = clock
        self.mints = 0  # access tokens made by refreshing
        self.grants = {first_refresh_token: Grant(DEFAULT_SCOPE)}
        self.codes: dict[str, Code] = {}
        self._codes_made: list[float] = []
        self._consented = False  # on the consent page; the first grant is a self client's
        self._lock = threading.RLock()

    def make_code(
        self,
        scope: str,
        redirect_uri: str = "",
        *,
        offline: bool = True,
        prompted: bool = False,
        lifetime: float = CODE_LIFETIME,
    ) -> str:
        code = new_token()
        now = self.clock()
        with self._lock:
            self._codes_made = [made for made in self._codes_made if made > now - MINT_WINDOW]
            self._codes_made.append(now)
            excessive = len(self._codes_made) > CODES_PER_WINDOW
            self.codes[code] = Code(
                scope, redirect_uri, now + lifetime, offline, prompted, excessive
            )
        return code

    def redeem(self, code: str, redirect_uri: str) -> tuple[str, str, str] | str:
        """(access token, refresh token or "", scope), or the name of the error."""
        with self._lock:
            granted = self.codes.pop(code, None)  # single use, also when it fails
            if granted is None or granted.expires <= self.clock():
                return "invalid_code"
            if granted.excessive:
                return "access_denied"
            if granted.redirect_uri and granted.redirect_uri != redirect_uri:
                return "invalid_redirect_uri"
            offline = granted.offline
            if granted.redirect_uri and offline:
                offline = granted.prompted or not self._consented
                self._consented = True
            refresh_token = new_token()
            grant = Grant(granted.scope, offline)
            self.grants[refresh_token] = grant
            self._forget_the_oldest()
            return self._mint(grant), refresh_token if offline else "", granted.scope

    def _forget_the_oldest(self) -> None:
        """The 21st refresh token ends the first, and the access tokens made from it."""
        offline = [token for token, grant in self.grants.items() if grant.offline]
        for token in offline[:-REFRESH_TOKENS_ALIVE]:
            del self.grants[token]

    def refresh(self, refresh_token: str) -> tuple[str, str] | None:
        """(access token, scope), or None for a token that is unknown or revoked."""
        with self._lock:
            grant = self.grants.get(refresh_token)
            if grant is None:
                return None
            now = self.clock()
            grant.mints = [moment for moment in grant.mints if moment > now - MINT_WINDOW]
            if len(grant.mints) >= MINTS_PER_WINDOW:
                raise TooManyTokensError
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
