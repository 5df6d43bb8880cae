"""What the engine must be told of one mirror; everything else is the same for all of them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from django.db import models

from integrations.zoho.inventory import Page

Fields = tuple[Any, ...]


class Source(Protocol):
    """Where a mirror's records come from."""

    def pages(self, start_page: int) -> Iterator[Page]:
        """Every record, from that page on, in an order that does not move."""

    def by_id(self, zoho_ids: Sequence[str]) -> list[dict[str, Any]]:
        """Those of the records asked for that still exist."""

    def take_calls(self) -> int:
        """API calls made since this was last asked."""


@dataclass(frozen=True)
class Mirror:
    """A table that mirrors one kind of Zoho record.

    `model` has a unique column `key` holding Zoho's id, called `record_key` in Zoho's records,
    and the columns `retired_at` and `synced_at`. `fields` names the mirrored columns in the order
    of the tuple that `read` makes of a record.
    """

    model: type[models.Model]
    key: str
    record_key: str
    fields: tuple[str, ...]
    # One record → its mirrored columns. Raises BadRecord.
    read: Callable[[Mapping[str, Any]], Fields]
    # (read, stored) → what is known when the record came without some of its columns.
    complete: Callable[[Any, Any], Fields]
    # Columns that are filled when a record is first seen and belong to staff from then on.
    first_seen: Callable[[Any], dict[str, Any]]

    @property
    def kind(self) -> str:
        """How its runs are told from other mirrors' runs."""
        return self.model._meta.label_lower
