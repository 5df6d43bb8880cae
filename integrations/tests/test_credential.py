import datetime as dt

import pytest
from cryptography.fernet import Fernet
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection
from django.utils import timezone

from integrations.models import EXPIRY_MARGIN, ZohoCredential
from integrations.zoho.errors import ZohoConfigError
from integrations.zoho.tokens import ZohoTokens

pytestmark = pytest.mark.django_db

SECRET = "f00dfeed" * 5  # pragma: allowlist secret


def connection_row(**fields):
    return ZohoCredential(
        **{
            "data_center": "eu",
            "organization_id": "10234695",
            "client_id": "1000.CLIENTIDCLIENTID",
            "client_secret": SECRET,
            "refresh_token": "1000." + "ab" * 16 + "." + "cd" * 16,
            **fields,
        }
    )


def test_there_is_one_connection_by_database_constraint():
    """A check in Python can be raced, and bulk_create passes it by."""
    connection_row().save()

    with pytest.raises(IntegrityError):
        ZohoCredential.objects.bulk_create([connection_row(id=2)])


def test_a_second_row_with_the_same_key_is_refused_too():
    """Inserting again must fail rather than replace the connection."""
    connection_row().save()

    with pytest.raises(IntegrityError):
        ZohoCredential.objects.bulk_create([connection_row()])


def test_the_database_holds_only_ciphertext():
    """Whoever reads a backup must not be able to read the company's Zoho."""
    row = connection_row(access_token="1000.access." + "ef" * 16)
    row.save()

    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM integrations_zohocredential")
        stored = str(cursor.fetchall())

    for secret in (row.client_id, row.client_secret, row.refresh_token, row.access_token):
        assert secret not in stored
    assert ZohoCredential.load().client_secret == SECRET


@pytest.fixture
def wrong_key(settings):
    """The secrets are stored, and then the keys change; returns the right ones."""
    connection_row().save()
    right = settings.ZOHO_ENCRYPTION_KEYS
    settings.ZOHO_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    return right


def test_a_wrong_key_says_so_and_says_nothing_else(wrong_key):
    """The engineer must learn which setting is wrong, not see a traceback of ciphertext."""
    with pytest.raises(ZohoConfigError, match="ZOHO_ENCRYPTION_KEYS"):
        ZohoCredential.load()
    with pytest.raises(ZohoConfigError, match="ZOHO_ENCRYPTION_KEYS"):
        ZohoTokens().current()


def test_saving_with_a_wrong_key_keeps_what_is_stored(wrong_key, settings, tmp_path):
    """Whatever is saved meanwhile, and however the rows are carried elsewhere."""
    row = ZohoCredential.objects.get()
    row.organization_id = "7"
    row.save()
    call_command("dumpdata", "integrations.zohocredential", output=str(tmp_path / "rows.json"))
    row.delete()
    call_command("loaddata", str(tmp_path / "rows.json"), verbosity=0)

    settings.ZOHO_ENCRYPTION_KEYS = wrong_key
    stored = ZohoCredential.load()
    assert (stored.client_secret, stored.organization_id) == (SECRET, "7")


def test_a_wrong_key_can_be_got_over_by_entering_the_secrets_again(wrong_key, client, staff):
    """Where the key is lost for good."""
    client.force_login(staff)
    page = "/admin/integrations/zohocredential/1/change/"

    shown = client.get(page).content.decode()
    form = {"data_center": "us", "environment": "production", "organization_id": "7"}
    secrets = {name: f"1000.new-{name}" for name in ("client_id", "client_secret", "refresh_token")}
    left_blank = client.post(page, form)
    entered = client.post(page, {**form, **secrets})

    assert "ZOHO_ENCRYPTION_KEYS" in shown
    assert "What is stored cannot be decrypted" in shown
    assert left_blank.status_code == 200
    assert entered.status_code == 302
    assert ZohoCredential.load().refresh_token == "1000.new-refresh_token"


def test_keys_are_rotated_without_losing_a_secret(settings, capsys):
    """A key that leaked must be replaceable while the connection stays."""
    connection_row().save()
    old, new = settings.ZOHO_ENCRYPTION_KEYS[0], Fernet.generate_key().decode()
    settings.ZOHO_ENCRYPTION_KEYS = [new, old]

    call_command("rotate_zoho_keys")

    settings.ZOHO_ENCRYPTION_KEYS = [new]
    assert ZohoCredential.load().client_secret == SECRET


def test_rotating_without_the_old_key_changes_nothing(settings):
    """A rotation that fails half-way would lock the connection for ever."""
    connection_row().save()
    old = settings.ZOHO_ENCRYPTION_KEYS
    settings.ZOHO_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]

    with pytest.raises(CommandError, match="Nothing was changed"):
        call_command("rotate_zoho_keys")

    settings.ZOHO_ENCRYPTION_KEYS = old
    assert ZohoCredential.load().client_secret == SECRET


def test_a_moment_without_time_zone_is_refused():
    """An hour's difference would make a dead token look alive."""
    with pytest.raises(ValidationError, match="time zone"):
        connection_row(expires_in=dt.datetime(2026, 1, 1)).save()


@pytest.mark.parametrize(("seconds_before_margin", "expired"), [(1, False), (0, True), (-1, True)])
def test_a_token_is_replaced_five_minutes_before_its_end(seconds_before_margin, expired):
    """A token that dies on the way costs a refused call."""
    now = timezone.now()
    ends = now + EXPIRY_MARGIN + dt.timedelta(seconds=seconds_before_margin)

    assert connection_row(access_token="x" * 20, expires_in=ends).is_expired(now) is expired


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        ({"access_token": "t" * 20, "expires_in": 60}, "Connected"),
        ({"access_token": "t" * 20, "expires_in": 3}, "Expiring"),
        ({"access_token": "t" * 20, "expires_in": -1}, "Expired"),
        ({}, "Expired"),
        ({"reconnect_reason": "Revoked."}, "Reconnect needed"),
        ({"refresh_token": ""}, "Not connected"),
    ],
)
def test_the_state_of_the_token_is_told_in_words(fields, state):
    """Staff must see at a glance whether they have to do something."""
    now = timezone.now()
    if "expires_in" in fields:
        fields = {**fields, "expires_in": now + dt.timedelta(minutes=fields["expires_in"])}

    assert connection_row(**fields).state(now).label == state


def test_repr_and_str_hold_no_secret():
    """Objects end up in logs and error pages."""
    row = connection_row()

    for text in (repr(row), str(row)):
        assert SECRET not in text
        assert row.refresh_token not in text


def test_without_a_connection_the_error_says_how_to_make_one():
    """The first thing a new user meets must tell the next step."""
    with pytest.raises(ZohoConfigError, match="zoho_connect"):
        ZohoCredential.load()
