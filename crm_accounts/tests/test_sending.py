"""Changes on their way to Zoho: compared, written once, told of one by one, mirrored."""

import datetime as dt
from functools import partial

import pytest
from django.utils import timezone

from crm_accounts.mirror import ACCOUNTS
from crm_accounts.models import Account, ChangeRequest, CrmField, RequestedChange
from crm_accounts.services import carry_out as work
from crm_accounts.write_back import decisions
from crm_accounts.write_back.kinds import editable
from crm_accounts.write_back.sending import Sending
from crm_accounts.write_back.wanted import Wanted, differences, make
from integrations.models import AuditEvent
from integrations.zoho.crm.rest import RestCrm
from integrations.zoho.crm.sdk import SdkCrm
from integrations.zoho.crm.tiers import TieredCrm
from integrations.zoho.records import Record
from sync.models import Change, SyncRun
from sync.runner import carry_out
from sync.saving import save

pytestmark = pytest.mark.django_db

PUT_ACCOUNTS = "/crm/v8/Accounts"


@pytest.fixture
def wish(staff, sync_accounts):
    """Ask for these fields of these mirrored accounts: {id: {field: value}}."""

    def ask(wanted, by=staff):
        kinds = editable()
        rows = []
        for number, (zoho_id, values) in enumerate(wanted.items(), 1):
            account = Account.objects.get(zoho_account_id=zoho_id)
            before = {name: kinds[name].known(account) for name in values}
            fields = differences(before, values)
            rows.append(Wanted(number, account, zoho_id, fields, account.zoho_modified_at))
        return make(ChangeRequest.Origin.LIST, by, rows)

    return ask


@pytest.fixture
def send(staff):
    """Let it be sent, and do the worker's part, here; returns the run."""

    def act(request, do=decisions.ask):
        do(request, staff)
        request.refresh_from_db()
        run = request.run
        for _ in range(5):
            SyncRun.objects.filter(pk=run.pk, state="waiting").update(resume_at=timezone.now())
            run = carry_out(SyncRun.objects.get(pk=run.pk), work)
            if run.state != "waiting":
                break
        request.refresh_from_db()
        return run

    return act


def states(request):
    return [change.state for change in request.changes.order_by("number")]


def written(zoho):
    """The records of each call that wrote."""
    return [list(write.data) for write in zoho.crm.writes]


def test_a_change_is_written_and_mirrored(zoho, sync_accounts, wish, send):
    """From the click to Zoho, and back into the list."""
    helios = zoho.add_account(Account_Name="Helios", Phone="1", Annual_Revenue=10)
    sync_accounts()
    request = wish({helios: {"Phone": "2", "Annual_Revenue": "120000.5"}})

    run = send(request)

    assert (run.state, request.state, states(request)) == ("succeeded", "done", ["written"])
    assert zoho.accounts[helios]["Phone"] == "2"
    assert str(zoho.accounts[helios]["Annual_Revenue"]) == "120000.5"
    account = Account.objects.get(zoho_account_id=helios)
    assert (account.phone, str(account.annual_revenue.normalize())) == ("2", "120000.5")
    changed = Change.objects.filter(run=run, field="phone").get()
    assert (changed.before, changed.after) == ("1", "2")


def test_250_changes_are_three_calls_and_each_is_told_of(zoho, sync_accounts, wish, send):
    """Two that Zoho refuses do not hold up the others."""
    ids = [zoho.add_account(Account_Name=f"Account {n}", ERP_Number=f"E{n}") for n in range(250)]
    sync_accounts()
    wanted = {each: {"Fax": f"+{n}"} for n, each in enumerate(ids)}
    wanted[ids[7]] = {"ERP_Number": "E9"}
    wanted[ids[120]] = {"ERP_Number": "E130"}
    request = wish(wanted)

    send(request)

    assert request.state == "done"
    assert states(request).count("written") == 248
    refused = request.changes.filter(state="refused").order_by("number")
    assert [change.zoho_account_id for change in refused] == [ids[7], ids[120]]
    assert {change.code for change in refused} == {"DUPLICATE_DATA"}
    assert "ERP_Number" in refused[0].problem
    assert "E9" not in refused[0].problem
    assert [len(rows) for rows in written(zoho)] == [100, 100, 50]
    assert Account.objects.filter(fax="+249").exists()


