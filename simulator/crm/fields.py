"""The fields of Accounts: API names, types and limits.

Names as in Zoho's own SDK for v8; types and lengths from the Field metadata page and from captured
answers. The last block stands for what administrators add; more is added, and anything removed, by
`Crm.add_field` and `Crm.remove_field`. Every simulated Zoho of a process has the same fields.
Source: https://www.zoho.com/crm/developer/docs/api/v8/field-meta.html
"""

from collections.abc import Iterable
from dataclasses import dataclass

JSON_TYPES = {
    "bigint": "string",
    "boolean": "boolean",
    "currency": "double",
    "double": "double",
    "integer": "integer",
    "multiselectpicklist": "jsonarray",
    "ownerlookup": "jsonobject",
    "percent": "double",
    "lookup": "jsonobject",
    "userlookup": "jsonobject",
}


@dataclass(frozen=True)
class Field:
    api_name: str
    label: str
    data_type: str
    length: int = 255
    values: tuple[str, ...] = ()  # of a pick list
    read_only: bool = False
    mandatory: bool = False
    custom: bool = False
    unique: bool = False
    rich_text: bool = False  # lists cut it to 500 characters
    json: str = ""  # where it is not what its type says
    result: str = ""  # of a formula or roll-up: what it results in

    @property
    def json_type(self) -> str:
        return self.json or JSON_TYPES.get(self.result or self.data_type, "string")

    @property
    def is_number(self) -> bool:
        return self.data_type in ("integer", "double", "currency", "percent")


def _address(kind: str) -> tuple[Field, ...]:
    return tuple(
        Field(f"{kind}_{part}", f"{kind} {part}", "text", length)
        for part, length in (
            ("Street", 250),
            ("City", 100),
            ("State", 100),
            ("Code", 30),
            ("Country", 100),
        )
    )


TYPES = ("Analyst", "Competitor", "Customer", "Distributor", "Investor", "Partner", "Prospect")
INDUSTRIES = (
    "Agriculture",
    "Construction",
    "Education",
    "Energy",
    "Government/Military",
    "Manufacturing",
    "Real Estate",
    "Retail",
    "Service Provider",
)
OWNERSHIPS = ("Partnership", "Private", "Privately Held", "Public", "Public Company")
RATINGS = ("Acquired", "Active", "Market Failed", "Project Cancelled", "Shut Down")
SEGMENTS = ("Enterprise", "Mid-Market", "Small Business", "Öffentliche Hand")
PRODUCTS = ("Panels", "Inverters", "Batteries", "Mounting", "Maintenance, on site")
CURRENCIES = ("INR", "EUR", "USD")

STANDARD_FIELDS: tuple[Field, ...] = (
    Field("id", "Record Id", "bigint", 20, read_only=True),
    Field("Owner", "Account Owner", "ownerlookup", 120),
    Field("Account_Name", "Account Name", "text", 200, mandatory=True),
    Field("Account_Number", "Account Number", "bigint", 18),
    Field("Account_Site", "Account Site", "text", 80),
    Field("Account_Type", "Account Type", "picklist", 120, TYPES),
    Field("Industry", "Industry", "picklist", 120, INDUSTRIES),
    Field("Ownership", "Ownership", "picklist", 120, OWNERSHIPS),
    Field("Rating", "Rating", "picklist", 120, RATINGS),
    Field("Parent_Account", "Parent Account", "lookup", 120),
    Field("Annual_Revenue", "Annual Revenue", "currency", 16),
    Field("Currency", "Currency", "picklist", 120, CURRENCIES),
    Field("Exchange_Rate", "Exchange Rate", "double", 20),
    Field("Employees", "Employees", "integer", 9),
    Field("SIC_Code", "SIC Code", "integer", 9),
    Field("Ticker_Symbol", "Ticker Symbol", "text", 30),
    Field("Phone", "Phone", "phone", 30),
    Field("Fax", "Fax", "text", 30),
    Field("Website", "Website", "website", 450),
    *_address("Billing"),
    *_address("Shipping"),
    Field("Description", "Description", "textarea", 32_000),
    Field("Tag", "Tag", "text", 2000, read_only=True, json="jsonarray"),
    Field("Territories", "Territories", "multiselectlookup", 255, read_only=True, json="jsonarray"),
    Field("Record_Image", "Account Image", "profileimage", 255, read_only=True),
    Field("Record_Status__s", "Record Status", "picklist", 120, ("Available",), read_only=True),
    Field("Locked__s", "Locked", "boolean", 5, read_only=True),
    Field("Enrich_Status__s", "Enrich Status", "picklist", 120, ("Enriched",), read_only=True),
    Field("Last_Enriched_Time__s", "Last Enriched Time", "datetime", 20, read_only=True),
    Field("Change_Log_Time__s", "Change Log Time", "datetime", 20, read_only=True),
    Field("Last_Activity_Time", "Last Activity Time", "datetime", 20, read_only=True),
    Field("Created_By", "Created By", "ownerlookup", 120, read_only=True),
    Field("Modified_By", "Modified By", "ownerlookup", 120, read_only=True),
    Field("Created_Time", "Created Time", "datetime", 20, read_only=True),
    Field("Modified_Time", "Modified Time", "datetime", 20, read_only=True),
    # What this organisation's administrators added. API names are not labels.
    Field("Credit_Limit", "Credit Limit", "currency", 16, custom=True),
    Field("Customer_Segment", "Segment", "picklist", 120, SEGMENTS, custom=True),
    Field("Products_Used", "Products used", "multiselectpicklist", 500, PRODUCTS, custom=True),
    Field("Key_Account", "Key account", "boolean", 5, custom=True),
    Field("Customer_Since", "Customer since", "date", 20, custom=True),
    Field("Last_Audit", "Last audit", "datetime", 20, custom=True),
    Field("Discount", "Discount", "percent", 5, custom=True),
    Field("Billing_Email", "Billing e-mail", "email", 100, custom=True),
    Field("ERP_Number", "ERP number", "text", 40, custom=True, unique=True),
    Field("Company_Profile", "Company profile", "textarea", 32_000, custom=True, rich_text=True),
)
FIELDS: list[Field] = []
BY_NAME: dict[str, Field] = {}


def set_fields(fields: Iterable[Field] = STANDARD_FIELDS) -> None:
    """Let the organization have these fields and no others."""
    FIELDS[:] = fields
    BY_NAME.clear()
    BY_NAME.update({field.api_name: field for field in FIELDS})


set_fields()
