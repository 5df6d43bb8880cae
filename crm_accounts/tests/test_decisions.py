"""Who may decide what about a change request, and that of two people only one does."""

import datetime as dt
import threading

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.utils import timezone

from crm_accounts.models import Account, ChangeRequest, CrmField
from crm_accounts.tasks import expire_change_requests
from crm_accounts.write_back import decisions
from crm_accounts.write_back.decisions import Chosen, NotPossibleError
from crm_accounts.write_back.wanted import Wanted, make
from sync.models import SyncRun
from tests.on_record import events

pytestmark = pytest.mark.django_db

Origin = ChangeRequest.Origin


@pytest.fixture
def salesperson(django_user_model):
    """May ask, and not approve."""
    user = django_user_model.objects.create_user("ada", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename="change_zoho_accounts"))
    return user


@pytest.fixture
def wish():
    """A draft of one changed phone number for each of these names."""

    def ask(user, *names):
        wanted = []
        for number, name in enumerate(names or ("Helios",), 1):
            account = Account.objects.create(zoho_account_id=str(4000 + number), name=name)
            fields = {"Phone": {"before": "1", "after": "2"}}
            wanted.append(Wanted(number, account, account.zoho_account_id, fields))
        return make(Origin.LIST, user, wanted)

    return ask


def done():
    return [(event.action, event.who) for event in events().order_by("id")]


@pytest.mark.parametrize(
    ("policy", "waits_for_salesperson", "waits_for_manager"),
    [("never", False, False), ("right", True, False), ("always", True, True)],
)
def test_the_policy_says_whose_changes_wait(
    settings, wish, salesperson, staff, policy, waits_for_salesperson, waits_for_manager
):
    """Nobody's, those of who may not approve, or everybody's."""
    settings.ZOHO_CRM_APPROVAL = policy
    for user, waits in ((salesperson, waits_for_salesperson), (staff, waits_for_manager)):
        Account.objects.all().delete()
        request = wish(user)

        decisions.ask(request, user)

        assert request.state == ("pending" if waits else "approved")
        assert (request.run is None) == waits


def test_where_everybody_waits_nobody_approves_their_own(settings, wish, staff):
    """Four eyes see more than two."""
    settings.ZOHO_CRM_APPROVAL = "always"
    request = wish(staff)
    decisions.ask(request, staff)

    with pytest.raises(NotPossibleError, match="Somebody else"):
        decisions.approve(request, staff)

    assert request.state == "pending"


def test_an_approval_sends_it_and_both_stand_in_the_audit_log(wish, salesperson, staff):
    """Who asked and who said yes; no values."""
    request = wish(salesperson)
    decisions.ask(request, salesperson)

    decisions.approve(request, staff)

    run = request.run
    assert (run.mode, run.state, run.expected, run.user) == ("sent", "queued", 1, staff)
    assert done() == [("changes.asked", "ada"), ("changes.released", "olga")]
    event = events().first()
    assert (event.about, event.details) == (str(request), {"accounts": 1, "workflows": True})


def test_some_can_be_left_out_of_an_approval(wish, salesperson, staff):
    """And not all: that would be a rejection."""
    request = wish(salesperson, "Helios", "Borealis")
    decisions.ask(request, salesperson)
    first, second = request.changes.all()

    decisions.leave_out(request, staff, first.pk)
    decisions.leave_out(request, staff, second.pk)
    with pytest.raises(NotPossibleError, match="reject the request instead"):
        decisions.approve(request, staff)
    decisions.leave_out(request, staff, second.pk)
    decisions.approve(request, staff)

    assert [change.state for change in request.changes.all()] == ["left_out", "ready"]
    assert request.run.expected == 1


def test_who_is_too_late_approves_nothing(wish, salesperson, staff):
    """Three days on, nobody remembers; whether or not the chore has been here."""
    request = wish(salesperson)
    decisions.ask(request, salesperson)
    hours = (request.expires_at - timezone.now()).total_seconds() / 3600
    assert hours == pytest.approx(72, abs=0.1)
    ChangeRequest.objects.update(expires_at=timezone.now() - dt.timedelta(seconds=1))

    with pytest.raises(NotPossibleError, match="72 hours"):
        decisions.approve(request, staff)
    expire_change_requests()

    request.refresh_from_db()
    assert request.state == "expired"
    assert not SyncRun.objects.exists()
    assert done()[-1] == ("changes.expired", "background service")


def test_a_rejection_says_why_and_sends_nothing(wish, salesperson, staff):
    """And comes before an approval or not at all."""
    request = wish(salesperson)
    decisions.ask(request, salesperson)

    decisions.reject(request, staff, "The old number is right.")

    assert (request.state, request.decision) == ("rejected", "The old number is right.")
    with pytest.raises(NotPossibleError, match="rejected by now"):
        decisions.approve(request, staff)


def test_only_who_asked_withdraws(wish, salesperson, staff):
    """The others reject."""
    request = wish(salesperson)
    decisions.ask(request, salesperson)

    with pytest.raises(NotPossibleError, match="Only who asked"):
        decisions.withdraw(request, staff)
    decisions.withdraw(request, salesperson)

    assert request.state == "withdrawn"


