from simulator.crm.fields import FIELDS
from simulator.tests.test_accounts import refused


def test_fields_tell_their_names_types_and_values(call):
    """What a mirror needs before it writes."""
    rows = {
        row["api_name"]: row
        for row in call.crm("settings/fields", module="Accounts").json()["fields"]
    }

    assert rows.keys() == {field.api_name for field in FIELDS}
    assert rows["Account_Name"]["system_mandatory"]
    assert rows["Customer_Segment"]["field_label"] == "Segment"
    assert rows["Customer_Segment"]["custom_field"]
    assert [value["actual_value"] for value in rows["Customer_Segment"]["pick_list_values"]]
    assert rows["Parent_Account"]["lookup"]["module"]["api_name"] == "Accounts"
    assert not rows["Modified_Time"]["operation_type"]["api_update"]
    assert rows["ERP_Number"]["unique"]


def test_fields_of_nothing_and_of_other_modules(call):
    """Only Accounts are simulated."""
    assert refused(call.crm("settings/fields")) == "REQUIRED_PARAM_MISSING"
    assert refused(call.crm("settings/fields", module="Desks")) == "INVALID_MODULE"


def test_one_field_is_told_alone(call):
    """By its id."""
    row = call.crm("settings/fields", module="Accounts").json()["fields"][2]

    assert call.crm(f"settings/fields/{row['id']}").json()["fields"] == [row]
    assert call.crm("settings/fields/1").status_code == 204


def test_a_json_type_may_be_missing(call, crm):
    """As airbyte found."""
    crm.omit_json_type = True

    rows = call.crm("settings/fields", module="Accounts").json()["fields"]

    assert all("json_type" not in row for row in rows)


def test_modules_organisation_and_user(call, crm):
    """Who is connected, and to what."""
    (module,) = call.crm("settings/modules").json()["modules"]
    (org,) = call.crm("org").json()["org"]
    (user,) = call.crm("users", type="CurrentUser").json()["users"]

    assert (module["api_name"], module["api_supported"]) == ("Accounts", True)
    assert (org["type"], org["license_details"]["paid_type"]) == ("production", "enterprise")
    assert (user["id"], user["time_zone"]) == (crm.user, "Asia/Kolkata")
    assert len(call.crm("users").json()["users"]) == 2
