"""The pages on which accounts are changed: what they ask, refuse, keep and say."""

import html
import re

import pytest
from django.contrib.auth.models import Permission
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils import timezone

from crm_accounts import admin
from crm_accounts.models import Account, ChangeRequest, CrmField, RequestedChange
from integrations.models import ZohoCredential
from sync.models import SyncRun

pytestmark = pytest.mark.django_db

LIST = reverse("admin:crm_accounts_account_changelist")
UPLOAD = reverse("crm_accounts:upload")


@pytest.fixture(autouse=True)
def fields():
    for name, data_type in (
        ("Account_Name", "text"),
        ("Phone", "phone"),
        ("Employees", "integer"),
        ("Industry", "picklist"),
        ("ERP_Number", "text"),
    ):
        CrmField.objects.create(
            api_name=name,
            label=name.replace("_", " "),
            data_type=data_type,
            length=30,
            pick_list=["Energy"],
            is_custom=name == "ERP_Number",
            is_unique=name == "ERP_Number",
            is_mandatory=name == "Account_Name",
        )


@pytest.fixture
def client(client, staff):
    client.force_login(staff)
    return client


@pytest.fixture
def helios():
    return Account.objects.create(
        zoho_account_id="4876", name="Helios", phone="1", zoho_modified_at=timezone.now()
    )


def opened(client, account):
    """The form's own data, as a browser that changes nothing sends it."""
    page = client.get(reverse("crm_accounts:edit", args=[account.pk]))
    form = page.context["form"]
    data = {bound.html_name: bound.value() or "" for bound in form}
    return {**data, "request-seen": page.context["seen"]}


def save(client, account, data):
    return client.post(reverse("crm_accounts:edit", args=[account.pk]), data, follow=True)


def text(answer):
    return re.sub(r"\s+", " ", answer.content.decode())


def test_only_what_was_changed_is_asked_for(client, helios):
    """With what the person saw, and why."""
    data = opened(client, helios)

    answer = save(
        client, helios, {**data, "Phone": "2", "Industry": "Energy", "request-why": "Called."}
    )

    change = RequestedChange.objects.get()
    assert change.fields == {
        "Phone": {"before": "1", "after": "2"},
        "Industry": {"before": None, "after": "Energy"},
    }
    assert change.request.reason == "Called."
    assert change.known_at == helios.zoho_modified_at
    assert "is on its way to Zoho" in text(answer)


def test_whether_zohos_workflows_run_is_chosen_and_shown(client, helios):
    """By a box that is checked at first."""
    page = client.get(reverse("crm_accounts:edit", args=[helios.pk]))
    assert "Run Zoho's workflows for this change" in html.unescape(text(page))
    data = {**opened(client, helios), "request-workflows-shown": "1", "Phone": "2"}
    assert data.pop("request-workflows") is True

    unchecked = save(client, helios, data)
    checked = save(client, helios, {**data, "Phone": "3", "request-workflows": "on"})
    older_page = {name: data[name] for name in data if name != "request-workflows-shown"}
    save(client, helios, {**older_page, "Phone": "4"})

    chosen = ChangeRequest.objects.order_by("id").values_list("runs_workflows", flat=True)
    assert list(chosen) == [False, True, True]
    assert "Zoho's workflows don't run for it." in html.unescape(text(unchecked))
    assert "Zoho's workflows run for it." in html.unescape(text(checked))


def test_correcting_begins_with_what_was_chosen(client, helios, staff):
    """Otherwise the second try would start what the first was not to start."""
    asked = ChangeRequest.objects.create(
        origin="page", state="done", asked_by=staff, runs_workflows=False
    )
    change = asked.changes.create(
        number=1, account=helios, zoho_account_id="4876", state="refused",
        fields={"Phone": {"before": "1", "after": "2"}},
    )  # fmt: skip

    page = client.get(reverse("crm_accounts:edit", args=[helios.pk]), {"again": change.pk})

    assert page.context["form"].workflows().value() is False
    assert page.context["form"]["Phone"].value() == "2"


@pytest.mark.parametrize("box", [{}, {"request-workflows": "on"}])
def test_the_choice_is_there_for_many_and_for_a_file(client, helios, box):
    """Wherever a change is asked for."""
    many = select(client, helios).redirect_chain[-1][0]
    data = {"request-workflows-shown": "1", **box}

    client.post(many, {**data, "change-Phone": "1", "Phone": "2"})
    file = SimpleUploadedFile("a.csv", b"Zoho account ID,Phone\n4876,3\n")
    client.post(UPLOAD, {**data, "file": file})

    made = ChangeRequest.objects.filter(origin__in=("list", "file"))
    assert [one.runs_workflows for one in made] == [bool(box)] * 2


