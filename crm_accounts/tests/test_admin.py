"""Accounts in the admin."""

import pytest
from django.urls import reverse

from crm_accounts.models import Account, CrmUser
from crm_accounts.services import sync_accounts as work
from sync.models import SyncRun
from sync.runner import carry_out

pytestmark = pytest.mark.django_db

LIST = reverse("admin:crm_accounts_account_changelist")
KIND = "crm_accounts.account"


@pytest.fixture
def client(client, staff):
    client.force_login(staff)
    return client


@pytest.fixture
def helios():
    CrmUser.objects.create(id="77", name="Olga B.")
    return Account.objects.create(
        zoho_account_id="4876", name="Helios GmbH", phone="+49 89 1", owner_id="77",
        custom_fields={"Credit_Limit": "250.5"},
    )  # fmt: skip


def test_accounts_are_found_by_name_phone_and_id(client, helios):
    """What a caller says first."""
    Account.objects.create(zoho_account_id="4877", name="Borealis")

    for words in ("helios", "49 89", "4876"):
        found = client.get(LIST, {"q": words}).context["cl"].result_list
        assert [account.name for account in found] == ["Helios GmbH"]


def test_owners_have_names(client, helios):
    """An id says nothing to anybody; and the list can be narrowed to one owner's."""
    page = client.get(LIST, {"owner": "77"}).content.decode()

    assert "Olga B." in page
    assert "Helios GmbH" in page


def test_an_accounts_page_shows_its_own_fields(client, helios):
    """Standard and custom, all of it read-only but the note."""
    page = client.get(reverse("admin:crm_accounts_account_change", args=[helios.pk]))

    assert "<dd>250.5</dd>" in page.content.decode()
    assert set(page.context["adminform"].form.fields) == {"note"}


def test_the_list_starts_a_sync(client, zoho, credential):
    """The first one, without a detour."""
    zoho.add_account(Account_Name="Helios GmbH")
    assert "No complete sync yet." in client.get(LIST).content.decode()

    client.post(reverse("sync:start", args=[KIND]), {"mode": "full"})
    run = carry_out(SyncRun.objects.get(), work)

    assert (run.kind, run.state, run.created) == (KIND, "succeeded", 1)
    assert "everything was read" in client.get(LIST).content.decode()


def test_starting_needs_the_right_and_a_mirror(client, django_user_model):
    """As everywhere."""
    assert client.post(reverse("sync:start", args=["auth.user"])).status_code == 404
    client.force_login(django_user_model.objects.create_user("ada", is_staff=True))

    assert client.post(reverse("sync:start", args=[KIND])).status_code == 403
