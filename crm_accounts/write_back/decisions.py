"""What people decide about a change request: to ask, approve, reject, withdraw, resolve, undo.

Each is one conditional update, so that of two people only one decides. Raises NotPossible, whose
words are for the person, and then nothing was changed.
"""

from collections.abc import Collection, Mapping
from typing import Any, Literal

import structlog
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from crm_accounts.models import Account, ChangeRequest, RequestedChange
from crm_accounts.models.change_request import APPROVAL_WITHIN, MAYBE
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


class NotPossible(Exception):
    """It does not fit, or no longer; the message says why and what to do."""


def needs_approval(user: Any) -> bool:
    """Whether what this person asks for waits for somebody else."""
    policy = settings.ZOHO_CRM_APPROVAL
    return policy != NEVER and (policy == ALWAYS or not user.has_perm(APPROVE))


def may_approve(request: ChangeRequest, user: Any) -> bool:
    is_own = request.asked_by_id == user.pk
    return user.has_perm(APPROVE) and not (is_own and settings.ZOHO_CRM_APPROVAL == ALWAYS)


def may_act(request: ChangeRequest, user: Any) -> bool:
    """Send again, undo, resolve: whoever asked for it, and who may approve it."""
    is_own = request.asked_by_id == user.pk
    return user.has_perm(ASK) and (is_own or user.has_perm(APPROVE))


@transaction.atomic
def ask(request: ChangeRequest, user: Any) -> None:
    """Send it at once, or let it wait for approval, as the policy says."""
    count = request.changes.filter(state=Of.READY).count()
    if not count:
        raise NotPossible("Nothing in it can be sent: there is no change left. Nothing was sent.")
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
def approve(request: ChangeRequest, user: Any, left_out: Collection[int] = ()) -> None:
    """Let it be sent, without the changes whose keys are in `left_out`."""
    if not may_approve(request, user):
        raise NotPossible("Somebody else has to approve what you asked for. Nothing was sent.")
    ready = request.changes.filter(state=Of.READY)
    out = ready.filter(pk__in=left_out)
    if not ready.exclude(pk__in=left_out).exists():
        raise NotPossible("No change is left to approve: reject the request instead.")
    out.update(state=Of.LEFT_OUT, problem=f"Left out by {user.get_username()}.")
    _release(request, user, (State.PENDING,), decided_by=user, decided_at=timezone.now())


@transaction.atomic
def reject(request: ChangeRequest, user: Any, why: str) -> None:
    decided = {"decided_by": user, "decided_at": timezone.now(), "decision": why[:500]}
    if not request.turn((State.PENDING,), State.REJECTED, **decided):
        raise _too_late(request)
    _tell(Did.CHANGES_REJECTED, request, user)


@transaction.atomic
def withdraw(request: ChangeRequest, user: Any) -> None:
    """By who asked, before anything is sent."""
    if request.asked_by_id != user.pk:
        raise NotPossible("Only who asked for it can withdraw it; you may reject it.")
    if not request.turn((State.DRAFT, State.PENDING), State.WITHDRAWN, decided_at=timezone.now()):
        raise _too_late(request)
    _tell(Did.CHANGES_WITHDRAWN, request, user)


@transaction.atomic
def send_again(request: ChangeRequest, user: Any) -> None:
    """What was not sent, or not written. Each is compared with Zoho once more before."""
    if request.changes.filter(state=Of.CONFLICT).exists() and needs_approval(user):
        # What was decided of the other conflicts would slip through with it, unapproved.
        raise NotPossible("Decide first whose values stay. Nothing was sent.")
    again = request.changes.filter(state__in=RequestedChange.FAILED)
    again.update(state=Of.READY, problem="", code="", is_mirrored=False)
    if not request.changes.filter(state__in=RequestedChange.TO_DO).exists():
        raise NotPossible("There is nothing left to send.")
    _release(request, user, (State.APPROVED, State.CONFLICT, State.DONE))


@transaction.atomic
def give_up(request: ChangeRequest, user: Any) -> None:
    """Send no more of it; what was written stays written."""
    if not request.turn((State.APPROVED,), State.APPROVED) or _is_under_way(request):
        raise NotPossible("It is being sent just now: cancel the run first. Nothing was changed.")
    left = {"state": Of.LEFT_OUT, "problem": f"Not sent any more, says {user.get_username()}."}
    count = request.changes.filter(state=Of.READY).update(**left)
    request.changes.filter(state=Of.SENDING).update(state=Of.UNKNOWN, problem=MAYBE)
    request.settle()
    _tell(Did.CHANGES_WITHDRAWN, request, user, accounts=count)


