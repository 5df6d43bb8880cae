import pytest
from django.core.management import CommandError, call_command

from integrations.models import ZohoCredential

pytestmark = pytest.mark.django_db


@pytest.fixture
def given(settings, zoho):
    """Secrets as the environment gives them."""
    settings.ZOHO_SDK_CLIENT_ID = zoho.client_id
    settings.ZOHO_SDK_CLIENT_SECRET = zoho.client_secret
    settings.ZOHO_SDK_REFRESH_TOKEN = zoho.refresh_token
    return settings


def connect(zoho, **options):
    call_command(
        "zoho_connect",
        **{"data_center": "us", "organization_id": zoho.organization_id, **options},
    )


def test_a_connection_that_works_is_stored(zoho, given, capsys):
    """Verified by a real refresh before anything is kept."""
    connect(zoho)

    stored = ZohoCredential.load()
    assert stored.refresh_token == zoho.refresh_token
    assert stored.state() == ZohoCredential.State.CONNECTED
    assert stored.api_domain == zoho.url
    assert "Connected to Zoho organisation" in capsys.readouterr().out


def test_a_self_clients_code_is_exchanged(zoho, given):
    """What the API console gives is a code, not a refresh token."""
    given.ZOHO_SDK_REFRESH_TOKEN = ""
    given.ZOHO_GRANT_CODE = zoho.make_self_client_code()

    connect(zoho)

    assert ZohoCredential.load().refresh_token.startswith("1000.")


def test_a_connection_that_does_not_work_is_not_stored(zoho, given):
    """And the reason is told."""
    zoho.revoke_refresh_token()

    with pytest.raises(CommandError, match=r"Nothing was stored.*no longer accepts"):
        connect(zoho)

    assert not ZohoCredential.objects.exists()


def test_a_failed_reconnect_keeps_the_old_connection(zoho, given):
    """A typo must not cut the company off."""
    connect(zoho)
    given.ZOHO_SDK_CLIENT_SECRET = "wrong" * 5

    with pytest.raises(CommandError, match="client secret"):
        connect(zoho)

    assert ZohoCredential.load().client_secret == zoho.client_secret


def test_connecting_again_replaces_the_one_connection(zoho, given):
    """There is only ever one row; a dead one comes back to life."""
    connect(zoho)
    ZohoCredential.objects.update(reconnect_reason="Revoked.")

    connect(zoho)

    assert ZohoCredential.load().state() == ZohoCredential.State.CONNECTED


def test_a_wrong_organisation_id_is_named(zoho, given):
    """Before Zoho is asked."""
    with pytest.raises(CommandError, match="organization_id"):
        connect(zoho, organization_id="my company")


def test_without_a_terminal_a_missing_secret_is_named(zoho, given):
    """A deployment script must not hang at a prompt."""
    given.ZOHO_SDK_CLIENT_SECRET = ""

    with pytest.raises(CommandError, match="Client secret is missing"):
        connect(zoho)


def test_secrets_are_no_arguments():
    """They would stand in the shell's history and in the list of processes."""
    with pytest.raises(CommandError, match="unrecognized arguments"):
        call_command(
            "zoho_connect", "--organization-id", "1", "--data-center", "us", "--client-secret", "x"
        )
