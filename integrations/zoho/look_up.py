"""Which of some records Zoho still has, by their ids: absence is proved, never assumed.

An answer for many ids may be cut off, or empty for a reason of its own, and says so nowhere. So
two records that are known to live are asked for with each batch, as its first and its last: where
an answer brings those two and none of the ids that are missing, it was not cut before them. What
cannot be proved in this way is asked for alone.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from integrations.zoho.errors import ZohoAPIError
from integrations.zoho.records import Record


class LookedUp(NamedTuple):
    """The records that Zoho has of those asked for, and the ids that it certainly has not."""

    records: list[Record]
    gone: list[str]


def look_up(
    ids: Sequence[str],
    living: Sequence[str],
    *,
    batch: Callable[[Sequence[str]], list[Record]],
    one: Callable[[str], Record | None],
    at_once: int,
) -> LookedUp:
    """Ask for `ids`, up to `at_once` in one call, with two of the `living` among them.

    `batch` gives those it finds, in any order; `one` a record, or None for one that is proved to
    be gone. A batch that is refused (ZohoAPIError) is halved. Raises what they raise otherwise.
    """
    looked = LookedUp([], [])
    asked = list(dict.fromkeys(ids))
    spare = [zoho_id for zoho_id in dict.fromkeys(living) if zoho_id not in set(asked)][:2]
    if len(asked) == 1:
        spare = []  # one is looked up alone in any case
    room = max(1, at_once - len(spare))
    parts = [asked[start : start + room] for start in range(0, len(asked), room)]
    while parts:
        missing = parts.pop(0)
        while missing:
            try:
                answer = batch([*spare[:1], *missing, *spare[1:]])
            except ZohoAPIError:
                if len(missing) > 1:
                    half = len(missing) // 2
                    parts[:0] = [missing[:half], missing[half:]]
                    missing = []
                break
            by_id = {record.zoho_id: record for record in answer}
            found = [zoho_id for zoho_id in missing if zoho_id in by_id]
            looked.records.extend(by_id[zoho_id] for zoho_id in found)
            missing = [zoho_id for zoho_id in missing if zoho_id not in by_id]
            if missing and not found:
                if len(spare) == 2 and by_id.keys() >= set(spare):
                    looked.gone.extend(missing)
                    missing = []
                break
            if len(missing) <= 1:
                break  # alone it costs the same, and proves more
        for zoho_id in missing:
            record = one(zoho_id)
            if record is None:
                looked.gone.append(zoho_id)
            else:
                looked.records.append(record)
    return looked
