"""What people decide about a change request: to ask, approve, reject, withdraw, resolve, undo.

Each is one conditional update, so that of two people only one decides. Raises NotPossibleError,
whose words are for the person, and then nothing was changed.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import structlog
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from crm_accounts.models import Account, ChangeRequest, RequestedChange
from crm_accounts.models.change_request import APPROVAL_WITHIN, MAYBE
from crm_accounts.write_back.kinds import Kind, Plain, editable
from crm_accounts.write_back.wanted import Wanted, make
from integrations.models import AuditEvent
from sync.models import SyncRun
from sync.queue import enqueue
from sync.start import request_run

log = structlog.get_logger(__name__)

ASK = "crm_accounts.change_zoho_accounts"
APPROVE = "crm_accounts.approve_zoho_changes"
NEVER, ALWAYS = "never", "always"

State, Of, Did = ChangeRequest.State, RequestedChange.State, AuditEvent.Action


class NotPossibleError(Exception):
    """It does not fit, or no longer; the message says why and what to do."""


def needs_approval(user: Any) -> bool:
    """Whether what this person asks for waits for somebody else."""
    policy = settings.ZOHO_CRM_APPROVAL
    return policy != NEVER and (policy == ALWAYS or not user.has_perm(APPROVE))


def may_approve(request: ChangeRequest, user: Any) -> bool:
    is_own = request.asked_by_id == user.pk
    return user.has_perm(APPROVE) and not (is_own and settings.ZOHO_CRM_APPROVAL == ALWAYS)


def may_act(request: ChangeRequest, user: Any) -> bool:
    """Send again, undo, resolve, stop: whoever asked for it, and who may approve it."""
    is_own = request.asked_by_id == user.pk and user.has_perm(ASK)
    return bool(is_own or user.has_perm(APPROVE))


@transaction.atomic
def ask(request: ChangeRequest, user: Any) -> None:
    """Send it at once, or let it wait for approval, as the policy says."""
    if request.origin == ChangeRequest.Origin.SELECTION:
        raise NotPossibleError("Say first what is to become of these accounts. Nothing was sent.")
    count = request.changes.filter(state=Of.READY).count()
    if not count:
        raise NotPossibleError(
            "Nothing in it can be sent: there is no change left. Nothing was sent."
        )
    open_states = (State.DRAFT, State.CONFLICT)
    if needs_approval(user):
        until = timezone.now() + APPROVAL_WITHIN
        nobody = {"decided_by": None, "decided_at": None, "decision": ""}
        if not request.turn(open_states, State.PENDING, expires_at=until, **nobody):
            raise _too_late(request)
        _tell(Did.CHANGES_ASKED, request, user, accounts=count)
    else:
        _release(request, user, open_states)


@transaction.atomic
def approve(request: ChangeRequest, user: Any) -> None:
    """Let it be sent."""
    if not may_approve(request, user):
        raise NotPossibleError("Somebody else has to approve what you asked for. Nothing was sent.")
    if not request.changes.filter(state=Of.READY).exists():
        raise NotPossibleError("No change is left to approve: reject the request instead.")
    _release(request, user, (State.PENDING,), decided_by=user, decided_at=timezone.now())


@transaction.atomic
def leave_out(request: ChangeRequest, user: Any, change_pk: int) -> None:
    """Take one account out of a request that is not decided yet, or back in."""
    held = ChangeRequest.objects.select_for_update().get(pk=request.pk)
    if not may_leave_out(held, user):
        raise _too_late(held)
    change = held.changes.filter(pk=change_pk, state__in=(Of.READY, Of.LEFT_OUT)).first()
    if change is None or not change.to_write:
        raise NotPossibleError("That change is not to be sent anyway. Nothing was changed.")
    out = change.state == Of.READY
    change.state = Of.LEFT_OUT if out else Of.READY
    change.problem = f"Left out by {user.get_username()}." if out else ""
    change.save(update_fields=["state", "problem"])


def may_leave_out(request: ChangeRequest, user: Any) -> bool:
    if request.state == State.DRAFT:
        return request.asked_by_id == user.pk
    return request.state == State.PENDING and may_approve(request, user)


@transaction.atomic
def reject(request: ChangeRequest, user: Any, why: str) -> None:
    if not may_approve(request, user):
        raise NotPossibleError("You may not decide about this request. Nothing was changed.")
    words = f"Rejected by {user.get_username()}."
    if not request.end((State.PENDING,), State.REJECTED, words):
        raise _too_late(request)
    _note_decision(request, decided_by=user, decision=why[:500])
    _tell(Did.CHANGES_REJECTED, request, user)


@transaction.atomic
def withdraw(request: ChangeRequest, user: Any) -> None:
    """By who asked, before anything is sent."""
    if request.asked_by_id != user.pk:
        raise NotPossibleError("Only who asked for it can withdraw it; you may reject it.")
    words = f"Withdrawn by {user.get_username()}."
    if not request.end((State.DRAFT, State.PENDING), State.WITHDRAWN, words):
        raise _too_late(request)
    _note_decision(request)
    _tell(Did.CHANGES_WITHDRAWN, request, user)


@transaction.atomic
def stop(request: ChangeRequest, user: Any) -> None:
    """Cancel the run that sends it. What is left can be sent later, or given up."""
    _require_may_act(request, user)
    if request.run is None or not request.run.cancel(
        f"Stopped by {user.get_username()}: {request.run.kept()}."
    ):
        raise NotPossibleError("It is not being sent any more. Nothing was changed.")
    _tell(Did.CHANGES_WITHDRAWN, request, user)


@transaction.atomic
def send_again(request: ChangeRequest, user: Any) -> None:
    """What was not sent, or not written. Each is compared with Zoho once more before."""
    _require_may_act(request, user)
    if request.state == State.CONFLICT:
        # What was decided of some conflicts would slip through with it.
        raise NotPossibleError("Decide first whose values stay. Nothing was sent.")
    again = request.changes.filter(state__in=RequestedChange.FAILED)
    again.update(state=Of.READY, problem="", code="", is_mirrored=False)
    if not request.changes.filter(state__in=RequestedChange.TO_DO).exists():
        raise NotPossibleError("There is nothing left to send.")
    _release(request, user, (State.APPROVED, State.DONE))


@transaction.atomic
def give_up(request: ChangeRequest, user: Any) -> None:
    """Send no more of it, and decide nothing more; what was written stays written."""
    _require_may_act(request, user)
    going_on = request.turn((State.APPROVED, State.CONFLICT), State.APPROVED)
    if not going_on or request.is_under_way:
        raise NotPossibleError("It is being sent just now: stop it first. Nothing was changed.")
    left = {"state": Of.LEFT_OUT, "problem": f"Not sent any more, says {user.get_username()}."}
    count = request.changes.filter(state__in=(Of.READY, Of.CONFLICT)).update(**left)
    request.changes.filter(state=Of.SENDING).update(state=Of.UNKNOWN, problem=MAYBE)
    request.settle()
    _tell(Did.CHANGES_WITHDRAWN, request, user, accounts=count)


class Chosen(NamedTuple):
    """Of one conflict: what Zoho had when the person chose, and for each field whose value stays
    ("ours", "theirs")."""

    theirs: Mapping[str, Plain]
    stays: Mapping[str, str]


@transaction.atomic
def resolve(request: ChangeRequest, choices: Mapping[int, Chosen], user: Any) -> None:
    """Settle conflicts, by the keys of the changes.

    What stays ours is asked for again, now on top of theirs, as the policy says; the rest is left
    as Zoho has it. Conflicts that are not named, not in all their fields, or of which Zoho's value
    is no longer the one that the person saw, stay.
    """
    _require_may_act(request, user)
    if not request.turn((State.CONFLICT,), State.CONFLICT):
        raise _too_late(request)
    resolved = 0
    for change in request.changes.filter(state=Of.CONFLICT, pk__in=choices):
        chosen = choices[change.pk]
        if chosen.theirs == change.theirs and not set(change.theirs) - set(chosen.stays):
            _settle_conflict(change, chosen.stays, user)
            resolved += 1
    if not resolved:
        raise NotPossibleError(
            "Somebody decided meanwhile, or Zoho's values are others by now. Nothing was changed: "
            "look once more."
        )
    _tell(Did.CHANGES_RESOLVED, request, user, accounts=resolved)
    _go_on_after_conflicts(request, user)


@transaction.atomic
def keep_theirs(request: ChangeRequest, user: Any) -> None:
    """Settle all conflicts by leaving Zoho's values."""
    _require_may_act(request, user)
    if not request.turn((State.CONFLICT,), State.CONFLICT):
        raise _too_late(request)
    conflicts = list(request.changes.filter(state=Of.CONFLICT))
    for change in conflicts:
        _settle_conflict(change, dict.fromkeys(change.theirs, "theirs"), user)
    _tell(Did.CHANGES_RESOLVED, request, user, accounts=len(conflicts))
    _go_on_after_conflicts(request, user)


