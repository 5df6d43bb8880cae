import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission

from integrations.models import ZohoCredential

pytestmark = pytest.mark.django_db

LIST = "/admin/integrations/zohocredential/"
CHANGE = f"{LIST}1/change/"
SECRET = "5ec4e7" * 7  # pragma: allowlist secret
FORM = {
    "data_center": "eu",
    "environment": "production",
    "organization_id": "10234695",
    "client_id": "1000.CLIENTIDCLIENTID7777",
    "client_secret": SECRET,
    "refresh_token": "1000." + "ab" * 16 + "." + "cd" * 15 + "9999",
}
SECRET_NAMES = ("client_id", "client_secret", "refresh_token")


@pytest.fixture
def client(client, staff):
    client.force_login(staff)
    return client


@pytest.fixture
def stored(client):
    client.post(f"{LIST}add/", FORM)
    return ZohoCredential.load()


def test_the_connection_is_entered_once(client, stored):
    """A second one has no meaning."""
    assert stored.client_secret == SECRET
    assert client.get(f"{LIST}add/").status_code == 403


def test_the_connection_cannot_be_deleted(client, stored):
    """A slip of the hand would cut the company off."""
    assert client.get(f"{LIST}1/delete/").status_code == 403
    assert "delete_selected" not in client.get(LIST, follow=True).content.decode()


def test_blank_secrets_keep_what_is_stored(client, stored):
    """Nobody should need the secret to change the organisation."""
    blank = dict.fromkeys(SECRET_NAMES, "")

    client.post(CHANGE, {**FORM, **blank, "organization_id": "777"})

    now = ZohoCredential.load()
    assert now.organization_id == "777"
    assert [getattr(now, name) for name in SECRET_NAMES] == [FORM[name] for name in SECRET_NAMES]


def test_new_secrets_replace_the_old_and_forget_what_was_learnt_with_them(client, stored):
    """An old access token, or an old "Reconnect needed", belongs to the old secrets."""
    ZohoCredential.objects.update(reconnect_reason="Revoked.")
    blank = dict.fromkeys(SECRET_NAMES, "")

    client.post(CHANGE, {**FORM, **blank, "refresh_token": "1000.new.new1234"})

    now = ZohoCredential.load()
    assert now.refresh_token == "1000.new.new1234"
    assert now.reconnect_reason == ""


def test_no_page_and_no_history_shows_a_secret(client, stored):
    """Shoulders, screenshots, browser caches."""
    client.post(CHANGE, {**FORM, "client_secret": "0ther5ecret" * 4})  # pragma: allowlist secret
    pages = [
        client.get(url, follow=True).content.decode()
        for url in (LIST, CHANGE, f"{LIST}1/history/", "/admin/")
    ]
    pages += [str(entry.change_message) + entry.object_repr for entry in LogEntry.objects.all()]

    for page in pages:
        for secret in (SECRET, "0ther5ecret" * 4, FORM["refresh_token"], FORM["client_id"]):
            assert secret not in page
    assert "••••9999" in pages[1]


def test_an_error_in_the_form_does_not_send_the_secret_back(client, stored):
    """Browsers keep pages."""
    page = client.post(CHANGE, {**FORM, "organization_id": "not digits"}).content.decode()

    assert "digits only" in page
    assert SECRET not in page


def test_the_state_of_the_token_is_shown(client, stored):
    """Connected or not is the first question."""
    ZohoCredential.objects.update(reconnect_reason="Zoho no longer accepts the refresh token.")

    page = client.get(CHANGE).content.decode()

    assert "Reconnect needed" in page
    assert "no longer accepts" in page


def test_an_auditor_may_look_and_sees_no_input(client, stored, django_user_model):
    """Seeing the state is not a right to change it."""
    auditor = django_user_model.objects.create_user("ada", is_staff=True)
    auditor.user_permissions.add(Permission.objects.get(codename="view_zohocredential"))
    client.force_login(auditor)

    page = client.get(CHANGE).content.decode()

    assert "10234695" in page
    assert 'name="client_secret"' not in page
    for name in SECRET_NAMES:
        assert FORM[name] not in page
