"""The simulator's answers, held against Zoho's own OpenAPI files where those are at hand.

The files carry no licence and are not part of this project: ZOHO_OAS_DIR says where they are.
"""

import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from simulator.inventory import CONDITIONS

FOLDER = Path(
    os.environ.get("ZOHO_OAS_DIR")
    or Path(__file__).resolve().parents[3] / "shared" / "zoho" / "oas"
)

# Where what public projects captured from the real one differs from its description, we follow
# life. Key → what life sends instead of what the file declares.
KNOWN_DIFFERENCES = {
    "upc": "a string, with leading zeros that matter",
    "ean": "a string",
    "reorder_level": "the empty string where there is none",
    "purchase_rate": "the empty string where there is none",
    "fiscal_year_start_month": "the name of a month, where the file has its number",
}
# What life sends with a list of items and the file does not mention at all.
NOT_IN_THE_FILE = {
    "answer": {"page_context"},
    "row": {"unit", "stock_on_hand"},
}
JSON_TYPES = {
    str: {"string"},
    bool: {"boolean"},
    int: {"integer", "number"},
    float: {"number"},
    list: {"array"},
    dict: {"object"},
}


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

    assert found == KNOWN_DIFFERENCES.keys()


def test_the_parameters_we_honour_are_declared(files):
    """A filter that Zoho does not have would make a client look better than it is."""
    declared = {
        resolved(files["items"], parameter)["name"]
        for parameter in files["items"]["paths"]["/items"]["get"]["parameters"]
    }
    ours = {"page", "per_page", "filter_by", "sort_column", "sort_order", "last_modified_time"}

    assert ours | set(CONDITIONS) <= declared


@pytest.mark.parametrize("zoho", [20], indirect=True)
def test_what_a_mirror_reads_is_declared_or_known_to_be_missing_there(call, files):
    """The keys must stand under Zoho's names, and the list of exceptions must stay true."""
    schema = answer_schema(files["items"], "/items")
    row = resolved(files["items"], resolved(files["items"], schema["properties"]["items"])["items"])
    read = {"item_id", "name", "sku", "rate", "status", "unit", "product_type", "stock_on_hand"}
    body = call.get("items").json()

    assert read - row["properties"].keys() == NOT_IN_THE_FILE["row"]
    assert body.keys() - schema["properties"].keys() == NOT_IN_THE_FILE["answer"]
    assert any(read <= listed.keys() for listed in body["items"])
