"""What came from Zoho: as mirrored columns where it can be read, as failures where it cannot."""

from collections.abc import Iterable
from dataclasses import dataclass

import structlog
from celery.exceptions import SoftTimeLimitExceeded

from integrations.zoho.errors import BadRecord
from integrations.zoho.records import Record
from sync.mirror import Fields, Mirror
from sync.models.failures import Failure

log = structlog.get_logger(__name__)

IN_THE_LOG = "Show it to the person who runs this installation: the log says more."


@dataclass(frozen=True)
class Reading:
    """What some records say: {id: mirrored columns}, and those that cannot be read."""

    remote: dict[str, Fields]
    failures: list[Failure]

    @classmethod
    def of(cls, mirror: Mirror, records: Iterable[Record]) -> "Reading":
        """Whatever reading one record raises is that record's failure, and stops no other."""
        reading = cls({}, [])
        for record in records:
            try:
                reading.remote[record.zoho_id] = mirror.read(record.parsed())
            except BadRecord as error:
                failure = Failure.of(record, error)
                log.warning(
                    "A record cannot be read", zoho_id=failure.zoho_id, reason=error.message
                )
                reading.failures.append(failure)
            except (SoftTimeLimitExceeded, MemoryError):
                raise  # not the record's doing
            except Exception as error:  # noqa: BLE001 - any other is one record's, too
                # Without the message and the traceback's values: they may be personal.
                log.error(
                    "An error in the program kept a record from being read",
                    zoho_id=record.zoho_id,
                    error=type(error).__name__,
                    at=_where(error),
                )
                unforeseen = BadRecord(
                    "An error in the program kept this record from being read "
                    f"({type(error).__name__}).",
                    remedy=IN_THE_LOG,
                )
                reading.failures.append(Failure.of(record, unforeseen))
        return reading


def _where(error: BaseException) -> str:
    """File and line at which it was raised."""
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else ""