def test_a_page_that_nobody_changed_sends_nothing(client, helios):
    """And says so."""
    answer = save(client, helios, opened(client, helios))

    assert not ChangeRequest.objects.exists()
    assert "Nothing was changed" in text(answer)


def test_what_a_sync_brought_meanwhile_is_not_taken_for_a_change(client, helios):
    """The page still shows the old number; putting that back is not what the person wants."""
    data = opened(client, helios)
    Account.objects.update(phone="theirs")

    save(client, helios, {**data, "Employees": "40"})

    assert RequestedChange.objects.get().fields == {"Employees": {"before": None, "after": "40"}}


def test_what_zoho_would_refuse_is_said_beside_the_field(client, helios):
    """All of it at once, and what was typed stays."""
    data = {**opened(client, helios), "Account_Name": "", "Employees": "many", "Phone": "9" * 31}

    answer = save(client, helios, data)

    page = text(answer)
    assert not ChangeRequest.objects.exists()
    assert "Nothing was sent. 3 fields need your attention" in page
    assert "Account Name must not be empty in Zoho." in page
    assert "Write a whole number with digits alone: 1200" in page
    assert 'value="many"' in page


@pytest.mark.parametrize("seen", ["", "forged", "other"])
def test_a_form_that_is_not_ours_is_not_believed(client, helios, seen):
    """What the person saw decides what is overwritten."""
    other = Account.objects.create(zoho_account_id="4877", name="Borealis")
    if seen == "other":
        seen = opened(client, other)["request-seen"]

    answer = save(client, helios, {**opened(client, helios), "Phone": "2", "request-seen": seen})

    assert not ChangeRequest.objects.exists()
    assert "too old to be saved" in text(answer)


def test_an_account_that_zoho_no_longer_has_is_not_changed(client, helios):
    """The page says so at once."""
    Account.objects.update(retired_at=timezone.now())

    answer = client.get(reverse("crm_accounts:edit", args=[helios.pk]), follow=True)

    assert "Zoho no longer has this account" in text(answer)


def test_before_the_first_sync_the_page_says_what_to_do(client, helios):
    """Without metadata there is nothing to ask for."""
    CrmField.objects.all().delete()

    assert "Sync accounts once" in text(client.get(reverse("crm_accounts:edit", args=[helios.pk])))
    assert "Sync accounts once" in text(client.get(UPLOAD))


def test_a_connection_that_may_only_read_is_told_beforehand(client, helios):
    """Not after half an hour's work."""
    ZohoCredential.objects.create(
        data_center="us", client_id="1000.A", scope="ZohoCRM.modules.accounts.READ"
    )
    url = reverse("crm_accounts:edit", args=[helios.pk])

    assert "may only read accounts" in text(client.get(url))
    ZohoCredential.objects.update(scope="ZohoCRM.modules.accounts.UPDATE")
    assert "may only read accounts" not in text(client.get(url))


def select(client, *accounts):
    """Tick these in the list, and choose to change them."""
    keys = [account.pk for account in accounts]
    data = {"action": "change_selected", "_selected_action": keys}
    return client.post(LIST, data, follow=True)


def test_the_same_for_many_leaves_out_who_has_it(client, helios):
    """Nothing is sent before somebody has seen what would change."""
    same = Account.objects.create(zoho_account_id="4877", name="Borealis", phone="2")
    gone = Account.objects.create(zoho_account_id="4878", name="C", retired_at=timezone.now())
    page = select(client, helios, same, gone)
    url = page.redirect_chain[-1][0]
    assert "3 selected accounts" in text(page)

    answer = client.post(url, {"change-Phone": "1", "Phone": "2"}, follow=True)

    request = ChangeRequest.objects.get(origin="list")
    assert (request.state, request.run) == ("draft", None)
    told = [(change.account, change.state) for change in request.changes.all()]
    assert told == [(gone, "invalid"), (helios, "ready")]
    assert "1 of them has these values already" in text(answer)


