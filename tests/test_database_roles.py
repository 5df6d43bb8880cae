"""The roles that docs/audit-log.md tells to make, made by its very words."""

import re
from pathlib import Path

import pytest
from django.db import ProgrammingError, connection, transaction

from integrations import health
from integrations.models import AuditEvent, ZohoCredential
from products_and_services.models import Product

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

PAGE = Path(__file__).resolve().parent.parent / "docs" / "audit-log.md"


@pytest.fixture
def become(db):
    """Makes the roles, until the test's transaction is rolled back, and takes one of them."""
    blocks = re.findall(r"```sql\n(.*?)```", PAGE.read_text(), re.S)
    assert len(blocks) == 2
    with connection.cursor() as cursor:
        for block in blocks:
            cursor.execute(block)

    def take(role):
        with connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL ROLE {role}")

    return take


def refused(sql):
    """Whether the database refuses this for want of a right."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(sql)
    except ProgrammingError as error:
        if not re.match("permission denied|must be owner", str(error)):
            raise
        return True
    return False


def test_the_application_works_and_cannot_rewrite_the_audit_log(
    zoho, become, sync, staff, client, django_user_model
):
    """Whoever breaks into the web server must not be able to cover the tracks."""
    zoho.add_item(name="Desk")
    become("zoho_sync_app")

    sync()
    client.force_login(staff)
    page = client.get("/admin/integrations/auditevent/")
    client.post("/oauth/disconnect")
    django_user_model.objects.get(pk=staff.pk).delete()

    assert Product.objects.get().name == "Desk"
    assert "Token renewed" in page.content.decode()
    assert not ZohoCredential.load().refresh_token
    assert AuditEvent.objects.filter(who="olga", action="connection.ended").exists()
    assert refused("UPDATE integrations_auditevent SET who = 'nobody'")
    assert refused("DELETE FROM integrations_auditevent")
    assert refused("TRUNCATE integrations_auditevent")
    assert refused("ALTER TABLE integrations_auditevent RENAME TO gone")


@pytest.mark.parametrize(
    ("role", "warns"), [(None, True), ("zoho_sync_app", False), ("zoho_sync_reports", False)]
)
def test_the_doctor_warns_when_the_role_could_rewrite_the_audit_log(become, role, warns):
    """Nobody reads that page on the day of the launch."""
    if role:
        become(role)

    if warns:
        with pytest.raises(health.RiskError, match="could change or delete its rows"):
            health.audit_log()
    else:
        assert "cannot change them" in health.audit_log()


@pytest.mark.parametrize("right", ["UPDATE", "DELETE", "TRUNCATE", "UPDATE (who)"])
def test_each_right_that_rewrites_it_is_enough_for_the_warning(become, right):
    """One that was granted later, by hand."""
    with connection.cursor() as cursor:
        cursor.execute(f"GRANT {right} ON integrations_auditevent TO zoho_sync_app")
    become("zoho_sync_app")

    with pytest.raises(health.RiskError):
        health.audit_log()


def test_a_table_of_a_later_version_is_the_applications_too(become):
    """Else the first upgrade would stop it."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE of_a_later_version (id int)")
    become("zoho_sync_app")
    assert not refused("INSERT INTO of_a_later_version VALUES (1)")

    become("zoho_sync_reports")
    assert refused("SELECT * FROM of_a_later_version")


@pytest.mark.parametrize(
    "table",
    [
        "integrations_zohocredential",
        "integrations_connectattempt",
        "auth_user",
        "django_session",
    ],
)
def test_reports_see_no_secrets(become, table):
    """A spreadsheet travels; ciphertext, password hashes and sessions must not."""
    become("zoho_sync_reports")

    assert refused(f"SELECT * FROM {table}")


def test_reports_see_what_is_mirrored_and_change_nothing(become):
    """What they are for."""
    become("zoho_sync_reports")

    for table in ("products_and_services_product", "sync_syncrun", "integrations_auditevent"):
        assert not refused(f"SELECT * FROM {table}")
        assert refused(f"DELETE FROM {table}")
