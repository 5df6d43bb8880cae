"""Making change requests: of one account's page, of many accounts at once, of a file's lines."""

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from django.db import transaction

from crm_accounts.models import Account, ChangeRequest, RequestedChange
from crm_accounts.write_back.kinds import Kind, Plain

# A file, or a selection: 50 calls of a hundred accounts.
MOST_ACCOUNTS = 5_000
RETIRED = (
    "Zoho no longer has this account. It cannot be changed; sync it once more if it came back."
)

Fields = dict[str, dict[str, Any]]


class Wanted(NamedTuple):
    """What is wanted of one account; with a `problem`, it cannot be sent."""

    number: int
    account: Account | None
    zoho_account_id: str
    fields: Fields
    known_at: dt.datetime | None = None
    problem: str = ""


def make(
    origin: ChangeRequest.Origin,
    user: Any,
    wanted: Iterable[Wanted],
    reason: str = "",
    *,
    runs_workflows: bool = True,
) -> ChangeRequest:
    """A draft, saved; nothing of it is asked for yet."""
    state = RequestedChange.State
    with transaction.atomic():
        request = ChangeRequest.objects.create(
            origin=origin, asked_by=user, reason=reason[:500], runs_workflows=runs_workflows
        )
        RequestedChange.objects.bulk_create(
            [
                RequestedChange(
                    request=request,
                    number=one.number,
                    account=one.account,
                    zoho_account_id=one.zoho_account_id[:30],
                    fields=one.fields,
                    known_at=one.known_at,
                    state=state.INVALID if one.problem else state.READY,
                    problem=one.problem,
                )
                for one in wanted
            ],
            batch_size=1_000,
        )
    return request


def differences(before: Mapping[str, Plain], after: Mapping[str, Plain]) -> Fields:
    """The fields of `after` that are another value than `before`."""
    return {
        name: {"before": before.get(name), "after": value}
        for name, value in after.items()
        if value != before.get(name)
    }


def of_many(
    accounts: Iterable[Account], kinds: Mapping[str, Kind], after: Mapping[str, Plain]
) -> list[Wanted]:
    """The same values for all these accounts; those that have them already are left out."""
    wanted: list[Wanted] = []
    for account in accounts:
        before = {name: kinds[name].known(account) for name in after}
        fields = differences(before, after)
        if fields:
            problem = RETIRED if account.retired_at else ""
            number = len(wanted) + 1
            wanted.append(
                Wanted(
                    number,
                    account,
                    account.zoho_account_id,
                    fields,
                    account.zoho_modified_at,
                    problem,
                )
            )
    return wanted
