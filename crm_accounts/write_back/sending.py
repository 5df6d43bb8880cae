"""The worker's part: compare with Zoho, write, tell of each account what became of it, read back.

Nothing is sent twice. A change is marked as being sent before Zoho hears of it; whoever finds it
so after an interruption looks at the account in Zoho instead of sending. Each call carries the
newest Modified_Time that was read, so that Zoho itself refuses what somebody changed in between.
What somebody changed before is no conflict as long as it is in other fields than ours.
"""

import datetime as dt
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from typing import Any, NamedTuple

import structlog
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from crm_accounts.mapping import AccountFields
from crm_accounts.metadata import fields_to_read
from crm_accounts.mirror import ACCOUNTS
from crm_accounts.models import ChangeRequest, RequestedChange
from crm_accounts.models.change_request import MAYBE
from crm_accounts.source import IDS_A_QUERY, CrmAccounts
from crm_accounts.write_back.kinds import Kind, Plain, editable
from integrations.models import AuditEvent
from integrations.zoho.crm.interface import WRITES_PER_CALL, Outcome
from integrations.zoho.crm.tiers import CLOCKS_DIFFER, TieredCrm
from integrations.zoho.errors import BadRecord, ZohoDatabaseError, ZohoError, ZohoNotReadyError
from integrations.zoho.records import Record
from sync.models import FailedRecord, SyncRun
from sync.models.runs import portions
from sync.plan import Plan
from sync.saving import save

log = structlog.get_logger(__name__)

Of = RequestedChange.State
# No call takes longer: its time-outs are half of that.
IN_FLIGHT = dt.timedelta(minutes=2)
# How often an account may move between our reading and our writing before we let it be.
MOST_ROUNDS = 3
GONE = "Zoho no longer has this account. Nothing was written."
MOVED = (
    "Somebody keeps changing this account in Zoho just now. Nothing was written; send it again "
    "later."
)
CUT_OFF = "Sending was cut off; the account was looked at in Zoho afterwards."
ELSE = "Zoho accepted it and holds another value now: {}. A rule there may have changed it."


def send_changes(run: SyncRun) -> None:
    """The work of a run that writes. Raises as the client does."""
    request = ChangeRequest.objects.get(run=run)
    run.has_open_failures = FailedRecord.any_open(run.kind)
    with closing(TieredCrm.from_database(run.purpose(), run.tell_repeat)) as client:
        source = CrmAccounts(
            client,
            fields_to_read(client, run.tell),
            cursor={},
            remember=lambda cursor: None,
            tell=run.tell,
            sleep=time.sleep,
        )
        try:
            Sending(run, request, client, source).carry_out()
        finally:
            run.calls += source.take_calls()
            request.settle()


class Theirs(NamedTuple):
    """An account as Zoho has it now; `fields` None where it cannot be read."""

    record: Record
    fields: AccountFields | None
    problem: str = ""


