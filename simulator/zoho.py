"""The state of a simulated Zoho, and the handles by which tests make things happen to it."""

import json
import random
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from simulator.catalogue import FIRST_CREATED, FIRST_ID, catalogue
from simulator.crm.crm import Crm
from simulator.faults import Faults
from simulator.limits import Limits
from simulator.payloads import Item, complete, quantity, typed
from simulator.tokens import DEFAULT_SCOPE, SELF_CLIENT_CODE_LIFETIME, Tokens, new_token


@dataclass(frozen=True)
class Request:
    """One request as it was answered; no secret is kept. `code` is Zoho's, where there is one."""

    method: str
    path: str
    query: dict[str, str]
    has_auth: bool
    status: int
    code: int | str | None

    @property
    def page(self) -> int | None:
        return int(self.query["page"]) if self.query.get("page", "").isdecimal() else None


class Zoho:
    """One data centre with one user, two organisations, a catalogue, and CRM accounts in `crm`.

    The same `seed` gives the same client, refresh token, organisation, items and accounts, so a
    restarted simulator still accepts what was stored. Access tokens live in memory.
    """

    def __init__(
        self,
        items: int = 0,
        accounts: int = 0,
        seed: int = 1,
        *,
        location: str = "us",
        per_minute: int = 100,
        per_day: int = 0,
        at_once: int = 0,
        credits_a_day: int = 0,
        crm_at_once: int = 0,
        latency: float = 0.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        chance = random.Random(f"{seed} {location}")

        def hexadecimal(size: int) -> str:
            return chance.randbytes(size).hex()

        # A client is registered in the US here; elsewhere it has the same id and another secret.
        home = chance if location == "us" else random.Random(f"{seed} us")

        self.location = location
        self.clock = clock
        self.url = ""  # set by the server
        self.stopping = threading.Event()  # the server's: whoever waits shall wait no longer
        self.client_id = f"1000.{home.randbytes(15).hex().upper()}"
        self.client_secret = hexadecimal(21)
        self.refresh_token = new_token(hexadecimal)
        self.organization_id = str(60_000_000_000 + chance.randrange(10**9))
        self.other_organization_id = str(60_000_000_000 + chance.randrange(10**9))
        self.size, self.seed = items, seed
        self._accounts_size = accounts
        self._lock = threading.RLock()
        self._first_limits = (per_minute, per_day, at_once, clock)
        self._first_crm_limits = {"credits_a_day": credits_a_day, "at_once": crm_at_once}
        self._first_latency = latency
        self.reset()

    def reset(self) -> None:
        """Be as new: catalogue, tokens, limits, switches; nothing scripted, nothing logged."""
        with self._lock:
            self._reset()

    def _reset(self) -> None:
        self.tokens = Tokens(self.refresh_token, self.clock)
        self.limits = Limits(*self._first_limits)
        self.crm = Crm(self._accounts_size, self.seed, self.clock, **self._first_crm_limits)
        self.faults = Faults()
        self.latency = self._first_latency
        self.redirect_uris = {"http://localhost:8000/oauth/callback"}
        self.api_domain = ""  # what token answers name; "" for `url`

        # Switches for what is not known of Zoho, or differs from place to place.
        self.auto_consent: bool | None = None  # the consent page: None asks, else answers itself
        self.access_denied_status = 400  # "Access Denied" has been seen with 400 and with 200
        self.omit_expires_in = False
        self.modified_filter = "after"  # last_modified_time: "after", "at_or_after" or "ignored"
        self.unknown_ids_are_404 = False  # itemdetails with an unknown id: left out, or 404 for all
        self.max_ids = 100  # itemdetails; clients report working values from 25 to 100
        self.stock_touches_modified = False
        self.rate_headers = True  # where there is a limit a day

        self._requests: list[Request] = []
        self._before_page: dict[int, list[Callable[[], object]]] = {}
        self._items: dict[str, Item] = dict(catalogue(self.size, self.seed))
        self._last_created = max(
            (item.created for item in self._items.values()), default=FIRST_CREATED
        )
        self._next_id = FIRST_ID + self.seed * 10_000_000 + 5_000_000
        self._sorted: dict[tuple[Any, ...], list[Item]] = {}

    # --- the catalogue --------------------------------------------------------------------------

    @property
    def items(self) -> dict[str, dict[str, Any]]:
        """Every listed item by id, as a client reads its row: parsed JSON, numbers as Decimal."""
        return {
            item_id: json.loads(item.json(), parse_float=Decimal, parse_int=Decimal)
            for item_id, item in list(self._items.items())
            if not item.removed and not item.raw
        }

    def add_item(self, **fields: Any) -> str:
        """List one item more, created after all others. Without `stock_on_hand` it is untracked."""
        with self._lock:
            self._next_id += 1
            item_id = str(self._next_id)
            created = self._after_all()
            row = {**complete(fields), "item_id": item_id}
            self._items[item_id] = Item(row, created, created)
            self._sorted.clear()
            return item_id

    def put_raw_item(self, row: Any) -> None:
        """List exactly this, whatever it is, after all others."""
        with self._lock:
            created = self._after_all()
            self._items[f"raw {len(self._items)}"] = Item(row, created, created, raw=True)
            self._sorted.clear()

    def _after_all(self) -> int:
        self._last_created += 1
        return self._last_created

    def edit_item(self, item_id: str, **fields: Any) -> None:
        """Change an item as a person in Zoho would; it counts as modified now."""
        with self._lock:
            item = self._items[item_id]
            item.modified = max(int(self.clock()), item.modified + 1)
            item.change(typed(fields))
            self._sorted.clear()

    def move_stock(self, item_id: str, by: str | Decimal) -> None:
        """Sell or receive stock. Zoho then leaves `last_modified_time` as it is."""
        with self._lock:
            item = self._items[item_id]
            if self.stock_touches_modified:
                item.modified = max(int(self.clock()), item.modified + 1)
            item.change(typed({"stock_on_hand": item.row()["stock_on_hand"] + quantity(by)}))
            self._sorted.clear()

    def remove_item(self, item_id: str) -> None:
        with self._lock:
            self._items[item_id].removed = True
            self._sorted.clear()

    def restore_item(self, item_id: str) -> None:
        with self._lock:
            self._items[item_id].removed = False
            self._sorted.clear()

    def find(self, item_id: str) -> Item | None:
        item = self._items.get(item_id)
        return None if item is None or item.removed or item.raw else item

    def listed(self, key: tuple[Any, ...], make: Callable[[list[Item]], list[Item]]) -> list[Item]:
        """The listed items as `make` filters and sorts them, remembered until something changes."""
        with self._lock:
            if key not in self._sorted:
                if len(self._sorted) > 50:
                    self._sorted.clear()
                self._sorted[key] = make([i for i in self._items.values() if not i.removed])
            return self._sorted[key]

    def on_page(self, number: int, happening: Callable[[], object]) -> None:
        """Let this happen right before page `number` of the items is next answered."""
        self._before_page.setdefault(number, []).append(happening)

    def turn_page(self, number: int) -> None:
        for happening in self._before_page.pop(number, []):
            happening()

    # --- CRM's accounts; more of them in crm/crm.py ---------------------------------------------

    @property
    def accounts(self) -> dict[str, dict[str, Any]]:
        """Every account by id, as a client reads it alone."""
        return self.crm.accounts

    def add_account(self, **fields: Any) -> str:
        return self.crm.add_account(**fields)

    def edit_account(self, account_id: str, **fields: Any) -> None:
        self.crm.edit_account(account_id, **fields)

    def delete_account(self, account_id: str, permanent: bool = False) -> None:
        self.crm.delete_account(account_id, permanent)

    def restore_account(self, account_id: str) -> None:
        self.crm.restore_account(account_id)

    # --- the connection -------------------------------------------------------------------------

    @property
    def mints(self) -> int:
        """How many access tokens were made by refreshing."""
        return self.tokens.mints

    def expire_access_tokens(self) -> None:
        self.tokens.expire_access()

    def revoke_refresh_token(self) -> None:
        self.tokens.revoke_all()

    def make_self_client_code(
        self, scope: str = DEFAULT_SCOPE, lifetime: float = SELF_CLIENT_CODE_LIFETIME
    ) -> str:
        """A code as the API console makes it for a self client; it lives 3 to 10 minutes."""
        return self.tokens.make_code(scope, lifetime=lifetime)

    # --- the log --------------------------------------------------------------------------------

    @property
    def requests(self) -> list[Request]:
        with self._lock:
            return list(self._requests)

    def record(self, request: Request) -> None:
        with self._lock:
            self._requests.append(request)

    def clear_requests(self) -> None:
        with self._lock:
            self._requests.clear()

    def state(self) -> Mapping[str, Any]:
        return {
            "items": sum(1 for item in self._items.values() if not item.removed),
            **self.crm.state(),
            "mints": self.mints,
            "requests": len(self.requests),
            "refused_by_limits": self.limits.refused + self.crm.limits.refused,
        }