@pytest.mark.django_db(transaction=True)
@pytest.mark.postgres
def test_of_two_who_send_at_once_one_does(wish, staff):
    """Two runs would send the same changes."""
    request = wish(staff)
    request.turn((ChangeRequest.State.DRAFT,), ChangeRequest.State.DONE)
    ends, both = [], threading.Barrier(2)

    def press():
        mine = ChangeRequest.objects.get(pk=request.pk)
        both.wait()
        try:
            decisions.send_again(mine, staff)
        except NotPossibleError as error:
            ends.append(str(error))
        finally:
            connection.close()

    people = [threading.Thread(target=press) for _ in range(2)]
    for thread in people:
        thread.start()
    for thread in people:
        thread.join()

    assert ends == ["It is being sent just now. Nothing else was started."]
    assert SyncRun.objects.count() == 1


OURS = Chosen({"Phone": "3"}, {"Phone": "ours"})
THEIRS = Chosen({"Phone": "3"}, {"Phone": "theirs"})


def in_conflict(request, *positions):
    for change in request.changes.all():
        change.state = "conflict" if change.number in positions else "written"
        change.theirs = {"Phone": "3"} if change.number in positions else {}
        change.theirs_at = timezone.now()
        change.save()
    request.turn((ChangeRequest.State.DRAFT,), ChangeRequest.State.CONFLICT)


def test_ours_over_theirs_is_approved_anew(wish, salesperson):
    """Nobody has said yes to overwriting theirs."""
    request = wish(salesperson)
    in_conflict(request, 1)
    change = request.changes.get()

    decisions.resolve(request, {change.pk: OURS}, salesperson)

    change.refresh_from_db()
    assert (request.state, change.state) == ("pending", "ready")
    assert change.fields == {"Phone": {"before": "3", "after": "2", "seen": "1"}}


def test_theirs_is_left_and_nothing_is_sent(wish, staff):
    """The request is done with that."""
    request = wish(staff)
    in_conflict(request, 1)
    change = request.changes.get()

    decisions.resolve(request, {change.pk: THEIRS}, staff)

    change.refresh_from_db()
    assert (request.state, change.state) == ("done", "left_out")
    assert "kept by olga" in change.problem
    assert request.run is None


def test_what_was_decided_does_not_slip_through_beside_what_was_not(wish, salesperson):
    """Trying again what failed must not send an overwriting that nobody approved."""
    request = wish(salesperson, "Helios", "Borealis", "Corona")
    in_conflict(request, 1, 2)
    request.changes.filter(number=3).update(state="refused")
    first = request.changes.get(number=1)
    decisions.resolve(request, {first.pk: OURS}, salesperson)
    assert request.state == "conflict"

    with pytest.raises(NotPossibleError, match="Decide first"):
        decisions.send_again(request, salesperson)

    assert request.run is None


def test_a_run_that_failed_after_a_conflict_can_be_gone_on_with(wish, staff):
    """The rest was approved; the conflict is decided when all else is sent."""
    request = wish(staff, "Helios", "Borealis")
    decisions.ask(request, staff)
    request.changes.filter(number=1).update(state="conflict", theirs={"Phone": "3"})
    SyncRun.objects.update(state="failed")

    decisions.send_again(ChangeRequest.objects.get(), staff)

    request.refresh_from_db()
    assert (request.state, request.run.state) == ("approved", "queued")
    assert [change.state for change in request.changes.all()] == ["conflict", "ready"]


def test_a_choice_that_is_not_complete_changes_nothing(wish, staff):
    """Every field has to be chosen."""
    request = wish(staff)
    in_conflict(request, 1)
    change = request.changes.get()

    with pytest.raises(NotPossibleError, match="look once more"):
        decisions.resolve(request, {change.pk: Chosen({"Phone": "3"}, {})}, staff)

    change.refresh_from_db()
    assert change.state == "conflict"


def test_undoing_puts_back_what_was_written_and_nothing_else(wish, staff):
    """As a draft, to be looked at; on top of what we wrote, so that later changes are conflicts."""
    request = wish(staff, "Helios", "Borealis")
    sent = {"Phone": {"before": "1", "after": "2", "sent": True}}
    found_so = {"Fax": {"before": "1", "after": "2"}}
    Account.objects.update(phone="2", fax="2")
    CrmField.objects.create(api_name="Phone", label="Phone", data_type="phone")
    request.changes.filter(number=1).update(state="written", fields={**sent, **found_so})

    undoing = decisions.undo(request, staff)

    change = undoing.changes.get()
    assert (undoing.state, undoing.undoes, undoing.origin) == ("draft", request, "undo")
    assert change.fields == {"Phone": {"before": "2", "after": "1"}}
    assert decisions.undo(request, staff) == undoing, "one draft is enough"
    undoing.delete()
    Account.objects.update(phone="1")
    with pytest.raises(NotPossibleError, match="nothing to undo"):
        decisions.undo(request, staff)


