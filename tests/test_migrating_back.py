"""Every app can be migrated back to nothing and forward again, whatever its tables hold."""

import datetime as dt
import uuid
from decimal import Decimal

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.utils import timezone

from backoffice.models import ExportSlot
from crm_accounts.models import Account, CrmUser
from integrations.models import AuditEvent, ConnectAttempt, ZohoQuota, ZohoUsage
from notices.models import LowProduct, Notice, Pulse, Subscription, Telling
from products_and_services.models import Product
from sync.models import RunEvent, SyncRun
from tests.marked import Marked

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]

APPS = ("backoffice", "integrations", "sync", "products_and_services", "crm_accounts", "notices")
LARGEST = Decimal("9" * 20 + "." + "9" * 20)
LARGEST_OF_CRM = Decimal("99" + str(LARGEST))


def ours():
    return [model for model in apps.get_models() if model._meta.app_label in APPS]


def fill():
    """A row in every table, and values that earlier versions of them could not hold."""
    marked = Marked()
    for number, sign in enumerate((Decimal.copy_abs, Decimal.copy_negate)):
        most, most_of_crm = sign(LARGEST), sign(LARGEST_OF_CRM)
        product = Product.objects.create(
            zoho_item_id=str(number),
            name="Desk",
            price=most,
            stock_quantity=most,
            is_active=None,
        )
        Account.objects.create(
            zoho_account_id=str(number),
            name="Helios",
            annual_revenue=most_of_crm,
            exchange_rate=most_of_crm,
        )
    for mode in SyncRun.Mode:
        for state in SyncRun.State:
            # Of those that read, one at a time is active; those that write go beside it.
            if state in SyncRun.ACTIVE and mode != SyncRun.Mode.SENT:
                continue
            run = SyncRun.objects.create(
                kind="crm_accounts.account", mode=mode, state=state, trigger="person"
            )
    for kind, state in (("crm_accounts.account", "running"), (Product._meta.label_lower, "paused")):
        run = SyncRun.objects.create(kind=kind, mode="full", state=state, trigger="person")
        run.page_rows.create(number=1, zoho_ids=["1"])
    RunEvent.record(run.pk, "Taken up.")
    for purpose in ZohoUsage.Purpose:
        for of in ZohoUsage.Product:
            ZohoUsage.objects.get_or_create(day=dt.date(2026, 1, 1), purpose=purpose, product=of)
    now = timezone.now()
    ZohoQuota.objects.create(product="crm", remaining=1, seen_at=now)
    CrmUser.objects.create(pk="1", name="Ada")
    ConnectAttempt.objects.create(
        user=marked.author, state_digest=uuid.uuid4().hex, data_center="us", sealed="{}"
    )
    ExportSlot.objects.create(number=1, lease=uuid.uuid4(), leased_until=timezone.now())
    notice = Notice.objects.first()
    subscription = Subscription.objects.create(user=marked.author, kinds=[notice.kind])
    Telling.objects.create(notice=notice, subscription=subscription)
    LowProduct.objects.create(product=product, notice=notice)
    Pulse.objects.get_or_create(pk=Pulse.WORKER)
    empty = [model for model in ours() if not model._base_manager.exists()]
    assert empty == []


@pytest.fixture
def migrated_again():
    yield
    call_command("migrate", verbosity=0)


@pytest.mark.parametrize("app", APPS)
def test_an_app_is_migrated_back_and_forward_with_its_data(app, migrated_again):
    """Whoever goes back to an earlier version, or takes this off, must not be left half-way."""
    fill()
    kept = AuditEvent.objects.count()

    call_command("migrate", app, "zero", verbosity=0)

    left = set(connection.introspection.table_names())
    assert not left & {model._meta.db_table for model in ours() if model._meta.app_label == app}

    call_command("migrate", verbosity=0)

    here = set(connection.introspection.table_names())
    assert {model._meta.db_table for model in ours()} <= here
    for model in apps.get_app_config(app).get_models():
        assert model._base_manager.filter(pk=None).count() == 0  # its columns are all there
        list(model._base_manager.all()[:1])
    if app != "integrations":
        assert AuditEvent.objects.count() == kept


def steps():
    """All migrations of ours: an upgrade may have to be taken back to any of them."""
    return sorted(key for key in MigrationLoader(None).disk_migrations if key[0] in APPS)


@pytest.mark.parametrize("step", steps(), ids=".".join)
def test_an_upgrade_is_taken_back_with_its_data(step, migrated_again):
    """To whichever version was there before."""
    fill()

    call_command("migrate", *step, verbosity=0)
    call_command("migrate", verbosity=0)
