"""Going back to an older version, and forward again, with rows in every table."""

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connection
from django.db.migrations.loader import MigrationLoader

from sync.models import SyncRun
from tests.marked import Marked

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]

OURS = ("notices", "crm_accounts", "products_and_services", "sync", "integrations")


@pytest.fixture(autouse=True)
def rows():
    """In every table; runs of every mode in every state in which several can be."""
    Marked()
    for state in set(SyncRun.State) - set(SyncRun.ACTIVE):
        for mode in SyncRun.Mode:
            for kind in ("products_and_services.product", "crm_accounts.account"):
                SyncRun.objects.create(
                    kind=kind, state=state, mode=mode, trigger=SyncRun.Trigger.SCHEDULE
                )
    yield
    call_command("migrate", verbosity=0)


@pytest.mark.parametrize("app", OURS)
def test_an_app_is_taken_away_with_its_rows_and_comes_back_empty(app):
    """Whoever removes it from an installation must not have to repair the database by hand."""
    call_command("migrate", app, "zero", verbosity=0)
    tables = connection.introspection.table_names()
    call_command("migrate", verbosity=0)

    models = list(apps.get_app_config(app).get_models())
    assert not [model for model in models if model._meta.db_table in tables]
    assert models[0]._base_manager.count() == 0


def steps():
    """All migrations of ours: an upgrade may have to be taken back to any of them."""
    loader = MigrationLoader(None)
    return sorted(key for key in loader.disk_migrations if key[0] in OURS)


@pytest.mark.parametrize("step", steps(), ids=".".join)
def test_an_upgrade_is_taken_back_with_its_rows(step):
    """To any older version; the mirrored records stay."""
    call_command("migrate", *step, verbosity=0)
    call_command("migrate", verbosity=0)