@pytest.mark.parametrize("tier", [RestCrm, SdkCrm])
@pytest.mark.parametrize(("runs_workflows", "trigger"), [(True, None), (False, [])])
def test_a_request_says_whether_zohos_workflows_run(
    zoho, sync_accounts, wish, send, settings, monkeypatch, tier, runs_workflows, trigger
):
    """In every call of it, by whichever way it goes, and in the audit log. Nothing said, as before,
    they all run."""
    settings.ZOHO_SDK_FROM_RECORDS = 1 if tier is SdkCrm else 1_000
    used, write = [], RestCrm.bulk_update_accounts

    def noting(crm, *arguments):
        used.append(type(crm))
        return write(crm, *arguments)

    monkeypatch.setattr(RestCrm, "bulk_update_accounts", noting)
    ids = [zoho.add_account(Account_Name=f"Account {n}") for n in range(101)]
    sync_accounts()
    request = wish({each: {"Fax": "+1"} for each in ids})
    assert request.runs_workflows
    request.runs_workflows = runs_workflows
    request.save()

    send(request)

    assert states(request) == ["written"] * 101
    assert [write.trigger for write in zoho.crm.writes] == [trigger, trigger]
    assert used == [tier, tier]
    events = AuditEvent.objects.filter(action__in=("changes.released", "changes.sent"))
    assert {event.details["workflows"] for event in events} == {runs_workflows}
    assert len(events) >= 2


def test_what_somebody_changed_meanwhile_is_not_overwritten(zoho, sync_accounts, wish, send):
    """Theirs is kept and shown beside ours; other fields of theirs are no conflict."""
    helios = zoho.add_account(Account_Name="Helios", Phone="1")
    borealis = zoho.add_account(Account_Name="Borealis", Phone="1")
    sync_accounts()
    request = wish({helios: {"Phone": "ours"}, borealis: {"Phone": "ours"}})
    zoho.edit_account(helios, Phone="theirs")
    zoho.edit_account(borealis, Industry="Energy")

    send(request)

    assert (request.state, states(request)) == ("conflict", ["conflict", "written"])
    change = request.changes.get(state="conflict")
    assert change.theirs == {"Phone": "theirs"}
    assert zoho.accounts[helios]["Phone"] == "theirs"
    assert zoho.accounts[borealis]["Industry"] == "Energy"
    assert Account.objects.get(zoho_account_id=helios).phone == "theirs"


@pytest.mark.parametrize("conflicts", ["batch", "record"])
def test_a_change_between_our_reading_and_our_writing_is_found_by_zoho(
    zoho, sync_accounts, wish, send, conflicts, monkeypatch
):
    """The second that nobody else can see: 412, then everything is read again."""
    zoho.crm.conflicts = conflicts
    helios = zoho.add_account(Account_Name="Helios", Phone="1")
    borealis = zoho.add_account(Account_Name="Borealis", Phone="1")
    sync_accounts()
    request = wish({helios: {"Phone": "ours"}, borealis: {"Phone": "ours"}})
    during(monkeypatch, partial(zoho.edit_account, helios, Phone="theirs"))

    send(request)

    assert states(request) == ["conflict", "written"]
    assert zoho.accounts[helios]["Phone"] == "theirs"
    assert zoho.accounts[borealis]["Phone"] == "ours"


def test_an_account_that_keeps_changing_is_let_be(zoho, sync_accounts, wish, send, monkeypatch):
    """Three rounds, then a person may try again later."""
    helios = zoho.add_account(Account_Name="Helios", Phone="1")
    sync_accounts()
    request = wish({helios: {"Phone": "2"}})
    numbers = iter(range(99))
    during(monkeypatch, lambda: zoho.edit_account(helios, Employees=next(numbers)), every_time=True)

    send(request)

    assert (request.state, states(request)) == ("done", ["not_sent"])
    assert zoho.accounts[helios]["Phone"] == "1"


