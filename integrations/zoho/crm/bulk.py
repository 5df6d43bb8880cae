"""Many records written, and of each what became of it. Nothing is ever sent twice."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from integrations.zoho.crm.answers import outcome
from integrations.zoho.crm.interface import (
    WRITES_PER_CALL,
    BulkOutcome,
    Outcome,
    checked_id,
    written,
)
from integrations.zoho.errors import ZohoAPIError, ZohoError, ZohoUnknownOutcome
from integrations.zoho.exchange import Answer

Row = dict[str, Any]


class Batch:
    """The records of one bulk update, those set aside that cannot be sent at all.

    `unknown` says which of some field names Zoho does not know.
    """

    def __init__(
        self,
        records: Sequence[Mapping[str, Any]],
        unknown: Callable[[Sequence[str]], list[str]],
    ) -> None:
        self.total = len(records)
        self.told: dict[int, Outcome] = {}
        self.rows: dict[int, Row] = {}
        for position, record in enumerate(records):
            try:
                row_id = checked_id(record.get("id", ""))
                self.rows[position] = {"id": row_id, **written(record)}
            except ZohoAPIError as error:
                self.told[position] = _told(str(record.get("id", "")), "error", error)
        names = sorted({name for row in self.rows.values() for name in row} - {"id"})
        strange = set(unknown(names)) if names else set()
        for position, row in list(self.rows.items()):
            if missing := sorted(strange & row.keys()):
                refusal = ZohoAPIError(
                    f"Zoho's accounts have no field {', '.join(missing)}.",
                    code="INVALID_FIELD",
                    details={"api_name": missing[0]},
                )
                self.told[position] = _told(row["id"], "error", refusal)
                del self.rows[position]

    def send_with(self, send: Callable[[list[Row]], Answer]) -> BulkOutcome:
        """Send all, 100 a call, and tell of each what became of it.

        After a limit or an outage the rest is not sent, and told so; when nothing was sent at all,
        the error is raised.
        """
        positions = list(self.rows)
        sent = 0
        for start in range(0, len(positions), WRITES_PER_CALL):
            chunk = positions[start : start + WRITES_PER_CALL]
            try:
                self._judge(chunk, send([self.rows[position] for position in chunk]))
            except ZohoUnknownOutcome as error:
                self._tell(chunk, "unknown", error)
            except ZohoAPIError as error:
                self._tell(chunk, "error", error)
            except ZohoError as error:
                if not sent:
                    raise
                self._tell(positions[start:], "not_sent", error)
                break
            sent += len(chunk)
        return summed_up([self.told[position] for position in range(self.total)])

    def _judge(self, chunk: list[int], answer: Answer) -> None:
        """Match by position: failed entries need not carry an id."""
        entries = answer.body.get("data")
        if not isinstance(entries, list) or not entries:
            raise ZohoUnknownOutcome("Zoho's answer does not say what became of the records.")
        if len(entries) == 1 and len(chunk) > 1 and answer.status >= 400:
            # One refusal for the whole request, wrapped as if it were a record's.
            entries = entries * len(chunk)
        if len(entries) != len(chunk):
            raise ZohoUnknownOutcome("Zoho's answer does not tell of as many records as were sent.")
        for position, entry in zip(chunk, entries, strict=True):
            self.told[position] = outcome(self.rows[position]["id"], entry)

    def _tell(
        self,
        positions: list[int],
        status: Literal["error", "unknown", "not_sent"],
        error: ZohoError,
    ) -> None:
        for position in positions:
            self.told[position] = _told(self.rows[position]["id"], status, error)


def summed_up(data: list[Outcome]) -> BulkOutcome:
    total = len(data)
    succeeded = sum(told["status"] == "success" for told in data)
    unknown = sum(told["status"] == "unknown" for told in data)
    failed = total - succeeded - unknown
    status = 200 if succeeded == total else 400 if failed == total else 207
    message = f"{succeeded:,} of {total:,} accounts were written."
    if unknown:
        message += f" Of {unknown:,} it is not known: look at them before sending them again."
    return BulkOutcome(
        total=total,
        succeeded=succeeded,
        failed=failed,
        unknown=unknown,
        status_code=status,
        message=message,
        data=data,
    )


def not_sent(record_id: str, error: ZohoError) -> Outcome:
    return _told(record_id, "not_sent", error)


def _told(
    record_id: str, status: Literal["error", "unknown", "not_sent"], error: ZohoError
) -> Outcome:
    code = str(error.code or {"error": "INVALID_DATA"}.get(status, status.upper()))
    details = dict(error.details)
    return Outcome(id=record_id, status=status, code=code, message=error.message, details=details)
