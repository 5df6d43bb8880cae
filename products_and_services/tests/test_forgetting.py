"""A product may carry a person's name: it can be erased as an account can."""

import pytest
from django.core.management import call_command

from products_and_services.models import Product
from sync.models import Change, FailedRecord
from tests.on_record import events

pytestmark = pytest.mark.django_db


def test_a_forgotten_product_is_in_no_table(zoho, sync, capsys):
    """Row, history and failures; an account of the same ID is another record."""
    item = zoho.add_item(name="Engraving for Ann Example")
    zoho.add_item(name="Chair")
    sync()
    zoho.edit_item(item, name="Engraving for Ann Other")
    sync()
    zoho.remove_item(item)
    sync()

    call_command("forget_record", "products", item)

    assert Product.objects.get().name == "Chair"
    assert not Change.objects.filter(zoho_id=item).exists()
    assert not FailedRecord.objects.filter(zoho_id=item).exists()
    event = events().get(action="record.forgotten")
    assert (event.about, event.details["zoho_id"]) == ("products", item)
    assert "Ann" not in str(event.details)
    assert "Erased: 1 record" in capsys.readouterr().out