class Sending:
    """One request, on its way to Zoho."""

    def __init__(
        self, run: SyncRun, request: ChangeRequest, client: TieredCrm, source: CrmAccounts
    ) -> None:
        self.run = run
        self.request = request
        self.client = client
        self.source = source
        self.kinds = editable()
        self.rounds: Counter[int] = Counter()

    def carry_out(self) -> None:
        self.look_at_those_cut_off()
        ready = self.request.changes.filter(state=Of.READY).order_by("number")
        while portion := list(ready[:WRITES_PER_CALL]):
            self.send(portion)
            self.read_back()
        self.read_back()
        self.sum_up()

    def look_at_those_cut_off(self) -> None:
        """An earlier stint sent these, or was about to: what does Zoho say?

        Asked for too early, Zoho may not have heard of them yet, and hear of them later.
        """
        latest = self.request.changes.filter(state=Of.SENDING).aggregate(at=Max("sent_at"))["at"]
        if latest and (wait := latest + IN_FLIGHT - timezone.now()) > dt.timedelta(0):
            raise ZohoNotReadyError(
                "Sending was cut off. What may still be on its way is looked up in Zoho when it "
                "must have arrived.",
                retry_after=wait.total_seconds(),
            )
        for some in portions(self.request.changes.filter(state=Of.SENDING), IDS_A_QUERY):
            theirs = self.read(some)
            for change in some:
                found = theirs.get(change.zoho_account_id)
                if found is None or found.fields is None:
                    change.state, change.problem = Of.UNKNOWN, MAYBE
                elif not self.differing(change, found.fields):
                    change.state, change.problem = Of.WRITTEN, CUT_OFF
                    change.written_at = found.fields.zoho_modified_at
                elif self.was_left_alone(change, found.fields):
                    change.state = Of.READY
                else:
                    change.state, change.problem = Of.UNKNOWN, MAYBE
            self.keep(some)

    def was_left_alone(self, change: RequestedChange, theirs: AccountFields) -> bool:
        """Not modified since we sent, so we did not."""
        modified, sent = theirs.zoho_modified_at, change.sent_at
        return bool(modified and sent and modified < sent - CLOCKS_DIFFER)

    def send(self, portion: Sequence[RequestedChange]) -> None:
        """Compare these with Zoho, and write those that nothing speaks against."""
        now = timezone.now()
        usable = [change for change in portion if self.is_still_valid(change)]
        theirs = self.read(usable)
        for change in usable:
            self.decide(change, theirs.get(change.zoho_account_id))
        writing = [change for change in usable if change.state == Of.SENDING]
        for change in writing:
            change.sent_at = now
        with transaction.atomic():
            self.run.note()  # raises when the run is no longer ours
            self.keep(portion)
        if not writing:
            return
        records = [self.record(change, theirs[change.zoho_account_id]) for change in writing]
        read = (theirs[change.zoho_account_id].fields for change in writing)
        newest = max((f.zoho_modified_at for f in read if f and f.zoho_modified_at), default=None)
        try:
            told = self.client.bulk_update_accounts(records, unless_modified_since=newest)
        except ZohoDatabaseError:
            raise  # ours, at a moment that nobody knows: the next stint looks
        except ZohoError:
            # Nothing was sent at all.
            for change in writing:
                change.state, change.sent_at = Of.READY, None
            self.keep(writing)
            raise
        for change, outcome in zip(writing, told["data"], strict=True):
            self.judge(change, outcome)
        self.keep(writing)

    def is_still_valid(self, change: RequestedChange) -> bool:
        """By the metadata as it is now; it may be days since somebody entered it."""
        for name, field in change.to_write.items():
            kind = self.kinds.get(name)
            if kind is None:
                problem = f"{name} cannot be changed (any more)."
            else:
                problem = _refusal(kind, field["after"], field["before"])
            if problem:
                change.state, change.problem = Of.INVALID, f"{problem} Nothing was written."
                return False
        return True

    def read(self, changes: Sequence[RequestedChange]) -> dict[str, Theirs]:
        """These accounts as Zoho has them now, by id; without those that it no longer has."""
        found = {}
        for some in portions(changes, IDS_A_QUERY):
            for record in self.source.by_id([change.zoho_account_id for change in some]):
                try:
                    fields, problem = AccountFields.from_payload(record.parsed()), ""
                except BadRecord as error:
                    fields, problem = None, f"{error.message} {error.remedy}"
                found[record.zoho_id] = Theirs(record, fields, problem)
        return found

    def decide(self, change: RequestedChange, theirs: Theirs | None) -> None:
        """Whether it may be written over what Zoho has."""
        if theirs is None:
            change.state, change.problem = Of.REFUSED, GONE
            return
        if theirs.fields is None:
            change.state, change.problem = Of.REFUSED, f"{theirs.problem} Nothing was written."
            return
        found = theirs.fields
        if not self.differing(change, found):
            change.state = Of.ALREADY
            return
        strange = {
            name: value
            for name, value in self.values(change, found).items()
            if value not in (change.fields[name]["before"], change.fields[name]["after"])
        }
        if strange:
            change.state, change.theirs = Of.CONFLICT, strange
            change.theirs_at = found.zoho_modified_at
        else:
            change.state = Of.SENDING

    def values(self, change: RequestedChange, theirs: AccountFields) -> dict[str, Plain]:
        return {name: self.kinds[name].known(theirs) for name in change.to_write}

    def differing(self, change: RequestedChange, theirs: AccountFields) -> dict[str, Plain]:
        """The fields in which Zoho does not hold what is wanted, with what it holds."""
        return {
            name: value
            for name, value in self.values(change, theirs).items()
            if value != change.fields[name]["after"]
        }

    def record(self, change: RequestedChange, theirs: Theirs) -> dict[str, Any]:
        """What is sent: only what differs."""
        assert theirs.fields is not None
        names = self.differing(change, theirs.fields)
        sent = {name: self.kinds[name].sent(change.fields[name]["after"]) for name in names}
        return {"id": change.zoho_account_id, **sent}

    def judge(self, change: RequestedChange, outcome: Outcome) -> None:
        change.code = ""
        if outcome["status"] == "success":
            change.state, change.problem = Of.WRITTEN, ""
            change.written_at = parse_datetime(outcome.get("modified_time", ""))
        elif outcome["code"] == "ALREADY_MODIFIED":
            self.rounds[change.pk] += 1
            enough = self.rounds[change.pk] >= MOST_ROUNDS
            change.state = Of.NOT_SENT if enough else Of.READY
            change.problem = MOVED if enough else ""
        elif outcome["status"] == "unknown":
            change.state, change.problem = Of.UNKNOWN, MAYBE
        elif outcome["status"] == "not_sent":
            change.state, change.problem = Of.NOT_SENT, outcome["message"]
        else:
            change.state, change.code = Of.REFUSED, outcome["code"]
            change.problem = f"{outcome['message']} Nothing was written."

    def read_back(self) -> None:
        """Bring the mirror up to date with all that was looked at or written."""
        looked_at = self.request.changes.filter(is_mirrored=False).exclude(
            state__in=(*RequestedChange.TO_DO, Of.INVALID, Of.LEFT_OUT)
        )
        while some := list(looked_at.order_by("number")[:IDS_A_QUERY]):
            theirs = self.read(some)
            for change in some:
                found = theirs.get(change.zoho_account_id)
                if change.state == Of.WRITTEN and found and found.fields:
                    names = self.differing(change, found.fields)
                    labels = ", ".join(self.kinds[name].label for name in names)
                    change.problem = ELSE.format(labels) if names else change.problem
                    change.written_at = change.written_at or found.fields.zoho_modified_at
                change.is_mirrored = True
            ids = [change.zoho_account_id for change in some]
            refused = sum(change.state in RequestedChange.FAILED for change in some)
            with transaction.atomic():
                save(
                    self.run,
                    ACCOUNTS,
                    [one.record for one in theirs.values()],
                    self.source.take_calls(),
                    partial=True,
                    gone=[zoho_id for zoho_id in ids if zoho_id not in theirs],
                )
                if refused:
                    self.run.advance(Plan(), failed=refused)
                self.keep(some)

    def sum_up(self) -> None:
        """The run's last word: how many of which."""
        counts = Counter(self.request.changes.values_list("state", flat=True))
        words = ", ".join(
            f"{counts[state]:,} {state.label.lower()}" for state in Of if counts[state]
        )
        self.run.note(message=f"{self.request}: {words}.")
        told = {str(state): count for state, count in counts.items()}
        AuditEvent.record(AuditEvent.Action.CHANGES_SENT, about=str(self.request), **told)
        log.info("changes.sent", request=self.request.pk, **told)

    def keep(self, changes: Sequence[RequestedChange]) -> None:
        RequestedChange.objects.bulk_update(
            changes,
            [
                "state",
                "problem",
                "code",
                "theirs",
                "theirs_at",
                "sent_at",
                "written_at",
                "is_mirrored",
            ],
        )


def _refusal(kind: Kind, after: Plain, before: Plain) -> str:
    """Why this value cannot be written, without saying the value; "" when it can."""
    try:
        kind.form_field(before).clean(kind.entered(after))
    except ValidationError:
        return f"{kind.label} does not fit what Zoho now allows."
    return ""