def during(monkeypatch, happening, every_time=False):
    """Let this happen right before the worker writes."""
    write = TieredCrm.bulk_update_accounts
    left = [happening]

    def act(self, *args, **kwargs):
        for each in list(left):
            each()
            if not every_time:
                left.clear()
        return write(self, *args, **kwargs)

    monkeypatch.setattr(TieredCrm, "bulk_update_accounts", act)


def test_what_zoho_has_already_is_not_written(zoho, sync_accounts, wish, send):
    """Somebody did the same over there."""
    helios = zoho.add_account(Account_Name="Helios", Phone="1")
    sync_accounts()
    request = wish({helios: {"Phone": "2"}})
    zoho.edit_account(helios, Phone="2")

    send(request)

    assert (request.state, states(request)) == ("done", ["already"])
    assert zoho.crm.writes == []


def test_an_account_that_zoho_does_not_show_is_told_and_nothing_is_retired(
    zoho, sync_accounts, wish, send
):
    """Perhaps the connection's user may no longer see it: the next sync decides."""
    helios, borealis = (zoho.add_account(Account_Name=name) for name in ("Helios", "Borealis"))
    sync_accounts()
    request = wish({helios: {"Phone": "2"}, borealis: {"Phone": "2"}})
    zoho.delete_account(helios)

    send(request)

    assert states(request) == ["refused", "written"]
    assert Account.objects.get(zoho_account_id=helios).retired_at is None


def test_an_answer_that_never_came_is_looked_up_and_nothing_is_sent_twice(
    zoho, sync_accounts, wish, send
):
    """The write had arrived."""
    helios = zoho.add_account(Account_Name="Helios", Phone="1")
    sync_accounts()
    request = wish({helios: {"Phone": "2"}})
    zoho.faults.add("lost_answer", path=PUT_ACCOUNTS, times=1)

    send(request)

    assert states(request) == ["written"]
    assert len(zoho.crm.writes) == 1


def test_a_worker_that_died_while_sending_leaves_nothing_in_doubt(
    zoho, sync_accounts, wish, send, staff
):
    """What it marked as being sent is looked at in Zoho: there, or not there, or who knows."""
    there, not_there, who_knows = (
        zoho.add_account(Account_Name=name, Phone="1") for name in ("A", "B", "C")
    )
    sync_accounts()
    request = wish({each: {"Phone": "2"} for each in (there, not_there, who_knows)})
    died = timezone.now() - dt.timedelta(minutes=7)
    request.changes.update(state="sending", sent_at=died)
    zoho.edit_account(there, Phone="2")
    zoho.crm._accounts[not_there].modified -= 3600
    request.state = "approved"
    request.save()

    send(request, decisions.send_again)

    assert states(request) == ["written", "written", "unknown"]
    assert [[row["id"] for row in rows] for rows in written(zoho)] == [[not_there]]


def test_what_may_still_be_on_its_way_is_not_looked_up_yet(zoho, sync_accounts, wish, staff):
    """Zoho would say that it has not arrived, and it would be sent a second time."""
    helios = zoho.add_account(Account_Name="Helios", Phone="1")
    sync_accounts()
    request = wish({helios: {"Phone": "2"}})
    request.changes.update(state="sending", sent_at=timezone.now() - dt.timedelta(minutes=1))
    request.turn((ChangeRequest.State.DRAFT,), ChangeRequest.State.APPROVED)
    decisions.send_again(request, staff)

    run = carry_out(SyncRun.objects.get(pk=request.run.pk), work)

    assert (run.state, states(request)) == ("waiting", ["sending"])
    assert 270 < (run.resume_at - timezone.now()).total_seconds() <= 300
    assert zoho.crm.writes == []