@transaction.atomic
def resolve(
    request: ChangeRequest,
    choices: Mapping[int, Mapping[str, Literal["ours", "theirs"]]],
    user: Any,
) -> None:
    """Settle conflicts: {key of the change: {field: whose value stays}}.

    What stays ours is asked for again, now on top of theirs, as the policy says; the rest is left
    as Zoho has it. Conflicts that are not named, or not in all their fields, stay.
    """
    open_ones = request.changes.select_for_update().filter(state=Of.CONFLICT)
    resolved = 0
    for change in open_ones.filter(pk__in=choices):
        chosen = choices[change.pk]
        if set(change.theirs) - set(chosen):
            continue
        _settle_conflict(change, chosen, user)
        resolved += 1
    if not resolved:
        raise NotPossible("Choose for each field whose value stays. Nothing was changed.")
    _tell(Did.CHANGES_RESOLVED, request, user, accounts=resolved)
    if request.changes.filter(state=Of.CONFLICT).exists():
        return
    if request.changes.filter(state=Of.READY).exists():
        ask(request, user)
    else:
        request.settle()


def _settle_conflict(
    change: RequestedChange, chosen: Mapping[str, Literal["ours", "theirs"]], user: Any
) -> None:
    for name, theirs in change.theirs.items():
        change.fields[name]["before"] = theirs
        if chosen[name] == "theirs":
            change.fields[name]["left_out"] = True
    change.known_at, change.theirs, change.theirs_at = change.theirs_at, {}, None
    change.state = Of.READY if change.to_write else Of.LEFT_OUT
    change.problem = "" if change.to_write else f"Zoho's was kept by {user.get_username()}."
    change.is_mirrored = False
    change.save()


def undo(request: ChangeRequest, user: Any) -> ChangeRequest:
    """A draft that puts back what this request wrote; who changed it since is asked as ever."""
    wanted = []
    for number, change in enumerate(request.changes.filter(state=Of.WRITTEN), 1):
        fields = {
            name: {"before": field["after"], "after": field["before"]}
            for name, field in change.to_write.items()
        }
        wanted.append(
            Wanted(number, change.account, change.zoho_account_id, fields, change.written_at)
        )
    if not wanted:
        raise NotPossible("Nothing of it was written, so there is nothing to undo.")
    undoing = make(ChangeRequest.Origin.UNDO, user, wanted, f"Undoes {request}.")
    undoing.undoes = request
    undoing.save(update_fields=["undoes"])
    return undoing


def _release(
    request: ChangeRequest, user: Any, states: tuple[ChangeRequest.State, ...], **decided: Any
) -> None:
    """Let a worker send it. The message goes out once the rows are committed; should the queue be
    away, beat tells again.

    `turn` has locked the row, so that of two people who press at once, one finds the other's run.
    """
    if not request.turn(states, State.APPROVED, **decided):
        raise _too_late(request)
    if _is_under_way(request):
        raise NotPossible("It is being sent just now. Nothing else was started.")
    count = request.changes.filter(state=Of.READY).count()
    run, _ = request_run(
        Account, SyncRun.Trigger.PERSON, mode=SyncRun.Mode.SENT, user=user, expected=count
    )
    request.run = run
    request.save(update_fields=["run"])
    run.tell(f"Sends {request}.")
    transaction.on_commit(lambda: enqueue(run))
    _tell(Did.CHANGES_RELEASED, request, user, accounts=count)


def _is_under_way(request: ChangeRequest) -> bool:
    return request.run is not None and request.run.is_active


def _too_late(request: ChangeRequest) -> NotPossible:
    if request.is_expired:
        return NotPossible(
            "Nobody approved it within 72 hours, so it has expired. Nothing was sent: ask anew."
        )
    return NotPossible(f"{request} is {request.get_state_display().lower()} by now.")


def _tell(did: AuditEvent.Action, request: ChangeRequest, user: Any, **counts: int) -> None:
    """Who did what; never a value."""
    AuditEvent.record(did, user=user, about=str(request), **counts)
    log.info(did.value, request=request.pk, user=user.pk, **counts)