def _go_on_after_conflicts(request: ChangeRequest, user: Any) -> None:
    if request.changes.filter(state=Of.CONFLICT).exists():
        return
    if request.changes.filter(state=Of.READY).exists():
        ask(request, user)
    else:
        request.settle()


def _settle_conflict(change: RequestedChange, stays: Mapping[str, str], user: Any) -> None:
    for name, theirs in change.theirs.items():
        field = change.fields[name]
        field.setdefault("seen", field["before"])
        field["before"] = theirs
        if stays[name] == "theirs":
            field["left_out"] = True
    change.known_at, change.theirs, change.theirs_at = change.theirs_at, {}, None
    change.state = Of.READY if change.to_write else Of.LEFT_OUT
    change.problem = "" if change.to_write else f"Zoho's was kept by {user.get_username()}."
    change.is_mirrored = False
    change.save()


def undo(request: ChangeRequest, user: Any) -> ChangeRequest:
    """A draft that puts back what this request wrote; who changed it since is asked as ever."""
    _require_may_act(request, user)
    begun = request.undone_by.filter(state=State.DRAFT, asked_by=user).first()
    if begun:
        return begun
    kinds = editable()
    wanted = []
    for number, change in enumerate(
        request.changes.filter(state=Of.WRITTEN).select_related("account"), 1
    ):
        fields = {
            name: {"before": field["after"], "after": field["before"]}
            for name, field in change.fields.items()
            if field.get("sent") and not _is_back_already(change, kinds.get(name), field["before"])
        }
        if not fields:
            continue
        wanted.append(
            Wanted(number, change.account, change.zoho_account_id, fields, change.written_at)
        )
    if not wanted:
        raise NotPossibleError("Nothing of it was written, so there is nothing to undo.")
    undoing = make(
        ChangeRequest.Origin.UNDO,
        user,
        wanted,
        f"Undoes {request}.",
        runs_workflows=request.runs_workflows,
    )
    undoing.undoes = request
    undoing.save(update_fields=["undoes"])
    return undoing


