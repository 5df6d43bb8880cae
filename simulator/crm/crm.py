"""The state of a simulated Zoho CRM, and the handles by which tests make things happen to it."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from simulator.crm.bulk_jobs import Job
from simulator.crm.catalogue import FIRST_ID, USER_IDS, catalogue
from simulator.crm.fields import BY_NAME, FIELDS, Field, set_fields
from simulator.crm.limits import Credits
from simulator.crm.paging import PageToken
from simulator.crm.records import Account, User, View

USERS = {
    USER_IDS[0]: User(USER_IDS[0], "Asha Rao", "asha@monsoon.example", "60000000001"),
    USER_IDS[1]: User(USER_IDS[1], "Jürgen Groß", "juergen@monsoon.example", "60000000002"),
}
VIEWS: dict[str, Callable[[Account], bool]] = {  # custom views, for `cvid`
    "4876876000000087501": lambda account: True,
    "4876876000000087502": lambda account: account.fields.get("Key_Account") is True,
}


LOOK_UPS = ("lookup", "ownerlookup", "userlookup")


@dataclass(frozen=True)
class Write:
    """A writing call as it arrived. `trigger` is None where it was left out: all rules fire."""

    method: str
    path: str
    data: list[Any]
    trigger: list[str] | None
    unmodified_since: str | None
    outcomes: list[str] = field(default_factory=list)  # a code a record


class Crm:
    def __init__(
        self,
        accounts: int,
        seed: int,
        clock: Callable[[], float],
        *,
        credits_a_day: int = 0,
        at_once: int = 0,
    ) -> None:
        self.clock = clock
        self.users = USERS
        self.limits = Credits(credits_a_day, at_once, clock)
        self.lock = threading.RLock()  # a write checks and changes under it
        self._accounts: dict[str, Account] = dict(catalogue(accounts, seed))
        self._next_id = FIRST_ID + seed * 10_000_000 + 5_000_000
        self._cache: dict[Any, Any] = {}
        self._before_page: dict[int, list[Callable[[], object]]] = {}
        self.zgid = str(60_000_000_000 + seed)
        set_fields()
        self.version = 0  # moves with every change of data
        self.page_tokens: dict[str, PageToken] = {}
        self.jobs: dict[str, Job] = {}
        self.bulk_tokens: dict[str, Job] = {}  # the job before
        self.writes: list[Write] = []
        self.pick_lists = {
            name: list(known.values) for name, known in BY_NAME.items() if known.values
        }

        # Switches for what is not known of Zoho, or differs from place to place.
        self.user = USER_IDS[0]  # whose token it is: page tokens and rights belong to them
        self.sees_only_own = False  # the user's rights: every account, or only their own
        self.time_zone = "Asia/Kolkata"  # the user's
        self.wrapped_errors = False  # refusals bare, or inside {"data": […]}
        self.short_pages = 0  # so many rows fewer on a page than asked for
        self.more_after_the_end = False  # the last page promises more, and 204 follows
        self.info_page_stays_1 = True  # with page tokens
        self.token_keys_absent = False  # of `info`, where there is no token; else null
        self.page_limit = 2000  # records that `page` reaches; search, too
        self.token_limit = 100_000  # records that page tokens reach
        self.max_ids = 100  # of `ids` on a list
        self.numeric_big_integers = False  # Account_Number as a number, as in older organisations
        self.extra_keys = True  # keys with $ on every record
        self.mixed_status = 207  # where some of a batch failed: 200, 202 or 207
        self.conflicts = "batch"  # a 412 stops the whole "batch", or only the "record"
        self.pick_list_policy = "added"  # an unknown value is "added", only "kept" or "refused"
        self.read_only_fields = "ignored"  # in a write: "ignored" or "refused"
        self.same_second_edits = False  # edit_account may leave Modified_Time where it is
        self.search_lag = 0.0  # seconds until search finds what was written
        self.count_lag = 0.0
        self.search_equals_is_contains = True
        self.coql_rows = 2000  # a query; Zoho's own pages say 2000 and 200
        self.coql_reach = 10_000  # by offset; 10,000 and 100,000 are told
        self.bulk_delay = 0.0  # seconds from a job's creation to its end
        self.bulk_fails = False
        self.bulk_rows = 200_000  # a page
        # Four programs that read live files expect "Id"; Zoho's page prints "id".
        self.bulk_id_heading = "Id"
        self.bulk_yes_no = ("true", "false")
        self.bulk_separator = ";"  # of a multi-select's values; documented nowhere
        self.spoil_bulk: Callable[[bytes], bytes] | None = None  # what becomes of the CSV
        self.org_type = "production"  # or "sandbox", "developer"
        self.omit_json_type = False  # in settings/fields, as seen on some fields

    # --- the accounts ---------------------------------------------------------------------------

    @property
    def view(self) -> View:
        zone = ZoneInfo(self.time_zone)
        return View(self._accounts, self.users, zone, self.numeric_big_integers)

    @property
    def accounts(self) -> dict[str, dict[str, Any]]:
        """Every account by id, as a client reads it alone."""
        view = self.view
        return {account.id: view.record(account) for account in self.alive()}

    def alive(self) -> list[Account]:
        """Oldest first, whoever may see them."""
        with self.lock:
            return [a for a in self._accounts.values() if a.deleted is None]

    def deleted(self) -> list[Account]:
        with self.lock:
            return [a for a in self._accounts.values() if a.deleted is not None]

    def find(self, account_id: str) -> Account | None:
        account = self._accounts.get(account_id)
        visible = account is not None and account.deleted is None and self.may_see(account)
        return account if visible else None

    def may_see(self, account: Account) -> bool:
        return not self.sees_only_own or account.fields.get("Owner") == self.user

    def remembered(self, key: Any, make: Callable[[], Any]) -> Any:
        """What `make` makes, kept until the data, or what the user may see, changes."""
        with self.lock:
            full = (self.version, self.sees_only_own and self.user, key)
            if full not in self._cache:
                if len(self._cache) > 50:
                    self._cache.clear()
                self._cache[full] = make()
            return self._cache[full]

    def by_id(self) -> list[Account]:
        """What the user may see, ids ascending."""
        return self.remembered(
            "by id",
            lambda: sorted(
                (a for a in self.alive() if self.may_see(a)), key=lambda account: int(account.id)
            ),
        )

    def add_account(self, **fields: Any) -> str:
        """A new account, created now. Values as Account keeps them: look-ups are ids."""
        return self.create(_known(fields)).id

    def create(self, fields: Mapping[str, Any]) -> Account:
        with self.lock:
            self._next_id += 1
            identity = str(self._next_id)
            now = int(self.clock())
            standing = {"Owner": self.user, "Currency": "INR", "Exchange_Rate": 1}
            account = Account(
                identity, standing | _full(fields), now, now, self.user, self.user, self.clock()
            )
            self._accounts[identity] = account
            self._changed()
            return account

    def edit_account(self, account_id: str, **fields: Any) -> None:
        """Change an account as a person in Zoho would: it counts as modified now, and later than
        it did; with `same_second_edits` perhaps within the same second."""
        with self.lock:
            account = self._accounts[account_id]
            step = 0 if self.same_second_edits else 1
            self.change(account, _known(fields), max(int(self.clock()), account.modified + step))

    def change(self, account: Account, fields: Mapping[str, Any], moment: int) -> None:
        with self.lock:
            account.fields = _full({**account.fields, **fields})
            account.modified = moment
            account.modified_by = self.user
            account.written = self.clock()
            self._changed()

    def add_field(self, api_name: str, data_type: str = "text", **more: Any) -> None:
        """As an administrator adds one; `more` is what else Field takes."""
        with self.lock:
            set_fields([*FIELDS, Field(api_name, api_name, data_type, custom=True, **more)])
            self.pick_lists[api_name] = list(BY_NAME[api_name].values)
            self._changed()

    def remove_field(self, api_name: str) -> None:
        with self.lock:
            set_fields([field for field in FIELDS if field.api_name != api_name])
            self._changed()

    def delete_account(self, account_id: str, permanent: bool = False) -> None:
        """To the recycle bin, or past it."""
        with self.lock:
            account = self._accounts[account_id]
            account.deleted = int(self.clock())
            account.deleted_by = self.user
            account.permanent = permanent
            self._changed()

    def restore_account(self, account_id: str) -> None:
        """Out of the recycle bin; its Modified_Time stays."""
        with self.lock:
            account = self._accounts[account_id]
            if account.permanent:
                raise ValueError("deleted for ever")
            account.deleted = None
            account.written = self.clock()
            self._changed()

    def merge_accounts(self, winner: str, loser: str) -> None:
        """The loser is gone, and no list of deleted records tells of it."""
        with self.lock:
            self.delete_account(loser, permanent=True)
            self._accounts[loser].merged = True
            self.edit_account(winner)

    def _changed(self) -> None:
        self.version += 1
        self._cache.clear()

    # --- pages ----------------------------------------------------------------------------------

    def on_page(self, number: int, happening: Callable[[], object]) -> None:
        """Let this happen right before page `number` of the accounts is next answered, whether it
        is asked for by number or by token."""
        self._before_page.setdefault(number, []).append(happening)

    def turn_page(self, number: int) -> None:
        for happening in self._before_page.pop(number, []):
            happening()

    def state(self) -> dict[str, Any]:
        return {"accounts": len(self.alive()), "credits": self.limits.spent()}


def _known(fields: Mapping[str, Any]) -> dict[str, Any]:
    # A typo in a test must not pass for a field that Zoho ignores.
    if unknown := fields.keys() - BY_NAME.keys():
        raise ValueError(f"no such field: {', '.join(sorted(unknown))}")
    return {name: _plain(name, value) for name, value in fields.items()}


def _plain(name: str, value: Any) -> Any:
    if isinstance(value, float):
        return Decimal(str(value))
    if isinstance(value, Mapping) and BY_NAME[name].data_type in LOOK_UPS:
        return str(value["id"])
    return value


def _full(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Without what is empty."""
    return {name: value for name, value in fields.items() if value is not None and value != []}
