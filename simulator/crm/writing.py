"""PUT, POST, upsert and DELETE of Accounts: one outcome a record, in the order of the request.

Sources: https://www.zoho.com/crm/developer/docs/api/v8/update-records.html,
…/insert-records.html, …/upsert-records.html, …/delete-records.html
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from werkzeug.wrappers import Request, Response

from simulator.crm.answers import (
    RefusedError,
    answer,
    bad,
    moment_header,
    parsed_body,
)
from simulator.crm.crm import Crm, Write
from simulator.crm.fields import FIELDS
from simulator.crm.listing import checked_id
from simulator.crm.records import Account
from simulator.crm.values import (
    RecordRefusedError,
    duplicate,
    mandatory_id,
    read_record,
    unknown_id,
)

if TYPE_CHECKING:
    from simulator.zoho import Zoho

MAX_RECORDS = 100
TRIGGERS = {"approval", "workflow", "blueprint", "pathfinder", "orchestration"}
UNIQUE = [field for field in FIELDS if field.unique]
PASSED = "Record updated time has already passed if-unmodified-since time"

Outcome = dict[str, Any]


def update_many(zoho: "Zoho", request: Request) -> Response:
    crm, (rows, write) = zoho.crm, _received(zoho, request)
    until = moment_header(request, "If-Unmodified-Since")
    if until is not None and crm.conflicts == "batch":
        for row in rows:
            found = crm.find(str(row.get("id"))) if isinstance(row, dict) else None
            _refuse_conflict(crm, found, until)

    def update(row: Any, index: int) -> Outcome:
        found = crm.find(mandatory_id(row, index))
        if found is None:
            raise unknown_id(index)
        return _update(crm, found, row, index, until)

    return _carry_out(crm, rows, write, update)


def update_one(zoho: "Zoho", request: Request, account_id: str) -> Response:
    crm, (rows, write) = zoho.crm, _received(zoho, request)
    if len(rows) != 1:
        raise _invalid_body("data", maximum_length=1)
    checked_id(account_id)
    until = moment_header(request, "If-Unmodified-Since")
    found = crm.find(account_id)
    _refuse_conflict(crm, found, until)

    def update(row: Any, index: int) -> Outcome:
        if found is None:
            raise unknown_id(index)
        return _update(crm, found, row, index, until)

    return _carry_out(crm, rows, write, update)


def create(zoho: "Zoho", request: Request) -> Response:
    crm, (rows, write) = zoho.crm, _received(zoho, request)
    return _carry_out(crm, rows, write, lambda row, index: _create(crm, row, index), good=201)


def upsert(zoho: "Zoho", request: Request) -> Response:
    """Zoho matches Accounts by their name, and then by fields that are set to be unique."""
    crm, (rows, write) = zoho.crm, _received(zoho, request)
    until = moment_header(request, "If-Unmodified-Since")

    def put(row: Any, index: int) -> Outcome:
        values = read_record(crm, row, index, new=True)
        for field in ["Account_Name", *(field.api_name for field in UNIQUE)]:
            same = [a for a in crm.by_id() if values.get(field) and _same(a, field, values[field])]
            if same:
                if len(rows) == 1:
                    _refuse_conflict(crm, same[0], until)
                done = _update(crm, same[0], row, index, until)
                return {**done, "action": "update", "duplicate_field": field}
        return {**_create(crm, row, index), "action": "insert", "duplicate_field": None}

    return _carry_out(crm, rows, write, put)


def delete(zoho: "Zoho", request: Request, account_id: str | None = None) -> Response:
    crm = zoho.crm
    ids = [account_id] if account_id else request.args.get("ids", "").split(",")
    if ids == [""]:
        raise bad(
            "REQUIRED_PARAM_MISSING", "One of the expected parameter is missing", param_name="ids"
        )
    if len(ids) > MAX_RECORDS:
        raise bad("LIMIT_EXCEEDED", "ids limit exceeded", limit=MAX_RECORDS, param_name="ids")
    trigger = [] if request.args.get("wf_trigger") == "false" else None
    write = Write("DELETE", request.path, [{"id": each} for each in ids], trigger, None)

    def remove(row: Any, index: int) -> Outcome:
        found = crm.find(row["id"].strip())
        if found is None:
            words = "the id given seems to be invalid"
            raise RecordRefusedError("INVALID_DATA", words, id=row["id"])
        crm.delete_account(found.id)
        return _success("record deleted", {"id": found.id})

    return _carry_out(crm, write.data, write, remove)


def _received(zoho: "Zoho", request: Request) -> tuple[list[Any], Write]:
    body = parsed_body(request)
    rows, trigger = body.get("data"), body.get("trigger")
    if rows is None:
        raise bad(
            "MANDATORY_NOT_FOUND",
            "required field not found",
            api_name="data",
            json_path="$.data",
        )
    if not isinstance(rows, list) or not rows:
        raise _invalid_body("data", expected_data_type="jsonarray")
    if len(rows) > MAX_RECORDS:
        raise _invalid_body("data", maximum_length=MAX_RECORDS)
    if trigger is not None and not (isinstance(trigger, list) and set(trigger) <= TRIGGERS):
        raise _invalid_body("trigger", supported_values=sorted(TRIGGERS))
    until = request.headers.get("If-Unmodified-Since")
    return rows, Write(request.method, request.path, rows, trigger, until)


def _invalid_body(name: str, **details: Any) -> RefusedError:
    return bad("INVALID_DATA", "invalid data", api_name=name, json_path=f"$.{name}", **details)


def _carry_out(
    crm: Crm, rows: list[Any], write: Write, act: Callable[[Any, int], Outcome], good: int = 200
) -> Response:
    outcomes: list[Outcome] = []
    for index, row in enumerate(rows):
        try:
            outcomes.append(act(row, index))
        except RecordRefusedError as wrong:
            outcomes.append(wrong.entry)
    write.outcomes.extend(outcome["code"] for outcome in outcomes)
    crm.writes.append(write)
    failed = sum(outcome["status"] == "error" for outcome in outcomes)
    status = 400 if failed == len(rows) else crm.mixed_status if failed else good
    return answer({"data": outcomes}, status)


def _create(crm: Crm, row: Any, index: int) -> Outcome:
    values = read_record(crm, row, index, new=True)
    _refuse_duplicates(crm, values, index, "")
    made = crm.create(values)
    return _success("record added", _receipt(crm, made))


def _update(crm: Crm, account: Account, row: Any, index: int, until: int | None) -> Outcome:
    values = read_record(crm, row, index, new=False)
    if until is not None and account.modified > until:
        raise RecordRefusedError("ALREADY_MODIFIED", PASSED, **_receipt(crm, account, state=False))
    if account.fields.get("Locked__s"):
        words = "The record is locked"
        raise RecordRefusedError(
            "RECORD_LOCKED", words, id=account.id, json_path=f"$.data[{index}]"
        )
    _refuse_duplicates(crm, values, index, account.id)
    for name, append in (row.get("$append_values") or {}).items():
        if append is True and isinstance(values.get(name), list):
            before = account.fields.get(name) or []
            values[name] = [*before, *(each for each in values[name] if each not in before)]
    crm.change(account, values, max(int(crm.clock()), account.modified))
    return _success("record updated", _receipt(crm, account))


def _refuse_duplicates(crm: Crm, values: dict[str, Any], index: int, own_id: str) -> None:
    for field in UNIQUE:
        value = values.get(field.api_name)
        if not value:
            continue
        for other in crm.alive():
            if other.id != own_id and _same(other, field.api_name, value):
                raise duplicate(field, index, other.id)


def _same(account: Account, field: str, value: str) -> bool:
    return str(account.fields.get(field) or "").lower() == value.lower()


def _refuse_conflict(crm: Crm, account: Account | None, until: int | None) -> None:
    if account is not None and until is not None and account.modified > until:
        details = _receipt(crm, account, state=False)
        raise RefusedError(412, "ALREADY_MODIFIED", PASSED, listed=True, **details)


def _success(message: str, details: dict[str, Any]) -> Outcome:
    return {"code": "SUCCESS", "details": details, "message": message, "status": "success"}


def _receipt(crm: Crm, account: Account, *, state: bool = True) -> dict[str, Any]:
    view = crm.view
    receipt = {
        "Modified_Time": view.moment(account.modified),
        "Modified_By": crm.users[account.modified_by].minified(),
        "Created_Time": view.moment(account.created),
        "id": account.id,
        "Created_By": crm.users[account.created_by].minified(),
    }
    return {**receipt, "$approval_state": "approved"} if state else receipt
