"""The audit log: every operation on a token and on the connection leaves a row, and no secret."""

import pytest
from cryptography.fernet import Fernet
from django.contrib.auth.models import Permission
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection
from django.db.transaction import atomic

from conftest import in_minutes
from integrations.models import AuditEvent, ConnectAttempt, ZohoCredential, ZohoUsage
from integrations.zoho.crm.rest import RestCrm
from integrations.zoho.errors import ZohoAuthError, ZohoDatabaseError, ZohoUnavailableError
from integrations.zoho.inventory import ZohoClient
from integrations.zoho.tokens import ZohoTokens, get_valid_token
from tests.on_record import events

pytestmark = pytest.mark.django_db

LIST = "/admin/integrations/auditevent/"
FORM = "/admin/integrations/zohocredential/1/change/"
TOKEN_PATH = "/oauth/v2/token"


def actions():
    """All that happened, the oldest first."""
    return list(events().order_by("id").values_list("action", flat=True))


def event(action):
    return AuditEvent.objects.get(action=action)


def refuse_rows(execute, sql, params, many, context):
    """A database that takes no row of the audit log, as without the right to insert."""
    if sql.startswith('INSERT INTO "integrations_auditevent"'):
        raise DatabaseError("permission denied")
    return execute(sql, params, many, context)


@pytest.fixture
def signed_in(client, staff):
    client.force_login(staff)
    return client


# --- tokens ---------------------------------------------------------------------------------------


def test_a_client_goes_on_record_once_however_many_calls_it_makes(zoho, credential):
    """A sweep of a thousand pages is one use of the token, not a thousand."""
    client = ZohoClient.from_database(ZohoUsage.Purpose.SCHEDULE)
    for _ in range(3):
        client.transport.tokens._read_again_at = 0  # as if time had passed
        client.fetch_products()
    client.close()

    read = event("token.read")
    assert (read.user, read.who) == (None, "background service")
    assert read.about == f"Zoho organisation {zoho.organization_id}"
    assert read.details == {"purpose": "schedule", "product": "inventory"}


def test_each_client_goes_on_record_with_the_product_it_asks_for(zoho, credential):
    """ "Who used the CRM?" is not answered by Inventory's rows."""
    for client in (ZohoClient.from_database(), RestCrm.from_database()):
        client.transport.tokens.current()

    products = AuditEvent.objects.filter(action="token.read").values_list(
        "details__product", flat=True
    )
    assert set(products) == {"inventory", "crm"}
    assert actions().count("token.refreshed") == 1


def test_each_renewal_goes_on_record(zoho, credential):
    """With whose work it was for."""
    get_valid_token()
    ZohoCredential.objects.update(expires_in=in_minutes(4))
    ZohoTokens(ZohoUsage.Purpose.AGENT, ZohoUsage.Product.CRM).current()

    assert actions() == ["token.refreshed", "token.read"] * 2
    newest = AuditEvent.objects.filter(action="token.refreshed").first()
    assert newest.details == {"purpose": "agent", "product": "crm"}


def test_a_refused_renewal_goes_on_record_with_zohos_reason(zoho, credential):
    """And only once: at a door that is known to be shut nobody knocks again."""
    zoho.revoke_refresh_token()
    for _ in range(2):
        with pytest.raises(ZohoAuthError):
            get_valid_token()

    refused = events().get()
    assert refused.action == "token.refused"
    assert refused.details["reason"] == "invalid_code"


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ({"kind": "drop"}, "ZohoUnavailableError"),
        ({"kind": "answer", "status": 400, "body": {"error": "something_new"}}, "something_new"),
        ({"kind": "answer", "status": 400, "body": {"error": "<b>1</b>"}}, "ZohoUnavailableError"),
    ],
    ids=["silence", "a word", "no word"],
)
def test_a_reason_is_a_word_or_the_name_of_our_error(zoho, credential, fault, reason):
    """What Zoho says goes on record only where it can be nothing but a name."""
    zoho.faults.add(fault.pop("kind"), path=TOKEN_PATH, times=1, **fault)

    with pytest.raises(ZohoUnavailableError):
        get_valid_token()

    assert event("token.refused").details["reason"] == reason


def test_a_renewal_and_its_row_are_kept_both_or_neither(zoho, credential):
    """A token that nobody can account for is not used; what was stored before stays."""
    with connection.execute_wrapper(refuse_rows), pytest.raises(ZohoDatabaseError):
        get_valid_token()

    assert ZohoCredential.load().access_token == ""
    assert actions() == []
    assert get_valid_token()


