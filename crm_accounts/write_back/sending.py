"""The worker's part: compare with Zoho, write, tell of each account what became of it, read back.

Nothing is sent twice. A change is marked as being sent before Zoho hears of it; whoever finds it
so after an interruption looks at the account in Zoho instead of sending. Each call carries the
newest Modified_Time that was read, so that Zoho itself refuses what somebody changed in between.
What somebody changed before is no conflict as long as it is in other fields than ours.
"""

import datetime as dt
import time
from collections import Counter
from collections.abc import Mapping, Sequence
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
from crm_accounts.mirror import accounts_by
from crm_accounts.models import ChangeRequest, RequestedChange
from crm_accounts.models.change_request import MAYBE
from crm_accounts.source import IDS_A_QUERY, CrmAccounts
from crm_accounts.write_back.kinds import Kind, Plain, all_kinds, editable
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
# A call waits up to 90 s for its turn and another 90 for its answer, at each of two tiers.
IN_FLIGHT = dt.timedelta(minutes=6)
# How often an account may move between our reading and our writing, and how often it is tried at
# all, before we let it be.
MOST_MOVES, MOST_TRIES = 3, 10
KEPT = (
    "state",
    "problem",
    "code",
    "fields",
    "theirs",
    "theirs_at",
    "sent_at",
    "written_at",
    "is_mirrored",
)
GONE = (
    "Zoho does not show this account: it was deleted, or the connection's user may not see it. "
    "Nothing was written."
)
NO_TIME = "Zoho does not say when the account was last changed, so nobody's changes are safe."
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
            lambda again: fields_to_read(client, run.tell, again),
            cursor={},
            remember=lambda cursor: None,
            tell=run.tell,
            sleep=time.sleep,
        )
        try:
            Sending(run, request, client, source).carry_out()
        finally:
            run.calls += source.take_calls()


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
        self.editable = editable()
        names = {name for change in request.changes.all() for name in change.fields}
        self.kinds = {**all_kinds(names), **self.editable}
        self.tries: Counter[int] = Counter()
        self.moves: Counter[int] = Counter()
        self.last_read: dict[int, dt.datetime | None] = {}

    def carry_out(self) -> None:
        self.look_at_those_cut_off()
        ready = self.request.changes.filter(state=Of.READY).order_by("number")
        while portion := list(ready[:WRITES_PER_CALL]):
            if not self.send(portion):
                break
            self.read_back()
        self.read_back()
        self.request.settle()
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
            stamps = {change.pk: change.sent_at for change in some}
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
            self.keep_if_mine(some, stamps)

    def was_left_alone(self, change: RequestedChange, theirs: AccountFields) -> bool:
        """Not modified since we sent, so we did not."""
        modified, sent = theirs.zoho_modified_at, change.sent_at
        return bool(modified and sent and modified < sent - CLOCKS_DIFFER)

    def send(self, portion: Sequence[RequestedChange]) -> bool:
        """Compare these with Zoho, and write those that nothing speaks against.

        False when the request is no longer one to be sent.
        """
        usable = [change for change in portion if self.is_still_valid(change)]
        theirs = self.read(usable)
        for change in usable:
            self.decide(change, theirs.get(change.zoho_account_id))
        writing = [change for change in usable if change.state == Of.SENDING]
        records = [self.record(change, theirs[change.zoho_account_id]) for change in writing]
        with transaction.atomic():
            held = ChangeRequest.objects.select_for_update().get(pk=self.request.pk)
            if held.state != ChangeRequest.State.APPROVED:
                return False
            self.run.note()  # raises when the run is no longer ours
            now = timezone.now()
            for change in writing:
                change.sent_at = now
            self.keep(portion)
        if not writing:
            return True
        stamps = {change.pk: change.sent_at for change in writing}
        newest = max(self.last_read[change.pk] for change in writing)  # type: ignore[type-var]
        try:
            told = self.client.bulk_update_accounts(
                records,
                trigger=None if self.request.runs_workflows else [],
                unless_modified_since=newest,
            )
        except ZohoDatabaseError:
            raise  # ours, at a moment that nobody knows: the next stint looks
        except ZohoError:
            # Nothing was sent at all.
            for change in writing:
                change.state, change.sent_at = Of.READY, None
            self.keep_if_mine(writing, stamps)
            raise
        for change, outcome in zip(writing, told["data"], strict=True):
            self.judge(change, outcome)
        self.keep_if_mine(writing, stamps)
        return True

    def is_still_valid(self, change: RequestedChange) -> bool:
        """By the metadata as it is now; it may be days since somebody entered it."""
        undoes = self.request.origin == ChangeRequest.Origin.UNDO
        for name, field in change.to_write.items():
            kind = self.editable.get(name)
            if kind is None:
                problem = f"{self.kinds[name].label} cannot be changed any more."
            else:
                # What Zoho held yesterday it may hold again, whatever its pick lists say.
                problem = _refusal(kind, field["after"], field["after" if undoes else "before"])
            if problem:
                change.state, change.problem = Of.INVALID, f"{problem} Nothing was written."
                return False
        return True

    def read(self, changes: Sequence[RequestedChange]) -> dict[str, Theirs]:
        """These accounts as Zoho has them at one moment, by id; without those it no longer has."""
        found = {}
        looked = self.source.by_id([change.zoho_account_id for change in changes])
        for record in looked.records:
            try:
                fields = AccountFields.from_payload(record.parsed(), self.source.types).completed(
                    None
                )
            except BadRecord as error:
                theirs = Theirs(record, None, f"{error.message} {error.remedy}")
            else:
                known = fields.zoho_modified_at is not None
                theirs = Theirs(record, fields) if known else Theirs(record, None, NO_TIME)
            found[record.zoho_id] = theirs
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
            # Sent before, and refused only because of its neighbours, or not told: it was us.
            change.state = Of.WRITTEN if change.sent_at else Of.ALREADY
            change.problem = ""
            return
        if self.has_moved_too_often(change, found):
            change.state, change.problem = Of.NOT_SENT, MOVED
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

    def has_moved_too_often(self, change: RequestedChange, theirs: AccountFields) -> bool:
        """By its own doing: a busy account must not use up the patience for its neighbours, with
        whom Zoho may refuse it together."""
        modified = theirs.zoho_modified_at
        self.moves[change.pk] += self.last_read.get(change.pk, modified) != modified
        self.tries[change.pk] += 1
        self.last_read[change.pk] = modified
        return self.moves[change.pk] >= MOST_MOVES or self.tries[change.pk] > MOST_TRIES

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
        record: dict[str, Any] = {"id": change.zoho_account_id}
        for name in self.differing(change, theirs.fields):
            change.fields[name]["sent"] = True
            record[name] = self.kinds[name].sent(change.fields[name]["after"])
        return record

    def judge(self, change: RequestedChange, outcome: Outcome) -> None:
        change.code = ""
        if outcome["status"] == "success":
            change.state, change.problem = Of.WRITTEN, ""
            change.written_at = parse_datetime(outcome.get("modified_time", ""))
        elif outcome["code"] == "ALREADY_MODIFIED":
            change.state = Of.READY
        elif outcome["status"] == "unknown":
            change.state, change.problem = Of.UNKNOWN, MAYBE
        elif outcome["status"] == "not_sent":
            change.state, change.problem = Of.NOT_SENT, outcome["message"]
        else:
            change.state, change.code = Of.REFUSED, outcome["code"]
            change.problem = f"{outcome['message']} Nothing was written."

    def read_back(self) -> None:
        """Bring the mirror up to date with what was written, or found to be another."""
        looked_at = self.request.changes.filter(is_mirrored=False).exclude(
            state__in=(*RequestedChange.TO_DO, Of.INVALID, Of.LEFT_OUT)
        )
        while some := list(looked_at.order_by("number")[:IDS_A_QUERY]):
            theirs = self.read(some)
            for change in some:
                found = theirs.get(change.zoho_account_id)
                if found and found.fields:
                    self.look_back(change, found.fields)
                change.is_mirrored = True
            failed = {one.zoho_account_id for one in some if one.state in RequestedChange.FAILED}
            with transaction.atomic():
                save(
                    self.run,
                    accounts_by(lambda: self.source.types),
                    [one.record for zoho_id, one in theirs.items() if zoho_id not in failed],
                    self.source.take_calls(),
                    partial=True,
                )
                if failed:
                    self.run.advance(Plan(), failed=len(failed))
                self.keep(some)

    def look_back(self, change: RequestedChange, theirs: AccountFields) -> None:
        names = self.differing(change, theirs)
        if change.state == Of.UNKNOWN and not names:
            change.state, change.problem = Of.WRITTEN, CUT_OFF
        elif change.state == Of.WRITTEN and names:
            change.problem = ELSE.format(", ".join(self.kinds[name].label for name in names))
        if change.state == Of.WRITTEN:
            change.written_at = change.written_at or theirs.zoho_modified_at

    def sum_up(self) -> None:
        """The run's last word: how many of which."""
        counts = Counter(self.request.changes.values_list("state", flat=True))
        words = ", ".join(
            f"{counts[state]:,} {state.label.lower()}" for state in Of if counts[state]
        )
        self.run.note(message=f"{self.request}: {words}.")

    def keep(self, changes: Sequence[RequestedChange]) -> None:
        RequestedChange.objects.bulk_update(changes, KEPT)

    def keep_if_mine(
        self, changes: Sequence[RequestedChange], stamps: Mapping[int, dt.datetime | None]
    ) -> None:
        """What became of what was sent at these moments; a fact also where the run is no longer
        ours, unless another worker has taken the change over since."""
        with transaction.atomic():
            held = RequestedChange.objects.select_for_update().filter(
                pk__in=stamps, state=Of.SENDING
            )
            mine = {row.pk for row in held if row.sent_at == stamps[row.pk]}
            kept = [change for change in changes if change.pk in mine]
            self.keep(kept)
            counts = Counter(str(change.state) for change in kept)
            about = str(self.request)
            workflows = self.request.runs_workflows
            AuditEvent.record(
                AuditEvent.Action.CHANGES_SENT, about=about, workflows=workflows, **counts
            )
        log.info("changes.sent", request=self.request.pk, **counts)


def _refusal(kind: Kind, after: Plain, before: Plain) -> str:
    """Why this value cannot be written, without saying the value; "" when it can."""
    try:
        kind.check(kind.entered(after), before)
    except ValidationError:
        return f"{kind.label} does not fit what Zoho now allows."
    return ""
