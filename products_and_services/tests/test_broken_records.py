"""One record must never stop the others, whatever is in it."""

import html

import pytest
from django.urls import reverse

from products_and_services.models import Product
from products_and_services.services import sync_zoho_products_to_db
from sync.models import FailedRecord, SyncRun

pytestmark = pytest.mark.django_db

ITEMS = "/inventory/v1/items"
LIST = reverse("admin:products_and_services_product_changelist")
BROKEN = {
    "a byte that is no UTF-8": ('"purchase_description":"spoilt"', '"purchase_description":"\xe9"'),
    "a byte in a name": ('"name":"Bad"', '"name":"caf\xe9"'),
    "a huge exponent": ('"rate":666.00', '"rate":1e9999999'),
    "a huge number as text": ('"rate":666.00', '"rate":"1e9999999"'),
    "a number of 5,000 digits": ('"rate":666.00', '"rate":' + "9" * 5_000),
    "a word that is no JSON": ('"rate":666.00', '"rate":NaN'),
    "a sign alone": ('"rate":666.00', '"rate":-'),
    "two thousand lists": ('"rate":666.00', '"rate":' + "[" * 2_000 + "]" * 2_000),
    "half a character": ('"name":"Bad"', '"name":"\\ud83d"'),
    "NUL": ('"name":"Bad"', '"name":"\\u0000"'),
}


@pytest.fixture
def shop(zoho, sync):
    """Two hundred and one items, one of which is about to break."""
    zoho.add_item(name="First", rate="1.00")
    bad = zoho.add_item(name="Bad", rate="666.00", purchase_description="spoilt")
    for number in range(199):
        zoho.add_item(name=f"Item {number:03}", rate="1.00")
    return bad


@pytest.mark.parametrize("what", BROKEN)
def test_one_broken_record_fails_alone(zoho, sync, shop, what):
    """The run used to end in a program error, every hour, until somebody fixed it in Zoho."""
    old, new = BROKEN[what]
    zoho.faults.add("replace", path=ITEMS, old=old, new=new)

    stats = sync()

    assert (stats["created"], stats["failed"]) == (200, 1)
    (error,) = stats["errors"]
    assert error["zoho_id"] == shop
    assert SyncRun.objects.get().state == "succeeded"
    assert FailedRecord.objects.get().reason


@pytest.mark.parametrize("how", [{"mode": SyncRun.Mode.CHANGED}, "by id"])
@pytest.mark.parametrize("what", ["a byte in a name", "a huge exponent", "two thousand lists"])
def test_it_fails_alone_in_every_way_of_reading(zoho, sync, shop, what, how):
    """Changes and details are read by other calls."""
    sync()
    zoho.edit_item(shop, rate="666.00")
    old, new = BROKEN[what]
    zoho.faults.add("replace", path="/inventory/v1/", old=old, new=new)

    if how == "by id":
        stats = sync_zoho_products_to_db(
            [shop, *Product.objects.values_list("zoho_item_id", flat=True)[:20]]
        )
    else:
        stats = sync(**how)

    assert (stats["failed"], stats["retired"]) == (1, 0)
    assert FailedRecord.objects.get().zoho_id == shop


@pytest.mark.parametrize("character", ["\n", "\t", "\x01", "\x7f"])
def test_a_bare_control_character_is_read(zoho, sync, shop, character):
    """As people paste it; nothing of it is lost."""
    zoho.faults.add("replace", path=ITEMS, old='"name":"Bad"', new=f'"name":"B{character}d"')

    stats = sync()

    assert (stats["created"], stats["failed"]) == (201, 0)
    assert Product.objects.get(zoho_item_id=shop).name == f"B{character}d"


@pytest.mark.parametrize("spelling", ["4600000000012345", '"4600000000012345"'])
def test_an_id_that_comes_as_a_number_is_the_same_id(zoho, sync, spelling):
    """Exact in both: it is no binary fraction."""
    item = zoho.add_item(name="Desk")
    old, new = f'"item_id":"{item}",', f'"item_id":{spelling},'
    zoho.faults.add("replace", path=ITEMS, old=old, new=new)

    sync()

    assert Product.objects.get().zoho_item_id == "4600000000012345"


def without_status(zoho):
    zoho.faults.add("replace", path=ITEMS, old='"status":"active"', new='"x":1')


def test_a_status_that_is_not_said_keeps_what_is_known(zoho, sync):
    """956 of 1,000 items turned inactive."""
    zoho.add_item(name="Known")
    sync()
    zoho.add_item(name="New")
    without_status(zoho)

    sync()

    states = {product.name: product.state() for product in Product.objects.all()}
    assert states == {"Known": "Active", "New": "Unknown"}


@pytest.mark.parametrize("status", ["confirmation_pending", "Active", "ACTIVE"])
def test_a_new_status_of_zohos_is_unknown_and_shown(zoho, sync, client, staff, status):
    """Not inactive; and still low on stock."""
    zoho.add_item(name="Desk", status=status, stock_on_hand="1")
    zoho.add_item(name="Lamp", stock_on_hand="1")
    sync()
    client.force_login(staff)

    page = client.get(LIST, {"is_active__isnull": "True"}).content.decode()

    assert Product.objects.get(name="Desk").state() == "Unknown"
    assert "Desk" in page
    assert "Lamp" not in page
    assert f"Zoho's status: {status}" in html.unescape(page)
    assert Product.objects.filter(Product.low_stock()).count() == 2
