import json
import re
import threading
from decimal import Decimal

import pytest

STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+0530")


@pytest.mark.parametrize("zoho", [450], indirect=True)
def test_pages_hold_200_rows_and_say_whether_there_is_more(call):
    """There is no total: has_more_page is all a client gets."""
    pages = [call.get("items", page=number).json() for number in (1, 2, 3, 4)]

    assert [len(page["items"]) for page in pages] == [200, 200, 50, 0]
    assert [page["page_context"]["has_more_page"] for page in pages] == [True, True, False, False]
    assert "total" not in pages[0]["page_context"]


@pytest.mark.parametrize(
    ("asked", "rows"), [(500, 200), (10, 10), (0, 200), ("x", 200), (None, 200)]
)
@pytest.mark.parametrize("zoho", [250], indirect=True)
def test_per_page_is_200_at_most(call, asked, rows):
    """What the real one does above 200 is not documented; more rows it does not give."""
    assert len(call.get("items", per_page=asked).json()["items"]) == rows


def test_numbers_are_printed_with_their_zeros(call):
    """12.00 and 5.000000: a client that reads floats loses them."""
    call.zoho.add_item(name="Desk", rate=12, stock_on_hand="5")

    text = call.get("items").text

    assert '"rate":12.00' in text
    assert '"stock_on_hand":5.000000' in text


def test_the_three_shapes_of_a_row(call):
    """Untracked goods and services have no stock keys at all."""
    call.zoho.add_item(name="Untracked")
    call.zoho.add_item(name="Tracked", stock_on_hand="1")
    call.zoho.add_item(name="Work", product_type="service")

    rows = {row["name"]: row for row in call.get("items").json()["items"]}

    assert rows["Tracked"]["item_type"] == "inventory"
    assert rows["Tracked"]["reorder_level"] == ""
    assert rows["Work"]["product_type"] == "service"
    for name in ("Untracked", "Work"):
        assert "stock_on_hand" not in rows[name]


def test_times_are_in_the_organisations_zone_without_a_colon(call):
    """As captured from real accounts."""
    call.zoho.add_item(name="Desk")

    (row,) = call.get("items").json()["items"]

    assert STAMP.fullmatch(row["created_time"])
    assert STAMP.fullmatch(row["last_modified_time"])


def test_ids_are_strings(call):
    """Nineteen digits are too long for JavaScript's numbers."""
    call.zoho.add_item(name="Desk")

    (row,) = call.get("items").json()["items"]

    assert re.fullmatch(r"\d{19}", row["item_id"])


@pytest.mark.parametrize(
    ("params", "names"),
    [
        ({"filter_by": "Status.Active"}, ["Chair", "Desk", "Fitting"]),
        ({"filter_by": "Status.Inactive"}, ["Lamp"]),
        ({"filter_by": "ItemType.Inventory"}, ["Desk"]),
        ({"filter_by": "ItemType.Service"}, ["Fitting"]),
        ({"status": "inactive"}, ["Lamp"]),
        ({"sku": "D-1"}, ["Desk"]),
        ({"name": "Chair"}, ["Chair"]),
        ({"name_contains": "am"}, ["Lamp"]),
        ({"search_text": "d-1"}, ["Desk"]),
        ({"no_such_parameter": "x"}, ["Chair", "Desk", "Fitting", "Lamp"]),
        ({"sort_column": "created_time"}, ["Desk", "Lamp", "Fitting", "Chair"]),
        ({"sort_column": "rate", "sort_order": "D"}, ["Chair", "Desk", "Fitting", "Lamp"]),
    ],
)
def test_lists_are_filtered_and_sorted(call, params, names):
    """Unknown parameters are ignored, as with the real one."""
    call.zoho.add_item(name="Desk", sku="D-1", stock_on_hand="1", rate="5.00")
    call.zoho.add_item(name="Lamp", status="inactive", rate="1.00")
    call.zoho.add_item(name="Fitting", product_type="service", rate="2.00")
    call.zoho.add_item(name="Chair", rate="9.00")

    rows = call.get("items", **params).json()["items"]

    assert [row["name"] for row in rows] == names


@pytest.mark.parametrize(
    "params",
    [
        {"filter_by": "Status.all"},
        {"sort_column": "colour"},
        {"sort_order": "ascending"},
        {"last_modified_time": "yesterday"},
    ],
)
def test_wrong_values_are_refused_to_the_letter(call, params):
    """Filter values are case-sensitive."""
    answer = call.get("items", **params)

    assert (answer.status_code, answer.json()["code"]) == (400, 2)