def test_without_the_permission_nothing_is_lost(zoho, sync_accounts, wish, send):
    """The run says what to allow; then it is sent."""
    helios = zoho.add_account(Account_Name="Helios", Phone="1")
    sync_accounts()
    request = wish({helios: {"Phone": "2"}})
    body = {"code": "OAUTH_SCOPE_MISMATCH", "details": {}, "message": "x", "status": "error"}
    zoho.faults.add("answer", path=PUT_ACCOUNTS, status=401, body=body, times=1)

    run = send(request)

    assert run.state == "failed"
    assert "accounts.UPDATE" in run.message
    assert (request.state, states(request)) == ("approved", ["ready"])
    send(request, decisions.send_again)
    assert (request.state, states(request)) == ("done", ["written"])
    assert len(zoho.crm.writes) == 1


def test_a_limit_is_waited_for(zoho, sync_accounts, wish, send):
    """As every run does."""
    helios = zoho.add_account(Account_Name="Helios", Phone="1")
    sync_accounts()
    request = wish({helios: {"Phone": "2"}})
    zoho.faults.add(
        "rate_limit", path=PUT_ACCOUNTS, code="TOO_MANY_REQUESTS", retry_after=0, times=4
    )

    run = send(request)

    assert (run.state, states(request)) == ("succeeded", ["written"])
    assert len(zoho.crm.writes) == 1


def test_a_value_that_no_longer_fits_is_not_sent(zoho, sync_accounts, wish, send):
    """The pick list was shortened while the request waited."""
    helios, borealis = (zoho.add_account(Account_Name=name) for name in ("Helios", "Borealis"))
    sync_accounts()
    request = wish({helios: {"Industry": "Energy"}, borealis: {"Industry": "Retail"}})
    zoho.crm.pick_lists["Industry"].remove("Energy")
    CrmField.objects.update(checked_at="2000-01-01T00:00Z")

    send(request)

    assert states(request) == ["invalid", "written"]
    invalid = request.changes.get(state="invalid")
    assert "Industry" in invalid.problem
    assert "Energy" not in invalid.problem


def test_a_value_that_a_rule_in_zoho_changed_is_told(zoho, sync_accounts, wish, send, monkeypatch):
    """Written, and not what was wanted: nobody should believe otherwise."""
    helios = zoho.add_account(Account_Name="Helios", Phone="1")
    sync_accounts()
    request = wish({helios: {"Phone": "2"}})
    read_back = Sending.read_back

    def after_a_rule(self):
        if zoho.accounts[helios]["Phone"] == "2":
            zoho.edit_account(helios, Phone="+2")
        read_back(self)

    monkeypatch.setattr(Sending, "read_back", after_a_rule)

    send(request)

    change = request.changes.get()
    assert change.state == "written"
    assert "holds another value now: Phone" in change.problem
    assert Account.objects.get().phone == "+2"


def test_writing_goes_beside_reading(zoho, sync_accounts, wish, send):
    """Nobody's edit waits for an hour's sync."""
    helios = zoho.add_account(Account_Name="Helios", Phone="1")
    sync_accounts()
    SyncRun.objects.create(kind="crm_accounts.account", mode="full", trigger="schedule")
    request = wish({helios: {"Phone": "2"}})

    run = send(request)

    assert run.state == "succeeded"
    assert zoho.accounts[helios]["Phone"] == "2"


def test_no_value_is_logged(zoho, sync_accounts, wish, send, caplog):
    """Names of fields and counts are."""
    helios = zoho.add_account(Account_Name="Helios", Phone="1")
    sync_accounts()
    request = wish({helios: {"Phone": "+49 topsecret"}})

    run = send(request)

    told = caplog.text + " ".join(run.events.values_list("words", flat=True)) + run.message
    assert "topsecret" not in told
    assert "Helios" not in told
    assert "1 written" in run.message


