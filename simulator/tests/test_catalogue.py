import time
from decimal import Decimal

from simulator import Zoho


def test_the_same_seed_gives_the_same_catalogue():
    """A restarted demo must find everything unchanged."""
    assert Zoho(items=300, seed=3).items == Zoho(items=300, seed=3).items
    assert Zoho(items=300, seed=4).items != Zoho(items=300, seed=3).items


def test_a_small_catalogue_has_every_oddity():
    """Each of these has broken a client somewhere."""
    rows = list(Zoho(items=20).items.values())

    def some(condition):
        return any(condition(row) for row in rows)

    assert some(lambda r: r.get("stock_on_hand", 0) < 0)
    assert some(lambda r: r.get("stock_on_hand", 0) % 1)
    assert some(lambda r: r["rate"] == 0)
    assert some(lambda r: r["rate"] == Decimal("55.555"))
    assert some(lambda r: r["product_type"] == "service" and "stock_on_hand" not in r)
    assert some(lambda r: r["status"] == "inactive")
    assert some(lambda r: r["sku"] == "")
    assert some(lambda r: len(r["name"]) == 300)
    assert some(lambda r: "<script>" in r["name"])
    assert some(lambda r: not r["name"].isascii())
    assert some(lambda r: r["is_combo_product"])
    assert some(lambda r: any(key.startswith("cf_") for key in r))
    assert some(lambda r: r.get("reorder_level") == "")
    assert some(lambda r: "some_key_of_tomorrow" in r)
    skus = [row["sku"] for row in rows if row["sku"]]
    assert len(skus) > len(set(skus))


def test_creation_times_never_go_back():
    """The order of creation is the one that does not move."""
    times = [row["created_time"] for row in Zoho(items=500).items.values()]

    assert times == sorted(times)
    assert len(set(times)) < len(times), "imports create several in one second"


def test_a_small_catalogue_has_items_that_are_low_on_stock():
    """Reorder levels are numbers in some rows and empty in others."""
    levels = [row.get("reorder_level") for row in Zoho(items=60).items.values()]

    assert any(isinstance(level, Decimal) for level in levels)
    assert "" in levels
    assert None in levels


def test_even_a_large_catalogue_lies_in_the_past():
    """Items from the future would confuse whoever asks what changed since."""
    zoho = Zoho(items=200_000)

    assert max(item.modified for item in zoho._items.values()) < 1_790_000_000


def test_new_items_are_added_to_a_large_catalogue_without_delay():
    """Tests fill catalogues one by one."""
    zoho = Zoho(items=5_000)
    began = time.perf_counter()
    for number in range(2000):
        zoho.add_item(name=f"Item {number}")

    assert time.perf_counter() - began < 1
    assert list(zoho.items)[-1] == max(zoho.items)