@pytest.mark.parametrize(("switch", "found"), [("after", 0), ("at_or_after", 1), ("ignored", 2)])
def test_the_modified_filter_comes_in_three_kinds(call, clock, switch, found):
    """Whether Zoho honours it, and how, is not certain."""
    call.zoho.add_item(name="Old")
    item_id = call.zoho.add_item(name="New")
    clock.pass_by(100)
    call.zoho.edit_item(item_id, rate="2.00")
    call.zoho.modified_filter = switch
    modified = call.zoho.items[item_id]["last_modified_time"]

    assert len(call.get("items", last_modified_time=modified).json()["items"]) == found


def test_an_edit_touches_the_modified_time_and_a_stock_movement_does_not(call, clock):
    """The reason why stock needs full sweeps."""
    item_id = call.zoho.add_item(name="Cable", stock_on_hand="5")
    before = call.zoho.items[item_id]["last_modified_time"]
    clock.pass_by(100)
    call.zoho.move_stock(item_id, "-7.5")
    assert call.zoho.items[item_id]["last_modified_time"] == before
    assert call.zoho.items[item_id]["stock_on_hand"] == Decimal("-2.5")

    call.zoho.edit_item(item_id, name="Cable 2")
    assert call.zoho.items[item_id]["last_modified_time"] > before


def test_a_single_item_holds_more_than_its_row(call):
    """The list is the thinner view."""
    item_id = call.zoho.add_item(name="Desk", stock_on_hand="5", cf_wood="oak")

    row = call.get("items").json()["items"][0]
    item = call.get(f"items/{item_id}").json()["item"]

    assert {"item_name", "image_document_id"} <= row.keys() - item.keys()
    assert {"package_details", "custom_field_hash", "pricebook_rate"} <= item.keys() - row.keys()
    assert item["custom_field_hash"] == {"cf_wood": "oak"}


def test_item_details_answer_for_many_ids_without_times(call):
    """Zoho's description of this call has no timestamps."""
    ids = [call.zoho.add_item(name=name) for name in ("A", "B", "C")]

    rows = call.get("itemdetails", item_ids=",".join(ids[:2])).json()["items"]

    assert [row["item_id"] for row in rows] == ids[:2]
    assert "last_modified_time" not in rows[0]


def test_too_many_ids_are_refused(call):
    """The limit is not documented; there is one."""
    call.zoho.max_ids = 2

    assert call.get("itemdetails", item_ids="1,2,3").status_code == 400
    assert call.get("itemdetails").status_code == 400


def test_unknown_ids_are_left_out_or_refuse_all(call):
    """Both may be true of the real one."""
    item_id = call.zoho.add_item(name="Desk")
    asked = f"{item_id},999"
    assert len(call.get("itemdetails", item_ids=asked).json()["items"]) == 1

    call.zoho.unknown_ids_are_404 = True
    assert call.get("itemdetails", item_ids=asked).json()["code"] == 1002


def test_a_removed_item_vanishes_without_notice(call):
    """And comes back with its old id."""
    item_id = call.zoho.add_item(name="Desk")
    call.zoho.remove_item(item_id)
    assert call.get("items").json()["items"] == []
    gone = call.get(f"items/{item_id}")
    assert (gone.status_code, gone.json()["code"]) == (404, 1002)

    call.zoho.restore_item(item_id)
    assert call.get(f"items/{item_id}").json()["item"]["name"] == "Desk"