def test_every_kind_of_field_arrives_as_it_was_entered(zoho, sync_accounts, wish, send):
    """Each type in Zoho's own form, and back."""
    helios = zoho.add_account(Account_Name="Helios")
    parent = zoho.add_account(Account_Name="Parent")
    sync_accounts()
    owner = zoho.accounts[parent]["Owner"]["id"]
    values = {
        "Account_Name": "Helios AG",
        "Account_Number": "123456789012345678",
        "Industry": "Energy",
        "Annual_Revenue": "1234567890.25",
        "Exchange_Rate": "1.123456789",
        "Employees": "40",
        "Phone": "+49 89 1",
        "Website": "https://helios.example",
        "Description": "Two\nlines",
        "Parent_Account": parent,
        "Owner": owner,
        "Credit_Limit": "250.5",
        "Customer_Segment": "Enterprise",
        "Products_Used": ["Panels", "Maintenance, on site"],
        "Key_Account": True,
        "Customer_Since": "2026-11-30",
        "Last_Audit": "2026-11-30T14:05:00+00:00",
        "Discount": "12.5",
        "Billing_Email": "a@b.example",
        "ERP_Number": "E-1",
    }
    request = wish({helios: values})

    send(request)

    change = request.changes.get()
    assert (change.state, change.problem) == ("written", "")
    account = Account.objects.get(zoho_account_id=helios)
    kinds = editable()
    assert {name: kinds[name].known(account) for name in values} == values


def test_all_of_them_can_be_emptied(zoho, sync_accounts, wish, send):
    """Nothing is a value, too."""
    helios = zoho.add_account(
        Account_Name="Helios", Phone="1", Industry="Energy", Employees=4, Credit_Limit=2,
        Products_Used=["Panels"], Key_Account=True, Customer_Since="2026-11-30",
    )  # fmt: skip
    sync_accounts()
    names = ("Phone", "Industry", "Employees", "Credit_Limit", "Products_Used", "Customer_Since")
    request = wish({helios: {**dict.fromkeys(names), "Key_Account": False}})

    send(request)

    change = RequestedChange.objects.get()
    assert (change.state, change.problem) == ("written", "")
    account = Account.objects.get()
    assert (account.phone, account.industry, account.employees) == ("", "", None)
    assert set(account.custom_fields) <= {"Key_Account"}


def test_two_requests_for_the_same_sixty_accounts_lose_nothing(zoho, sync_accounts, wish, send):
    """All accounts of a call are read at one moment, so that one time guards all of them."""
    ids = [zoho.add_account(Account_Name=f"Account {n}", Phone="1") for n in range(60)]
    sync_accounts()
    first = wish({each: {"Phone": "first"} for each in ids})
    second = wish({each: {"Phone": "second"} for each in ids})

    send(first)
    send(second)

    assert set(states(first)) == {"written"}
    assert set(states(second)) == {"conflict"}
    assert {one["Phone"] for one in zoho.accounts.values()} == {"first"}


def test_one_busy_account_does_not_hold_up_its_neighbours(
    zoho, sync_accounts, wish, send, monkeypatch
):
    """Zoho refuses all of a call for the one; only that one is let be."""
    busy, *others = (zoho.add_account(Account_Name=str(n), Phone="1") for n in range(3))
    sync_accounts()
    request = wish({each: {"Phone": "2"} for each in (busy, *others)})
    numbers = iter(range(99))
    during(monkeypatch, lambda: zoho.edit_account(busy, Employees=next(numbers)), every_time=True)

    send(request)

    assert states(request) == ["not_sent", "written", "written"]


def test_what_was_refused_for_its_neighbours_sake_and_is_there_was_us(
    zoho, sync_accounts, wish, send, monkeypatch
):
    """Whether a refusal stops all of a call is not known: what we wrote can be undone."""
    helios, borealis = (zoho.add_account(Account_Name=n, Phone="1") for n in ("A", "B"))
    sync_accounts()
    request = wish({each: {"Phone": "2"} for each in (helios, borealis)})
    write = TieredCrm.bulk_update_accounts

    def refuse_all_but_write_one(self, records, **kwargs):
        monkeypatch.setattr(TieredCrm, "bulk_update_accounts", write)
        zoho.edit_account(helios, Phone="2")
        told = write(self, records, unless_modified_since=dt.datetime(2000, 1, 1, tzinfo=dt.UTC))
        return told

    monkeypatch.setattr(TieredCrm, "bulk_update_accounts", refuse_all_but_write_one)

    send(request)

    assert states(request) == ["written", "written"]
    assert len(decisions.undo(request, request.asked_by).changes.all()) == 2


