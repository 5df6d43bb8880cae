"""Believable accounts: the customers of a solar retailer, with every oddity that real ones have.

Deterministic, and the oddities stand first, as in the catalogue of items.
"""

import datetime as dt
import random
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from simulator.crm.fields import INDUSTRIES, OWNERSHIPS, PRODUCTS, RATINGS, SEGMENTS, TYPES
from simulator.crm.records import Account

FIRST_CREATED = 1_680_496_200  # 2023-04-03 10:00 in India
FIRST_ID = 4_876_876_000_001_000_000
USER_IDS = ("4876876000000411001", "4876876000000411002")

PROFILE = (
    "<p>Family firm in its third generation. <b>Roofs, carports, fields.</b> "
    "Größte Referenz: ein Flachdach mit 12 000 m².</p>"
)
ODD: list[dict[str, Any]] = [
    {"Account_Name": "Helios Holding", "Account_Type": "Customer", "Annual_Revenue": 120000000,
     "Employees": 4200, "Website": "https://helios.example", "Customer_Segment": "Enterprise",
     "Products_Used": ["Panels", "Maintenance, on site"], "Key_Account": True,
     "Credit_Limit": Decimal("250000.50"), "Tag": [{"name": "VIP", "id": "4876876000000500001",
                                                   "color_code": "#57B1FD"}]},
    {"Account_Name": "Helios GmbH", "Parent_Account": 0, "Annual_Revenue": Decimal("120000.5"),
     "Employees": 40, "Industry": "Energy", "Billing_Country": "Germany"},
    {"Account_Name": "Nothing but a name"},
    {"Account_Name": "Duplicate & Sons", "Phone": "+91 80 5555 0101"},
    {"Account_Name": "Duplicate & Sons", "Phone": "+91 80 5555 0102"},
    {"Account_Name": "duplicate & sons"},
    {"Account_Name": "Solarpark Flöha – Größe XL", "Billing_City": "Flöha",
     "Customer_Segment": "Öffentliche Hand"},
    {"Account_Name": "सूर्योदय ऊर्जा", "Billing_Country": "India"},
    {"Account_Name": "太陽能有限公司 🌞", "Billing_Country": "Taiwan"},
    {"Account_Name": '<script>alert("Zoho")</script> & "quoted", Inc.'},
    {"Account_Name": ("Cooperative of roofs and fields " * 9)[:200]},
    {"Account_Name": "Long story", "Company_Profile": PROFILE * 12,
     "Description": "First line\nSecond line, with \"quotes\", commas;\r\nand a break. " * 20},
    {"Account_Name": "O'Brien (Cork), Ltd.", "ERP_Number": "ERP-(1)"},
    {"Account_Name": "=HYPERLINK(\"http://evil.example\")", "Billing_City": "@SUM(1)"},
    {"Account_Name": "  spaces around  ", "Phone": ""},
    {"Account_Name": "Loss Makers AG", "Annual_Revenue": -1250000, "Employees": 0,
     "Credit_Limit": 0, "Discount": Decimal("12.5")},
    {"Account_Name": "Retired segment", "Customer_Segment": "Value of long ago",
     "Industry": "Whaling"},
    {"Account_Name": "Big numbers", "Annual_Revenue": Decimal("9999999999999999.999999999"),
     "Account_Number": "900719925474099312", "SIC_Code": 999999999},
    {"Account_Name": "Locked by approval", "Locked__s": True},
    {"Account_Name": "Its own parent", "Parent_Account": 19},
]  # fmt: skip

FIRST = ("Aditya", "Borealis", "Cauvery", "Delta", "Ember", "Fjord", "Ganga", "Harbour", "Indigo")
SECOND = ("Solar", "Estates", "Foods", "Textiles", "Logistics", "Schools", "Hospitals", "Motors")
FORM = ("Ltd", "Pvt Ltd", "GmbH", "Inc.", "AG", "LLP", "S.A.")
CITIES = (("Bengaluru", "Karnataka", "India"), ("Pune", "Maharashtra", "India"),
          ("Leipzig", "Sachsen", "Germany"), ("Austin", "Texas", "United States"))  # fmt: skip


def account_id(index: int, seed: int) -> str:
    return str(FIRST_ID + seed * 10_000_000 + index)


def catalogue(count: int, seed: int) -> Iterator[tuple[str, Account]]:
    """`count` accounts as (id, account), oldest first."""
    chance = random.Random(f"accounts {seed}")
    created = FIRST_CREATED
    for index in range(count):
        fields = dict(ODD[index]) if index < len(ODD) else _ordinary(index, seed, chance)
        if isinstance(fields.get("Parent_Account"), int):
            fields["Parent_Account"] = account_id(fields["Parent_Account"], seed)
        created += chance.choice((0, 0, 30, 240, 800))  # imports create several in one second
        modified = created + chance.randrange(0, 5_000_000)
        owner = USER_IDS[index % 7 == 3]
        identity = account_id(index, seed)
        fields = {"Owner": owner, "Currency": "INR", "Exchange_Rate": 1, **fields}
        yield identity, Account(identity, fields, created, modified, owner, USER_IDS[0], modified)


def _ordinary(index: int, seed: int, chance: random.Random) -> dict[str, Any]:
    pick = chance.random
    name = f"{chance.choice(FIRST)} {chance.choice(SECOND)} {index:06} {chance.choice(FORM)}"
    city, state, country = CITIES[index % len(CITIES)]
    fields: dict[str, Any] = {
        "Account_Name": name,
        "Account_Type": TYPES[index % len(TYPES)],
        "Industry": INDUSTRIES[index % len(INDUSTRIES)],
        "Annual_Revenue": Decimal(chance.randrange(10**5, 10**10)) / 100,
        "Employees": chance.randrange(1, 5000),
        "Billing_Street": f"{index % 400 + 1} Ring Road",
        "Billing_City": city,
        "Billing_State": state,
        "Billing_Country": country,
        "Customer_Segment": SEGMENTS[index % len(SEGMENTS)],
    }
    if pick() < 0.8:
        fields["Phone"] = f"+91 80 {chance.randrange(10**7, 10**8)}"
    if pick() < 0.5:
        fields["Website"] = f"https://a{index}.example"
        fields["Billing_Email"] = f"billing@a{index}.example"
    if pick() < 0.3:
        fields["Credit_Limit"] = Decimal(chance.randrange(0, 10**7)) / 100
        fields["Products_Used"] = sorted(chance.sample(PRODUCTS, 2))
    if pick() < 0.2:
        fields["Rating"] = chance.choice(RATINGS)
        fields["Ownership"] = chance.choice(OWNERSHIPS)
        fields["Customer_Since"] = str(dt.date(2015, 1, 1) + dt.timedelta(chance.randrange(3000)))
    if pick() < 0.1:
        fields["Parent_Account"] = account_id(chance.randrange(index), seed)
    return fields
