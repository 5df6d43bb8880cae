"""What every mirror shares: its runs, what they changed, and the records they could not read.

    SyncRun 1 ─ n SyncPage      which Zoho ids each page holds; gone when the run ends
    SyncRun 1 ─ n RunEvent      its log, in words
    SyncRun 1 ─ n Change        what happened to which record, or would, in a dry run
    FailedRecord                one row for each record that cannot be mirrored at present

A run's row is the truth about it. Redis only carries the message that wakes a worker: a message
that is lost, or comes twice, changes nothing here.
"""

from sync.models.changes import Change
from sync.models.events import RunEvent
from sync.models.failures import FailedRecord
from sync.models.runs import LeaseLostError, SyncPage, SyncRun

__all__ = ["Change", "FailedRecord", "LeaseLostError", "RunEvent", "SyncPage", "SyncRun"]
