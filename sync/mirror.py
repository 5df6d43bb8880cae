"""What the engine must be told of one mirror; everything else is the same for all of them."""

import datetime as dt
import hashlib
import inspect
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

from django.db import models

from integrations.zoho.look_up import LookedUp
from integrations.zoho.records import Page
from sync import values
from sync.visibility import mirrored_models as mirrored_models

Fields = tuple[Any, ...]


class Source(Protocol):
    """Where a mirror's records come from."""

    def pages(self, start_page: int, expected: int, before: Collection[str]) -> Iterator[Page]:
        """Every record, from that page on, in an order that does not move. About `expected`
        records are to come in all; 0 when nobody knows. `before` are the ids of the page before."""

    def changed(self, since: dt.datetime, start_page: int) -> Iterator[Page]:
        """The records modified at or after `since`, from that page on, newest first."""

    def gone(self, since: dt.datetime) -> Iterator[list[str]]:
        """The ids that Zoho tells were deleted at or after `since`, in portions; none where it does
        not tell."""

    def by_id(self, zoho_ids: Sequence[str], living: Sequence[str] = ()) -> LookedUp:
        """Those of the records asked for that still exist, and those that certainly do not.
        `living` are ids of records that are known to exist, by which that can be proved."""

    def clock(self) -> float | None:
        """Seconds by which Zoho's clock is ahead of ours; None before the first answer."""

    def take_calls(self) -> int:
        """API calls made since this was last asked."""

    def close(self) -> None:
        """No more will be asked."""


@dataclass(frozen=True)
class Mirror:
    """A table that mirrors one kind of Zoho record.

    `model` names its unique column for Zoho's id in ZOHO_ID_FIELD, and has `retired_at`,
    `synced_at` and `fingerprint` (see sync/fingerprint.py); its SYNC_TASK is the name of the
    Celery task that syncs it, by which the schedule knows its entries; its ZOHO_PRODUCT is
    whose calls that costs, and FULL_RUNS_SEE what a run of changes is blind for. `fields` names
    the mirrored columns in the order of the tuple that `read` makes of a record; two of them
    tell how a record is called (`label`) and when Zoho last modified it (`modified`, indexed).
    """

    model: type[models.Model]
    label: str
    modified: str
    fields: tuple[str, ...]
    # One record → its mirrored columns. Raises BadRecord.
    read: Callable[[Mapping[str, Any]], Fields]
    # (read, stored or None) → what is known then: a record may have come without some columns.
    complete: Callable[[Any, Any], Fields]
    # Columns that are filled when a record is first seen and belong to staff from then on.
    first_seen: Callable[[Any], dict[str, Any]]

    @property
    def key(self) -> str:
        """The column that holds Zoho's id."""
        return str(self.model.ZOHO_ID_FIELD)  # type: ignore[attr-defined]

    @property
    def kind(self) -> str:
        """How its runs are told from other mirrors' runs."""
        return self.model._meta.label_lower

    def is_older(self, fields: Fields, than: Fields) -> bool:
        """Whether Zoho modified the one before the other."""
        at = self.fields.index(self.modified)
        return bool(fields[at] and than[at] and fields[at] < than[at])

    @cached_property
    def version(self) -> bytes:
        """Changes with the code that reads records, so that a new release reads them anew."""
        module = inspect.getmodule(self.read)
        assert module is not None
        code = inspect.getsource(module) + inspect.getsource(values)
        return hashlib.blake2b(code.encode(), digest_size=16).digest()