@pytest.mark.parametrize(
    ("header", "code"),
    [
        (None, 14),
        ("Basic TOKEN", 14),
        ("Zoho-oauthtoken", 14),
        ("Bearer x", 57),
        ("Zoho-oauthtoken 1000.x.y", 57),
    ],
)
def test_who_is_not_signed_in_is_told_by_code(call, header, code):
    """14 for a missing or malformed header, 57 for a dead token."""
    headers = {"Authorization": header} if header else {}
    answer = call.session.get(f"{call.url}/inventory/v1/items", headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (401, code)


def test_a_missing_scope_looks_like_a_dead_token(call):
    """57 as well."""
    call.zoho.tokens.narrow("ZohoInventory.settings.READ")

    assert call.get("items").json()["code"] == 57
    assert call.get("organizations", organization_id=None).json()["code"] == 0


def test_the_organisation_must_be_named_and_ours(call):
    """The user belongs to several."""
    missing = call.get("items", organization_id=None)
    foreign = call.get("items", organization_id="123")

    assert (missing.status_code, missing.json()["code"]) == (400, 6024)
    assert len(missing.json()["error_info"]) == 2
    assert (foreign.status_code, foreign.json()["code"]) == (400, 6041)


def test_organisations_are_listed_without_paging(call):
    """The one call that needs no organization_id."""
    body = call.get("organizations", organization_id=None).json()

    assert [row["organization_id"] for row in body["organizations"]] == [
        call.zoho.organization_id,
        call.zoho.other_organization_id,
    ]
    assert "page_context" not in body
    one = call.get(f"organizations/{call.zoho.organization_id}").json()
    assert one["organization"]["is_default_org"] is True
    assert call.get("organizations/1").status_code == 404


def test_an_unknown_address_is_404_in_zohos_envelope(call):
    """Not a web page."""
    answer = call.get("no-such-thing")

    assert (answer.status_code, answer.json()["code"]) == (404, 5)


def test_something_can_happen_between_two_pages(call):
    """People work in Zoho while we page."""
    call.zoho.add_item(name="Desk")
    call.zoho.on_page(1, lambda: call.zoho.add_item(name="Lamp"))

    assert len(call.get("items").json()["items"]) == 2


def test_a_raw_row_is_listed_exactly(call):
    """For rows that no Zoho should send, and one day will."""
    call.zoho.put_raw_item({"name": "no id", "rate": "abc"})

    assert json.loads(call.get("items").content)["items"] == [{"name": "no id", "rate": "abc"}]


@pytest.mark.parametrize("name", ["tab\there", "NUL\x00", "\x01mark\x01", "12.00", '"quoted"'])
def test_any_text_arrives_as_it_was_written(call, name):
    """Names hold what people paste; printing numbers with zeros must not touch them."""
    call.zoho.put_raw_item({"name": name})

    assert call.get("items").json()["items"] == [{"name": name}]


def test_the_users_other_organisation_is_open_and_empty(call):
    """It is the wrong one, but no stranger: a client must not take it for an empty shop."""
    item_id = call.zoho.add_item(name="Desk")
    other = call.zoho.other_organization_id

    listed = call.get("items", organization_id=other)
    assert (listed.status_code, listed.json()["items"]) == (200, [])
    assert call.get(f"items/{item_id}", organization_id=other).json()["code"] == 1002
    details = call.get("itemdetails", organization_id=other, item_ids=item_id)
    assert details.json()["items"] == []


def test_a_lone_item_is_a_group_of_one(call):
    """As captured in 2026; a real group has a name of its own."""
    call.zoho.add_item(name="Desk")
    call.zoho.add_item(name="Shirt, red", group_id="1", group_name="Shirts")

    rows = {row["name"]: row for row in call.get("items").json()["items"]}
    assert rows["Desk"]["group_name"] == "Desk"
    assert rows["Desk"]["group_id"] != rows["Desk"]["item_id"]
    grouped = call.get("items", filter_by="Status.Grouped").json()["items"]
    assert [row["name"] for row in grouped] == ["Shirt, red"]


def test_items_below_their_reorder_level_are_low_stock(call):
    """The level is a number, or the empty string, which is no level."""
    call.zoho.add_item(name="Low", stock_on_hand="4", reorder_level="5")
    call.zoho.add_item(name="Enough", stock_on_hand="6", reorder_level="5")
    call.zoho.add_item(name="No level", stock_on_hand="0")

    rows = call.get("items", filter_by="Status.Lowstock").json()["items"]
    assert [row["name"] for row in rows] == ["Low"]


def test_a_stock_movement_leaves_the_reorder_level_alone(call):
    """Selling changes how much there is, not how much there should be."""
    item_id = call.zoho.add_item(name="Cable", stock_on_hand="4", reorder_level="5")
    call.zoho.move_stock(item_id, "-1")

    assert call.zoho.items[item_id]["reorder_level"] == 5


def test_only_tracked_items_have_stock_in_their_details(call):
    """Commitments and values beside the row's three numbers."""
    tracked = call.zoho.add_item(name="Desk", stock_on_hand="5")
    untracked = call.zoho.add_item(name="Work", product_type="service")

    details = call.get(f"items/{tracked}").json()["item"]
    assert (details["available_for_sale_stock"], details["committed_stock"]) == (5, 0)
    keys = call.get(f"items/{untracked}").json()["item"].keys()
    assert not {"committed_stock", "asset_value", "stock_on_hand"} & keys


def test_item_details_name_locations_and_custom_fields(call):
    """Stock by location is a string there; a custom field has a label."""
    item_id = call.zoho.add_item(name="Desk", stock_on_hand="5", cf_wood="oak")

    (row,) = call.get("itemdetails", item_ids=item_id).json()["items"]

    assert row["locations"][0]["location_stock_on_hand"] == "5.000000"
    (field,) = row["custom_fields"]
    assert (field["label"], field["value"]) == ("Wood", "oak")


def test_an_edit_is_seen_while_others_read(call):
    """Many clients at once must never be left with a row from before an edit."""
    item_id = call.zoho.add_item(name="0")
    item = call.zoho.find(item_id)
    reading = True

    def read():
        while reading:
            item.json()

    readers = [threading.Thread(target=read) for _ in range(4)]
    for reader in readers:
        reader.start()
    try:
        for number in range(300):
            call.zoho.edit_item(item_id, name=str(number))
            assert call.zoho.items[item_id]["name"] == str(number)
    finally:
        reading = False
        for reader in readers:
            reader.join()
