"""The simulator's answers, held against Zoho's own OpenAPI files where those are at hand.

The files carry no licence and are not part of this project: ZOHO_OAS_DIR says where they are.
"""

import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from simulator.inventory import CONDITIONS
from simulator.tests.test_items import STAMP

FOLDER = Path(
    os.environ.get("ZOHO_OAS_DIR")
    or Path(__file__).resolve().parents[3] / "shared" / "zoho" / "oas"
)

# Where what public projects captured from the real one differs from its description, we follow
# life. (what differs, key) → why; every entry is proved by a test, and no other difference passes.
FROM_LIFE = "captured in rows of the list, and declared for none"
KNOWN_DIFFERENCES = {
    # The type is another than declared.
    ("type", "upc"): "a string: leading zeros matter",
    ("type", "ean"): "a string: leading zeros matter",
    ("type", "reorder_level"): "the empty string where there is none",
    ("type", "purchase_rate"): "the empty string where there is none",
    ("type", "fiscal_year_start_month"): "the name of a month, where the file has its number",
    # The type is right, and the text is written differently from the file's own examples.
    ("format", "created_time"): "a moment with an offset, where the file shows a date",
    ("format", "last_modified_time"): "a moment with an offset, where the file shows a date",
    # The list of items has it, and the file does not declare it there.
    ("undeclared", "page_context"): "the paging object; declared for composite items only",
    **{
        ("undeclared", key): "numbers on tracked items; the file has them by location only"
        for key in ("stock_on_hand", "available_stock", "actual_available_stock")
    },
    **{
        ("undeclared", key): "custom fields lie flat on the row, beside their list in the file"
        for key in ("cf_warranty_years", "cf_warranty_years_unformatted")
    },
    ("undeclared", "some_key_of_tomorrow"): "Zoho adds keys without notice: ours to test that",
    **{
        ("undeclared", key): FROM_LIFE
        for key in (
            "account_id",
            "account_name",
            "brand",
            "can_be_purchased",
            "can_be_sold",
            "category_id",
            "category_name",
            "dimension_unit",
            "dimensions_with_unit",
            "has_attachment",
            "height",
            "image_document_id",
            "is_returnable",
            "is_storage_location_enabled",
            "item_name",
            "length",
            "manufacturer",
            "purchase_account_id",
            "purchase_account_name",
            "purpose_of_use",
            "tags",
            "track_inventory",
            "unit",
            "vendor_name",
            "weight",
            "weight_unit",
            "weight_with_unit",
            "width",
            "zcrm_product_id",
        )
    },
    **{
        ("undeclared", f"attribute_{part}{number}"): "only the first id and name are declared"
        for part in ("id", "name", "type", "option_id", "option_name", "option_data")
        for number in (1, 2, 3)
        if (part, number) not in {("id", 1), ("name", 1), ("option_id", 1), ("option_name", 1)}
    },
}
JSON_TYPES = {
    str: {"string"},
    bool: {"boolean"},
    int: {"integer", "number"},
    float: {"number"},
    list: {"array"},
    dict: {"object"},
}


def known(what: str) -> set[str]:
    return {key for kind, key in KNOWN_DIFFERENCES if kind == what}


@pytest.fixture(scope="module")
def files():
    folder = FOLDER / "inventory-v1"
    if not folder.is_dir():
        pytest.skip("Zoho's OpenAPI files are not at hand; ZOHO_OAS_DIR says where they are")
    return {
        name: yaml.safe_load((folder / f"{name}.yml").read_text())
        for name in ("items", "organizations")
    }


def resolved(document: dict, schema: dict) -> dict:
    while "$ref" in schema:
        node: Any = document
        for part in schema["$ref"].removeprefix("#/").split("/"):
            node = node[part]
        schema = node
    return schema


def answer_schema(document: dict, path: str) -> dict:
    content = document["paths"][path]["get"]["responses"]["200"]["content"]
    return resolved(document, content["application/json"]["schema"])


def row_schema(document: dict) -> dict:
    listed = resolved(document, answer_schema(document, "/items")["properties"]["items"])
    return resolved(document, listed["items"])


def differences(document: dict, schema: dict, value: Any, key: str = "") -> set[str]:
    """Keys whose value has another type than declared. Undeclared keys are no matter: life has
    more than the files say."""
    schema = resolved(document, schema)
    declared = schema.get("type")
    if declared and declared not in JSON_TYPES[type(value)]:
        return {key}
    found: set[str] = set()
    if isinstance(value, dict):
        for name, child in schema.get("properties", {}).items():
            if name in value:
                found |= differences(document, child, value[name], name)
    if isinstance(value, list) and "items" in schema:
        for element in value:
            found |= differences(document, schema["items"], element, key)
    return found


@pytest.mark.parametrize("zoho", [60], indirect=True)
def test_answers_have_the_declared_types_but_for_the_known_differences(call, files):
    """The simulator is written from Zoho's description and from life, not from our client."""
    ids = list(call.zoho.items)
    organization = call.zoho.organization_id
    answers = {
        ("items", "/items"): [call.get("items")],
        ("items", "/items/{item_id}"): [call.get(f"items/{item_id}") for item_id in ids[:40]],
        ("items", "/itemdetails"): [call.get("itemdetails", item_ids=",".join(ids))],
        ("organizations", "/organizations"): [call.get("organizations")],
        ("organizations", "/organizations/{organization_id}"): [
            call.get(f"organizations/{organization}")
        ],
    }
    found: set[str] = set()
    for (name, path), responses in answers.items():
        schema = answer_schema(files[name], path)
        for response in responses:
            assert response.status_code == 200
            found |= differences(files[name], schema, response.json())

    assert found == known("type")


def test_the_parameters_we_honour_are_declared(files):
    """A filter that Zoho does not have would make a client look better than it is."""
    declared = {
        resolved(files["items"], parameter)["name"]
        for parameter in files["items"]["paths"]["/items"]["get"]["parameters"]
    }
    ours = {"page", "per_page", "filter_by", "sort_column", "sort_order", "last_modified_time"}

    assert ours | set(CONDITIONS) <= declared


@pytest.mark.parametrize("zoho", [60], indirect=True)
def test_what_a_mirror_reads_is_declared_or_known_to_be_missing_there(call, files):
    """The keys must stand under Zoho's names, and the list of exceptions must stay true."""
    schema = answer_schema(files["items"], "/items")
    declared = row_schema(files["items"])["properties"].keys() | schema["properties"].keys()
    body = call.get("items").json()
    sent = set(body).union(*body["items"])

    assert sent - declared == known("undeclared")


@pytest.mark.parametrize("zoho", [1], indirect=True)
def test_times_are_written_as_in_life_and_not_as_in_the_examples(call, files):
    """A client written from the file alone would read days, and miss the offset."""
    properties = row_schema(files["items"])["properties"]
    (row,) = call.get("items").json()["items"]
    found = {
        name
        for name, property_ in properties.items()
        if STAMP.fullmatch(str(row.get(name, "")))
        and not STAMP.fullmatch(str(resolved(files["items"], property_).get("example", "")))
    }

    assert found == known("format")