def test_undoing_starts_what_the_change_started(wish, staff):
    """Whoever kept Zoho's workflows out of a change does not want them for its undoing."""
    request = wish(staff)
    sent = {"Phone": {"before": "1", "after": "2", "sent": True}}
    request.changes.update(state="written", fields=sent)
    ChangeRequest.objects.update(state="done", runs_workflows=False)
    request.refresh_from_db()

    assert not decisions.undo(request, staff).runs_workflows


def test_a_request_without_a_change_is_not_asked_for(wish, staff):
    """All its lines were bad."""
    request = wish(staff)
    request.changes.update(state="invalid")

    with pytest.raises(NotPossibleError, match="Nothing in it can be sent"):
        decisions.ask(request, staff)


def test_drafts_that_nobody_asked_for_are_forgotten(wish, staff):
    """After three days; a young one stays."""
    old = wish(staff)
    ChangeRequest.objects.update(created_at=timezone.now() - dt.timedelta(hours=73))
    Account.objects.all().delete()
    young = wish(staff)

    expire_change_requests()

    assert list(ChangeRequest.objects.all()) == [young]
    assert old.pk != young.pk


def test_what_was_not_sent_can_be_given_up(wish, staff):
    """Nobody should have to send what is no longer wanted; what may have arrived is told."""
    request = wish(staff, "Helios", "Borealis", "Corona")
    decisions.ask(request, staff)
    with pytest.raises(NotPossibleError, match="stop it first"):
        decisions.give_up(request, staff)
    decisions.stop(request, staff)
    assert SyncRun.objects.get().state == "cancelled"
    request.changes.filter(number=2).update(state="written")
    request.changes.filter(number=3).update(state="sending")

    decisions.give_up(ChangeRequest.objects.get(), staff)

    request.refresh_from_db()
    states = [change.state for change in request.changes.all()]
    assert (request.state, states) == ("done", ["left_out", "written", "unknown"])


def test_a_decision_about_values_that_are_no_longer_zohos_is_none(wish, staff):
    """The page was open while a colleague decided, and somebody changed it again."""
    request = wish(staff)
    in_conflict(request, 1)
    change = request.changes.get()
    request.changes.update(theirs={"Phone": "4"})

    with pytest.raises(NotPossibleError, match="look once more"):
        decisions.resolve(request, {change.pk: OURS}, staff)

    change.refresh_from_db()
    assert (change.state, change.theirs) == ("conflict", {"Phone": "4"})


def test_nothing_is_decided_while_it_is_being_sent(wish, salesperson):
    """The run would send what nobody has approved."""
    request = wish(salesperson)
    in_conflict(request, 1)
    request.turn((ChangeRequest.State.CONFLICT,), ChangeRequest.State.APPROVED)

    with pytest.raises(NotPossibleError, match="approved by now"):
        decisions.resolve(request, {request.changes.get().pk: OURS}, salesperson)


def test_theirs_can_be_kept_everywhere_at_once(wish, staff):
    """Nobody clicks five thousand times."""
    request = wish(staff, "Helios", "Borealis")
    in_conflict(request, 1, 2)

    decisions.keep_theirs(request, staff)

    assert request.state == "done"
    assert {change.state for change in request.changes.all()} == {"left_out"}


def test_of_a_request_that_was_sent_in_part_only_the_rest_ends(wish, salesperson, staff):
    """What was written stays told, and can be undone; whoever rejects the rest."""
    request = wish(salesperson, "Helios", "Borealis")
    in_conflict(request, 1)
    request.changes.filter(number=2).update(sent_at=timezone.now())
    decisions.resolve(request, {request.changes.get(number=1).pk: OURS}, salesperson)
    assert request.state == "pending"

    decisions.reject(request, staff, "Theirs is right.")

    states = [change.state for change in request.changes.all()]
    assert (request.state, states) == ("done", ["left_out", "written"])
    assert request.decision == "Theirs is right."


def test_a_request_whose_run_ended_without_a_word_is_settled(wish, staff):
    """A worker that was killed between its last write and its last line."""
    request = wish(staff)
    decisions.ask(request, staff)
    SyncRun.objects.update(state="cancelled")
    request.changes.update(state="written")

    expire_change_requests()

    request.refresh_from_db()
    assert request.state == "done"


def test_a_stranger_decides_nothing(wish, staff, salesperson, django_user_model):
    """Neither whose it is, nor who may approve."""
    ben = django_user_model.objects.create_user("ben", is_staff=True)
    ben.user_permissions.set(Permission.objects.filter(codename="change_zoho_accounts"))
    request = wish(salesperson)
    request.turn((ChangeRequest.State.DRAFT,), ChangeRequest.State.DONE)

    for do in (decisions.send_again, decisions.undo, decisions.give_up, decisions.stop):
        with pytest.raises(NotPossibleError, match="for who asked for it"):
            do(request, ben)


def test_a_mere_selection_is_not_asked_for(wish, staff):
    """Nobody has said what becomes of the accounts."""
    request = wish(staff)
    ChangeRequest.objects.update(origin="selection")

    with pytest.raises(NotPossibleError, match="Say first"):
        decisions.ask(ChangeRequest.objects.get(), staff)

    assert ChangeRequest.objects.get(pk=request.pk).state == "draft"
