"""What came from Zoho: as mirrored columns where it can be read, as failures where it cannot."""

from collections.abc import Iterable
from dataclasses import dataclass

import structlog

from integrations.zoho.errors import BadRecord
from integrations.zoho.records import Record
from sync.mirror import Fields, Mirror
from sync.models.failures import Failure

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Reading:
    """What some records say: {id: mirrored columns}, and those that cannot be read."""

    remote: dict[str, Fields]
    failures: list[Failure]

    @classmethod
    def of(cls, mirror: Mirror, records: Iterable[Record]) -> "Reading":
        reading = cls({}, [])
        for record in records:
            payload = record.parsed()
            try:
                reading.remote[record.zoho_id] = mirror.read(payload)
            except BadRecord as error:
                zoho_id = error.zoho_id or record.zoho_id
                log.warning("A record cannot be read", zoho_id=zoho_id, reason=error.message)
                reading.failures.append(Failure(zoho_id, error.message, error.remedy, payload))
        return reading