def test_no_token_is_handed_out_without_its_row(zoho, credential):
    """Not by the next try of the same client, either."""
    get_valid_token()
    tokens = ZohoTokens()

    for _ in range(2):
        with connection.execute_wrapper(refuse_rows), pytest.raises(ZohoDatabaseError), atomic():
            tokens.current()

    assert tokens.current()
    assert actions().count("token.read") == 2


# --- the connection -------------------------------------------------------------------------------


def test_connecting_by_a_code_goes_on_record_under_the_persons_name(zoho, signed_in, staff):
    """Exchange and connection are two things: the second may never come."""
    code = zoho.make_self_client_code("ZohoInventory.items.READ,ZohoInventory.settings.READ")
    client = {"data_center": "us", "client_id": zoho.client_id, "client_secret": zoho.client_secret}
    page = signed_in.post(
        "/oauth/start", {**client, "grant_code": code, "with_code": 1}, follow=True
    )
    assert actions() == ["code.exchanged"]

    signed_in.post(page.request["PATH_INFO"], {"organization_id": zoho.organization_id})

    made = event("connection.made")
    assert (made.user, made.who) == (staff, "olga")
    assert made.about == f"Zoho organisation {zoho.organization_id}"
    assert made.details["scopes"] == ["ZohoInventory.items.READ", "ZohoInventory.settings.READ"]


def test_a_code_that_is_refused_goes_on_record(zoho, signed_in):
    """Somebody may be trying codes that are not theirs."""
    client = {"data_center": "us", "client_id": zoho.client_id, "client_secret": zoho.client_secret}

    signed_in.post("/oauth/start", {**client, "grant_code": "1000.no.code", "with_code": 1})

    refused = events().get()
    assert (refused.action, refused.who) == ("code.refused", "olga")
    assert refused.details["reason"] == "invalid_code"


@pytest.mark.parametrize("reached", [True, False])
def test_disconnecting_goes_on_record_with_what_zoho_said(zoho, credential, signed_in, reached):
    """Where Zoho did not agree, the token is still alive there."""
    if not reached:
        zoho.faults.add("drop", path="/oauth/v2/token/revoke")

    signed_in.post("/oauth/disconnect")

    assert actions() == ["token.revoked", "connection.ended"]
    assert event("token.revoked").details == {"zoho_agreed": reached}
    assert {row.who for row in events()} == {"olga"}


def test_testing_the_connection_goes_on_record_under_the_persons_name(zoho, credential, signed_in):
    """A click is no background service."""
    signed_in.post("/oauth/test")

    assert {row.who for row in events()} == {"olga"}
    assert actions() == ["token.refreshed", "token.read"]


def test_a_change_in_the_form_goes_on_record_by_the_names_of_its_fields(credential, signed_in):
    """Blank secrets are none, and saving what is there is no change."""
    values = {"data_center": "us", "environment": "production", "organization_id": "777"}

    for _ in range(2):
        signed_in.post(FORM, {**values, "client_secret": "", "refresh_token": "1000.new.new1234"})
        values["refresh_token"] = ""

    changed = events().order_by("id").first()
    assert changed.action == "connection.changed"
    assert sorted(changed.details["fields"]) == ["organization_id", "refresh_token"]
    assert "new1234" not in str(changed.details)


def test_a_connection_entered_in_the_form_goes_on_record(signed_in):
    """The first one, too."""
    signed_in.post(
        "/admin/integrations/zohocredential/add/",
        {
            "data_center": "eu",
            "environment": "production",
            "organization_id": "777",
            "client_id": "1000.CLIENT",
            "client_secret": "s" * 40,
        },
    )

    assert actions() == ["connection.made"]


@pytest.mark.parametrize("way", ["code", "token"])
def test_what_the_command_does_goes_on_record(zoho, settings, way, db):
    """It is nobody's click: the command is named instead."""
    settings.ZOHO_SDK_CLIENT_ID = zoho.client_id
    settings.ZOHO_SDK_CLIENT_SECRET = zoho.client_secret
    if way == "code":
        settings.ZOHO_GRANT_CODE = zoho.make_self_client_code()
    else:
        settings.ZOHO_SDK_REFRESH_TOKEN = zoho.refresh_token

    call_command("zoho_connect", data_center="us", organization_id=zoho.organization_id)

    got = "code.exchanged" if way == "code" else "token.refreshed"
    assert actions() == [got, "connection.made"]
    assert {row.details["via"] for row in events()} == {"manage.py zoho_connect"}