def _is_back_already(change: RequestedChange, kind: Kind | None, before: Plain) -> bool:
    return kind is not None and change.account is not None and kind.known(change.account) == before


def _release(
    request: ChangeRequest, user: Any, states: tuple[ChangeRequest.State, ...], **decided: Any
) -> None:
    """Let a worker send it. The message goes out once the rows are committed; should the queue be
    away, beat tells again.

    `turn` has locked the row, so that of two people who press at once, one finds the other's run.
    """
    if not request.turn(states, State.APPROVED, **decided):
        raise _too_late(request)
    if request.is_under_way:
        raise NotPossibleError("It is being sent just now. Nothing else was started.")
    count = request.changes.filter(state=Of.READY).count()
    run, _ = request_run(
        Account, SyncRun.Trigger.PERSON, mode=SyncRun.Mode.SENT, user=user, expected=count
    )
    request.run = run
    request.save(update_fields=["run"])
    run.tell(f"Sends {request}.")
    transaction.on_commit(lambda: setattr(request, "is_queue_reached", enqueue(run)))
    _tell(Did.CHANGES_RELEASED, request, user, accounts=count)


def _require_may_act(request: ChangeRequest, user: Any) -> None:
    if not may_act(request, user):
        raise NotPossibleError("That is for who asked for it, or who may approve it.")


def _note_decision(request: ChangeRequest, **decided: Any) -> None:
    decided["decided_at"] = timezone.now()
    ChangeRequest.objects.filter(pk=request.pk).update(**decided)
    request.refresh_from_db()


def _too_late(request: ChangeRequest) -> NotPossibleError:
    if request.is_expired:
        return NotPossibleError(
            "Nobody approved it within 72 hours, so it has expired. Nothing was sent: ask anew."
        )
    return NotPossibleError(f"{request} is {request.get_state_display().lower()} by now.")


def _tell(did: AuditEvent.Action, request: ChangeRequest, user: Any, **counts: int) -> None:
    """Who did what; never a value."""
    workflows = request.runs_workflows
    AuditEvent.record(did, user=user, about=str(request), workflows=workflows, **counts)
    log.info(did.value, request=request.pk, user=user.pk, **counts)