def test_the_same_name_or_number_is_not_offered_for_many(client, helios):
    """One name for all of them is never meant, and a unique value cannot be."""
    page = select(client, helios)

    assert set(page.context["form"].kinds) == {"Phone", "Employees", "Industry"}


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ({}, "Tick the fields"),
        ({"Phone": "2"}, "entered something in Phone and did not tick it"),
        ({"change-Phone": "1", "Phone": "1"}, "have these values already"),
        ({"change-Employees": "1", "Employees": "x"}, "Write a whole number"),
    ],
)
def test_many_are_not_changed_without_a_word(client, helios, data, says):
    """The selection stays, to go on with."""
    url = select(client, helios).redirect_chain[-1][0]

    assert says in text(client.post(url, data))
    assert ChangeRequest.objects.get().origin == "selection"
    assert client.get(url).status_code == 200


def test_an_unfinished_selection_is_nobody_elses_and_in_no_list(client, helios, django_user_model):
    """It is a form that is open somewhere."""
    url = select(client, helios).redirect_chain[-1][0]
    requests = reverse("admin:crm_accounts_changerequest_changelist")
    assert client.get(requests).context["cl"].result_count == 0

    client.force_login(django_user_model.objects.create_superuser("ben"))

    assert client.get(url).status_code == 404


def test_too_many_are_not_selected(client, helios, monkeypatch):
    """Neither to change nor to take along."""
    monkeypatch.setattr(admin, "MOST_ACCOUNTS", 0)

    assert "are too many to be changed together" in text(select(client, helios))
    assert not ChangeRequest.objects.exists()


def upload(client, content, **data):
    sent = SimpleUploadedFile("a.csv", content.encode())
    return client.post(UPLOAD, {"file": sent, **data}, follow=True)


def test_a_file_becomes_a_draft_that_tells_of_each_line(client, helios):
    """And of the columns that were left alone."""
    answer = upload(
        client, "id,Phone,Note\n4876,2,x\n4999,3,y\n", **{"request-why": "From the fair."}
    )

    page = text(answer)
    request = ChangeRequest.objects.get()
    assert (request.state, request.reason) == ("draft", "From the fair.")
    assert "These columns were left alone: Note." in page
    assert "No account here has this ID" in page
    assert "1 account would be changed in Zoho." in page


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("id,Phone\n4876,1\n", "as it is in Zoho already"),
        ("Phone\n1\n", "no column"),
    ],
)
def test_a_file_that_changes_nothing_says_so(client, helios, content, says):
    """Beside the field, with nothing made."""
    assert says in text(upload(client, content))
    assert not ChangeRequest.objects.exists()


def test_no_file_is_an_error_of_its_own(client):
    """Not a page without words."""
    assert "Choose the file" in text(client.post(UPLOAD, {}))


def ask(client, helios):
    save(client, helios, {**opened(client, helios), "Phone": "2"})
    return ChangeRequest.objects.get()


def test_what_can_no_longer_be_done_changes_nothing(client, helios):
    """The page was open for a while."""
    request = ask(client, helios)

    answer = client.post(reverse("crm_accounts:act", args=[request.pk, "approve"]), follow=True)

    assert "is approved by now" in text(answer)
    assert client.post(reverse("crm_accounts:act", args=[request.pk, "eat"])).status_code == 404


def test_the_page_asks_anew_only_while_something_happens(client, helios):
    """And tells the browser when to stop."""
    request = ask(client, helios)
    url = reverse("crm_accounts:live", args=[request.pk])

    assert client.get(url).status_code == 200
    SyncRun.objects.update(state="succeeded", finished_at=timezone.now())
    assert client.get(url).status_code == 286


def test_a_request_that_was_interrupted_offers_the_rest(client, helios):
    """With what stopped it."""
    request = ask(client, helios)
    SyncRun.objects.update(state="failed", message="Zoho refuses this.")

    page = text(client.get(request.get_absolute_url()))

    assert "Nothing of it was sent. Zoho refuses this." in page
    assert "Send the rest" in page


def test_long_requests_come_in_pages_and_by_state(client, helios):
    """Five thousand lines are no page."""
    request = ask(client, helios)
    for number in range(2, 62):
        state = "refused" if number == 61 else "written"
        RequestedChange.objects.create(
            request=request, number=number, account=helios, zoho_account_id="4876", state=state
        )

    page = client.get(request.get_absolute_url())
    refused = client.get(request.get_absolute_url(), {"state": "refused"})

    assert "1–50 of 61" in text(page)
    assert [row["change"].number for row in refused.context["rows"]] == [61]


