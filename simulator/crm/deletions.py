"""GET Accounts/deleted.

Source: https://www.zoho.com/crm/developer/docs/api/v8/get-deleted-records.html
"""

from typing import TYPE_CHECKING, Any

from werkzeug.wrappers import Request, Response

from simulator.crm import paging
from simulator.crm.answers import answer, bad, empty, moment_header
from simulator.crm.crm import Crm
from simulator.crm.records import Account

if TYPE_CHECKING:
    from simulator.zoho import Zoho

DAY = 24 * 60 * 60
IN_BIN = 60 * DAY  # then it is deleted for ever
KNOWN = 120 * DAY  # then nobody remembers it
TYPES = ("all", "recycle", "permanent")


def deleted(zoho: "Zoho", request: Request) -> Response:
    """The latest deletion first."""
    crm, asked = zoho.crm, request.args
    kind = asked.get("type", "all")
    if kind not in TYPES:
        raise bad("INVALID_DATA", "invalid data", param_name="type", supported_values=list(TYPES))
    since = moment_header(request, "If-Modified-Since")
    size, page = paging.per_page(asked), paging.whole(asked, "page", 1)
    rows = [
        account
        for account in crm.deleted()
        if (state := _state(crm, account))
        and kind in ("all", state)
        and (since is None or _moment(account) > since)
    ]
    if since is not None and not rows:
        return empty(304)
    rows.sort(key=lambda account: (_moment(account), int(account.id)), reverse=True)
    part = rows[(page - 1) * size : page * size]
    if not part:
        return empty(204)
    info = {
        "per_page": size,
        "count": len(part),
        "page": page,
        "more_records": len(rows) > page * size,
    }
    return answer({"data": [_row(crm, account) for account in part], "info": info})


def _moment(account: Account) -> int:
    return account.deleted or 0


def _state(crm: Crm, account: Account) -> str:
    """ "" for what is in neither list."""
    age = crm.clock() - _moment(account)
    if account.merged or age >= KNOWN:
        return ""
    return "permanent" if account.permanent or age >= IN_BIN else "recycle"


def _row(crm: Crm, account: Account) -> dict[str, Any]:
    """Of what is gone for ever, Zoho tells no name and no user."""
    here = _state(crm, account) == "recycle"
    return {
        "deleted_by": crm.users[account.deleted_by].minified() if here else None,
        "id": account.id,
        "display_name": account.name if here else None,
        "type": "recycle" if here else "permanent",
        "created_by": crm.users[account.created_by].minified() if here else None,
        "deleted_time": crm.view.moment(_moment(account)),
    }