def test_a_request_that_is_no_longer_approved_is_not_sent(zoho, sync_accounts, wish, staff):
    """Whatever has woken its run."""
    helios = zoho.add_account(Account_Name="Helios", Phone="1")
    sync_accounts()
    request = wish({helios: {"Phone": "2"}})
    decisions.ask(request, staff)
    request.turn((ChangeRequest.State.APPROVED,), ChangeRequest.State.PENDING)

    carry_out(SyncRun.objects.get(pk=request.run.pk), work)

    assert (zoho.crm.writes, states(request)) == ([], ["ready"])


def test_a_worker_that_lost_its_changes_to_another_writes_no_results(
    zoho, sync_accounts, wish, staff, monkeypatch
):
    """It came back late from a call, and the other has looked at everything meanwhile."""
    helios = zoho.add_account(Account_Name="Helios", Phone="1")
    sync_accounts()
    request = wish({helios: {"Phone": "2"}})
    during(monkeypatch, lambda: request.changes.update(state="written", sent_at=timezone.now()))
    during_that = TieredCrm.bulk_update_accounts
    zoho.edit_account(helios, Employees=1)

    def refuse(self, records, **kwargs):
        old = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
        return during_that(self, records, unless_modified_since=old)

    monkeypatch.setattr(TieredCrm, "bulk_update_accounts", refuse)
    decisions.ask(request, staff)

    carry_out(SyncRun.objects.get(pk=request.run.pk), work)

    assert states(request) == ["written"]


def test_a_field_that_is_gone_while_it_was_being_sent_stops_nothing(
    zoho, sync_accounts, wish, send
):
    """It is looked at all the same."""
    helios = zoho.add_account(Account_Name="Helios", Phone="1")
    sync_accounts()
    request = wish({helios: {"Phone": "2"}})
    request.changes.update(state="sending", sent_at=timezone.now() - dt.timedelta(minutes=7))
    request.turn((ChangeRequest.State.DRAFT,), ChangeRequest.State.APPROVED)
    CrmField.objects.filter(api_name="Phone").update(is_read_only=True)

    run = send(request, decisions.send_again)

    assert (run.state, states(request)) == ("succeeded", ["unknown"])


def test_a_page_from_before_a_write_does_not_turn_the_mirror_back(
    zoho, sync_accounts, wish, send, staff
):
    """A full run reads beside the writing, and saves later what it has read before."""
    helios = zoho.add_account(Account_Name="Helios", Phone="1")
    sync_accounts()
    request = wish({helios: {"Phone": "2"}})
    full = SyncRun.objects.create(kind="crm_accounts.account", mode="full", trigger="person")
    full.start()
    earlier = [Record(helios, None, dict(zoho.accounts[helios]))]
    zoho.crm.clock = lambda: timezone.now().timestamp() + 60
    send(request)

    save(full, ACCOUNTS, earlier, 1, page=1)

    assert Account.objects.get().phone == "2"
    assert (full.updated, full.unchanged) == (0, 1)
    assert not Change.objects.filter(run=full).exists()


def test_what_was_once_in_a_pick_list_can_be_put_back(zoho, sync_accounts, wish, send, staff):
    """Undoing must not depend on today's lists."""
    helios = zoho.add_account(Account_Name="Helios", Industry="Energy")
    sync_accounts()
    request = wish({helios: {"Industry": "Retail"}})
    send(request)
    CrmField.objects.filter(api_name="Industry").update(pick_list=["Retail"])

    undoing = decisions.undo(request, staff)
    send(undoing)

    assert states(undoing) == ["written"]
    assert zoho.accounts[helios]["Industry"] == "Energy"