@pytest.mark.parametrize("right", ["change_zoho_accounts", "approve_zoho_changes"])
def test_values_are_for_who_may_see_accounts(client, helios, django_user_model, right):
    """A right to ask or to approve alone shows nobody's data."""
    request = ask(client, helios)
    ada = django_user_model.objects.create_user("ada", is_staff=True)
    codenames = [right, "view_changerequest"]
    ada.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    client.force_login(ada)

    for path in (
        request.get_absolute_url(),
        reverse("crm_accounts:live", args=[request.pk]),
        reverse("crm_accounts:resolve", args=[request.pk]),
        reverse("crm_accounts:edit", args=[helios.pk]),
        UPLOAD,
    ):
        assert client.get(path).status_code == 403


def test_names_from_zoho_are_text(client, helios):
    """On every page that shows them."""
    Account.objects.update(name="<script>x</script>")
    request = ask(client, helios)
    for path in (request.get_absolute_url(), reverse("crm_accounts:edit", args=[helios.pk])):
        assert "<script>x" not in text(client.get(path))


def test_lines_of_a_text_survive_when_something_else_is_changed(client, helios):
    """A field of one line would lose them, and the change would be sent unseen."""
    CrmField.objects.create(api_name="Billing_Street", label="Street", data_type="text", length=99)
    Account.objects.update(billing_street="Main St 1\nBuilding 2")
    data = opened(client, helios)
    page = client.get(reverse("crm_accounts:edit", args=[helios.pk])).content.decode()
    assert re.search(r'<textarea name="Billing_Street"[^>]*>\s*Main St 1', page)

    save(client, helios, {**data, "Billing_Street": "Main St 1\r\nBuilding 2", "Phone": "2"})

    assert list(RequestedChange.objects.get().fields) == ["Phone"]


def test_what_nobody_touched_blocks_nothing(client, helios):
    """Zoho has held longer, finer and odder values than its metadata allows today."""
    CrmField.objects.create(
        api_name="Annual_Revenue", label="Revenue", data_type="currency", decimal_places=2
    )
    CrmField.objects.create(api_name="Parent_Account", label="Parent", data_type="lookup")
    CrmField.objects.create(api_name="Owner", label="Owner", data_type="ownerlookup")
    Account.objects.update(annual_revenue="10.125", parent_account_id="999", name="H" * 31)

    save(client, helios, {**opened(client, helios), "Phone": "2"})

    assert list(RequestedChange.objects.get().fields) == ["Phone"]


def test_what_was_refused_can_be_corrected(client, helios):
    """With what was wanted, instead of typing it all again."""
    request = ask(client, helios)
    request.changes.update(state="refused")
    ChangeRequest.objects.update(state="done")
    SyncRun.objects.update(state="succeeded")
    page = text(client.get(request.get_absolute_url()))
    url = f"{reverse('crm_accounts:edit', args=[helios.pk])}?again={request.changes.get().pk}"
    assert url in page
    assert "Done, 1 not written" in page

    form = client.get(url).context["form"]

    assert form["Phone"].value() == "2"


def test_a_request_that_waits_is_told_where_the_account_is(client, helios):
    """Before somebody asks for the same."""
    ask(client, helios)
    ChangeRequest.objects.update(state="pending")

    for page in (
        reverse("admin:crm_accounts_account_change", args=[helios.pk]),
        reverse("crm_accounts:edit", args=[helios.pk]),
    ):
        assert "by olga waits for approval" in text(client.get(page))


def test_nothing_is_to_be_sent_of_what_was_rejected(client, helios):
    """The page says so, line by line."""
    request = ask(client, helios)
    ChangeRequest.objects.update(state="rejected")

    page = text(client.get(request.get_absolute_url()))

    assert "Not sent" in page
    assert "To be sent" not in page


def test_drafts_are_shown_to_who_made_them(client, helios, django_user_model):
    """Nobody else can do anything about them."""
    upload(client, "id,Phone\n4876,2\n")
    requests = reverse("admin:crm_accounts_changerequest_changelist")
    assert client.get(requests).context["cl"].result_count == 1

    client.force_login(django_user_model.objects.create_superuser("ben"))

    assert client.get(requests).context["cl"].result_count == 0


def test_a_list_of_requests_costs_few_queries(client, helios, django_assert_max_num_queries):
    """However many there are."""
    for _ in range(12):
        ask_once = client.post(UPLOAD, {"file": SimpleUploadedFile("a.csv", b"id,Phone\n4876,2\n")})
        assert ask_once.status_code == 302
    requests = reverse("admin:crm_accounts_changerequest_changelist")

    with django_assert_max_num_queries(14):
        client.get(requests)
