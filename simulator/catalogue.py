"""A believable catalogue: a solar retailer, with every oddity that real accounts have.

Deterministic: the same seed gives the same items with the same ids and times. The oddities stand
first, so that small catalogues have them too.
"""

import random
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from simulator.payloads import Item, complete, quantity

# 2023-04-03 10:00 in India; a fixed start keeps a restarted simulator's data the same.
FIRST_CREATED = 1_680_496_200
FIRST_ID = 3_900_000_000_012_345_000

BRANDS = ("Helios", "Suryodaya", "Nordsonne", "Akari", "Terravolt", "Ladakh Solar", "Borealis")
ODD: list[dict[str, Any]] = [
    {"name": "Mono PERC panel 440 W", "sku": "PNL-440", "rate": "118.00", "stock_on_hand": "240"},
    {"name": "Installation, pitched roof", "sku": "SRV-PITCH", "rate": 950,
     "product_type": "service"},
    {"name": "Solar cable 6 mm², by the metre", "sku": "CBL-6", "rate": "1.15", "unit": "m",
     "stock_on_hand": "1284.375"},
    {"name": "Optimiser, one left too few", "sku": "OPT-1", "rate": "39.90", "stock_on_hand": "-3"},
    {"name": "Data sheet folder (free)", "sku": "DOC-0", "rate": 0},
    {"name": "MC4 connector pair", "sku": "MC4", "rate": "2.40", "stock_on_hand": "5000"},
    {"name": "MC4 connector pair (old stock)", "sku": "MC4", "rate": "2.10", "stock_on_hand": "12"},
    {"name": "Spare part without number", "sku": "", "rate": "7.77"},
    {"name": "Inverter 5 kW, first series", "sku": "INV-5-A", "rate": "780.00",
     "status": "inactive", "stock_on_hand": "0"},
    {"name": '<script>alert("Zoho")</script> & <b>"quoted"</b> clamp', "sku": "CLP-X",
     "rate": "3.30"},
    {"name": "Schienensystem für Flachdächer – Größe XL", "sku": "MNT-FLÄ", "rate": "64.00"},
    {"name": "सौर पैनल सफाई किट", "sku": "CLN-IN", "rate": "1499.00"},
    {"name": "太陽能逆變器 3 kW 🌞", "sku": "INV-3-TW", "rate": "410.00", "stock_on_hand": "8"},
    {"name": ("Balance-of-system kit for a carport " * 9)[:300], "sku": "KIT-LONG",
     "rate": "2890.00"},
    {"name": "Starter kit: panel, inverter, cable", "sku": "KIT-1", "rate": "899.00",
     "is_combo_product": True, "stock_on_hand": "4"},
    {"name": "Battery 10 kWh", "sku": "BAT-10", "rate": "3999.00", "stock_on_hand": "17",
     "reorder_level": "20",
     "cf_warranty_years": "10", "cf_warranty_years_unformatted": 10},
    {"name": "Meter, refurbished", "sku": "MTR-R", "rate": "55.555", "upc": "0012345678905",
     "purchase_rate": ""},
    {"name": "Site survey by drone", "sku": "SRV-DRONE", "rate": "180.00",
     "product_type": "service", "unit": ""},
    {"name": "Fuse 15 A gPV", "sku": "FUS-15", "rate": "4.05", "stock_on_hand": "0.5",
     "some_key_of_tomorrow": {"nested": [1, 2]}},
    {"name": "Roof hook, sold without stock-keeping", "sku": "HOOK", "rate": "9.20"},
]  # fmt: skip

KINDS = (
    # name, SKU prefix, unit, price range, tracked, service
    ("Panel {n} W", "PNL", "pcs", (60, 320), True, False),
    ("Hybrid inverter {n} W", "INV", "pcs", (300, 2400), True, False),
    ("Battery module {n} Wh", "BAT", "pcs", (400, 5200), True, False),
    ("Mounting rail {n} mm", "MNT", "pcs", (8, 90), True, False),
    ("Cable, drum {n}", "CBL", "m", (1, 9), True, False),
    ("Connector type {n}", "CON", "pcs", (1, 12), False, False),
    ("Maintenance visit, plan {n}", "SRV", "", (90, 600), False, True),
    ("Spare part {n}", "SPR", "box", (2, 150), False, False),
)


def catalogue(count: int, seed: int) -> Iterator[tuple[str, Item]]:
    """`count` items as (item id, item), oldest first."""
    chance = random.Random(seed)
    created = FIRST_CREATED
    for index in range(count):
        fields = dict(ODD[index]) if index < len(ODD) else _ordinary(index, chance)
        item_id = str(FIRST_ID + seed * 10_000_000 + index)
        # Imports create several in one second; 200,000 items take two years, all of them past.
        created += chance.choice((0, 45, 300, 900))
        modified = created + chance.randrange(0, 5_000_000)
        yield item_id, Item({**complete(fields), "item_id": item_id}, created, modified)


def _ordinary(index: int, chance: random.Random) -> dict[str, Any]:
    pattern, prefix, unit, (low, high), tracked, service = KINDS[index % len(KINDS)]
    brand = BRANDS[chance.randrange(len(BRANDS))]
    fields: dict[str, Any] = {
        "name": f"{brand} {pattern.format(n=100 + index)}",
        "sku": f"{prefix}-{index:06}",
        "brand": brand,
        "unit": unit,
        "rate": Decimal(chance.randrange(low * 100, high * 100)) / 100,
    }
    if service:
        fields["product_type"] = "service"
    if tracked:
        # Metres are cut; pieces are not.
        stock = Decimal(chance.randrange(-20, 90_000)) / (8 if unit == "m" else 1)
        fields["stock_on_hand"] = quantity(stock if unit == "m" else stock // 100)
        if index % 3 == 0:
            fields["reorder_level"] = 5 + index % 50
    if chance.random() < 0.06:
        fields["status"] = "inactive"
    if chance.random() < 0.02:
        fields["sku"] = ""
    return fields