def test_a_command_that_zoho_refuses_goes_on_record(zoho, settings, db):
    """Nothing was stored, and something was tried."""
    settings.ZOHO_SDK_CLIENT_ID = zoho.client_id
    settings.ZOHO_SDK_CLIENT_SECRET = "wrong" * 5
    settings.ZOHO_SDK_REFRESH_TOKEN = zoho.refresh_token

    with pytest.raises(CommandError):
        call_command("zoho_connect", data_center="us", organization_id=zoho.organization_id)

    assert events().get().details["reason"].startswith("invalid_client")


def test_a_changed_key_goes_on_record(credential, settings):
    """With how much was encrypted anew."""
    settings.ZOHO_ENCRYPTION_KEYS = [Fernet.generate_key().decode(), *settings.ZOHO_ENCRYPTION_KEYS]

    call_command("rotate_zoho_keys")

    assert event("keys.rotated").details["rows"] == 1


# --- the rows -------------------------------------------------------------------------------------


def test_no_secret_gets_into_a_row(zoho, credential, signed_in):
    """Whatever is done, and whatever a caller hands over by mistake."""
    get_valid_token()
    zoho.expire_access_tokens()
    signed_in.post("/oauth/test")
    secrets = [getattr(ZohoCredential.load(), name) for name in ("refresh_token", "access_token")]
    AuditEvent.record("connection.changed", about=secrets[0], fields=secrets, note=secrets[1])
    signed_in.post("/oauth/disconnect")
    rows = str(list(events().values()))
    page = signed_in.get(LIST).content.decode()

    for secret in (*secrets, zoho.client_id, zoho.client_secret):
        assert secret
        assert secret not in rows
        assert secret not in page


def test_what_is_no_name_has_no_place_in_the_details():
    """A record, a client or an answer handed over whole would bring its values along."""
    for value in ({"Phone": "1"}, object(), b"x", 1.5, [ConnectAttempt()]):
        with pytest.raises(TypeError, match="no place in the audit log"):
            AuditEvent.record("connection.changed", what=value)
    with pytest.raises(ValueError, match="not a valid"):
        AuditEvent.record("connection.dreamt_of")


def test_a_row_is_neither_changed_nor_deleted(staff):
    """A log that can be mended proves nothing."""
    row = AuditEvent.record("connection.changed", user=staff)
    row.who = "somebody else"

    for attempt in (
        row.save,
        row.delete,
        lambda: AuditEvent.objects.update(who="somebody else"),
        lambda: AuditEvent.objects.bulk_update([row], ["who"]),
        AuditEvent.objects.all().delete,
    ):
        with pytest.raises(TypeError, match="only grows"), atomic():
            attempt()

    assert events().get().who == "olga"


def test_a_row_outlives_the_person_unchanged(staff):
    """Leaving the company must not wipe what one did."""
    AuditEvent.record("connection.changed", user=staff)
    before = events().values().get()

    staff.delete()

    assert events().values().get() == before
    assert before["who"] == "olga"


# --- the page -------------------------------------------------------------------------------------


def test_the_page_tells_and_changes_nothing(zoho, credential, signed_in):
    """Rows are shown in words; there is no button."""
    signed_in.post("/oauth/disconnect")
    row = events().first()

    page = signed_in.get(LIST).content.decode()

    assert "Disconnected" in page
    assert "zoho told: yes" in page
    assert "delete_selected" not in page
    assert signed_in.post(f"{LIST}{row.pk}/delete/", {"post": "yes"}).status_code == 403
    assert signed_in.post(f"{LIST}{row.pk}/change/", {"who": "x"}).status_code == 403
    assert signed_in.get(f"{LIST}add/").status_code == 403


def test_rows_are_found_by_who_and_about_as_a_whole(signed_in, staff):
    """ "Change request #4" must not find #40."""
    for number in (4, 40):
        AuditEvent.record("connection.changed", about=f"Change request #{number}")
    AuditEvent.record("connection.made", user="piet", about="Zoho organisation 600")

    def found(**query):
        return list(signed_in.get(LIST, query).context["cl"].queryset.values_list("about"))

    assert found(q="Change request #4") == [("Change request #4",)]
    assert found(q="piet") == [("Zoho organisation 600",)]
    assert found(q="Change") == []
    assert found(action__exact="connection.made") == [("Zoho organisation 600",)]


def test_looking_into_the_audit_log_is_a_right(client, django_user_model):
    """It names people and what they did; and there is no right to anything else."""
    ada = django_user_model.objects.create_user("ada", is_staff=True)
    client.force_login(ada)
    assert client.get(LIST).status_code == 403

    rights = Permission.objects.filter(content_type__model="auditevent")
    assert [right.codename for right in rights] == ["view_auditevent"]
    ada.user_permissions.set(rights)
    assert client.get(LIST).status_code == 200
