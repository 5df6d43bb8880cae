import threading

import pytest
import requests

from simulator.tests.test_accounts import refused, stamp


def outcomes(answer):
    return [entry["code"] for entry in answer.json()["data"]]


@pytest.fixture
def desk(call):
    return call.zoho.add_account(Account_Name="Desk", Phone="1")


def put(call, *rows, headers=None, **more):
    return call.crm("Accounts", "PUT", json={"data": list(rows), **more}, headers=headers)


def test_an_update_answers_with_a_receipt(call, clock, desk):
    """The new values need a read."""
    clock.pass_by(60)

    answer = put(call, {"id": desk, "Phone": "2"})

    assert answer.status_code == 200
    (entry,) = answer.json()["data"]
    assert (entry["code"], entry["status"], entry["message"]) == (
        "SUCCESS",
        "success",
        "record updated",
    )
    assert entry["details"]["id"] == desk
    assert "Phone" not in entry["details"]
    account = call.zoho.accounts[desk]
    assert account["Phone"] == "2"
    assert account["Modified_Time"] == entry["details"]["Modified_Time"] > account["Created_Time"]


def test_one_is_updated_by_its_address(call, desk):
    """The body needs no id then, and holds one record."""
    assert call.crm(f"Accounts/{desk}", "PUT", json={"data": [{"Phone": "3"}]}).status_code == 200
    assert call.zoho.accounts[desk]["Phone"] == "3"
    two = {"data": [{"Phone": "4"}, {"Phone": "5"}]}
    assert refused(call.crm(f"Accounts/{desk}", "PUT", json=two)) == "INVALID_DATA"
    unknown = call.crm("Accounts/4876876000009999999", "PUT", json={"data": [{"Phone": "4"}]})
    assert (unknown.status_code, outcomes(unknown)) == (400, ["INVALID_DATA"])


@pytest.mark.parametrize("status", [200, 202, 207])
def test_a_batch_has_one_outcome_a_record_in_its_order(call, crm, desk, status):
    """Which status says that some failed is not agreed on; the entries do."""
    crm.mixed_status = status

    answer = put(
        call,
        {"id": "4876876000009999999", "Phone": "2"},
        {"id": desk, "Phone": "2"},
        {"Phone": "2"},
        {"id": desk, "Employees": "many"},
    )

    assert answer.status_code == status
    assert outcomes(answer) == ["INVALID_DATA", "SUCCESS", "MANDATORY_NOT_FOUND", "INVALID_DATA"]
    assert answer.json()["data"][3]["details"] == {
        "api_name": "Employees",
        "json_path": "$.data[3].Employees",
        "expected_data_type": "integer",
    }


def test_when_every_record_fails_the_status_is_400(call, desk):
    """And the entries are there all the same."""
    answer = put(call, {"id": desk, "Annual_Revenue": "much"}, {"id": "x"})

    assert (answer.status_code, outcomes(answer)) == (400, ["INVALID_DATA", "INVALID_DATA"])


def test_a_hundred_records_go_and_one_more_does_not(call, desk):
    """Nothing of a refused request is done."""
    row = {"id": desk, "Phone": "2"}

    assert refused(put(call, *[row] * 101)) == "INVALID_DATA"
    assert call.zoho.accounts[desk]["Phone"] == "1"
    assert outcomes(put(call, *[row] * 100)) == ["SUCCESS"] * 100
    assert refused(call.crm("Accounts", "PUT", json={"rows": []})) == "MANDATORY_NOT_FOUND"
    assert refused(call.crm("Accounts", "PUT", json=[1])) == "UNABLE_TO_PARSE_DATA_TYPE"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("Account_Name", None),
        ("Account_Name", "x" * 201),
        ("Account_Name", 7),
        ("Phone", "1" * 31),
        ("Annual_Revenue", "120000.5"),
        ("Annual_Revenue", 10**16),
        ("Employees", 1.5),
        ("Employees", 10**9),
        ("Employees", True),
        ("Account_Number", "12x"),
        ("Key_Account", "true"),
        ("Customer_Since", "03.04.2023"),
        ("Last_Audit", "2026-10-05T21:32:21"),
        ("Products_Used", "Panels"),
        ("Billing_Email", "nobody"),
        ("Parent_Account", {"id": "4876876000009999999"}),
        ("Owner", {"id": "1"}),
        ("Discount", 123456),
    ],
)
def test_a_value_that_does_not_fit_its_field_is_refused(call, desk, field, value):
    """By type and length, as the metadata has them."""
    answer = put(call, {"id": desk, field: value})

    assert answer.status_code == 400
    assert answer.json()["data"][0]["details"]["api_name"] == field
    assert answer.json()["data"][0]["details"]["json_path"] == f"$.data[0].{field}"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("Annual_Revenue", 120000.5),
        ("Annual_Revenue", -3),
        ("Account_Number", "900719925474099312"),
        ("Customer_Since", "2023-04-03"),
        ("Last_Audit", "2026-10-05T21:32:21+05:30"),
        ("Products_Used", ["Panels", "Batteries"]),
        ("Description", "Größe\n" * 100),
        ("Phone", None),
        ("Products_Used", []),
    ],
)
def test_a_value_that_fits_is_read_back_as_it_was_sent(call, desk, field, value):
    """null empties a field."""
    assert put(call, {"id": desk, field: value}).status_code == 200
    assert call.crm(f"Accounts/{desk}").json()["data"][0][field] == value


def test_unknown_fields_and_read_only_ones_are_passed_over(call, crm, desk):
    """A misspelt name looks like success."""
    before = call.zoho.accounts[desk]["Created_Time"]

    assert outcomes(put(call, {"id": desk, "Fone": "2", "Created_Time": "x"})) == ["SUCCESS"]
    assert call.zoho.accounts[desk]["Created_Time"] == before
    crm.read_only_fields = "refused"
    assert outcomes(put(call, {"id": desk, "Created_Time": "x"})) == ["INVALID_DATA"]


def test_an_unknown_pick_list_value_is_added_kept_or_refused(call, crm, desk):
    """By organisation; Zoho's pages say accepted, and perhaps added."""
    row = {"id": desk, "Customer_Segment": "New one"}

    crm.pick_list_policy = "refused"
    assert outcomes(put(call, row)) == ["INVALID_DATA"]
    crm.pick_list_policy = "kept"
    assert outcomes(put(call, row)) == ["SUCCESS"]
    assert "New one" not in crm.pick_lists["Customer_Segment"]
    crm.pick_list_policy = "added"
    put(call, row)
    assert "New one" in crm.pick_lists["Customer_Segment"]


def test_multiple_values_replace_the_old_ones_unless_appended(call, desk):
    """By a key of its own."""
    put(call, {"id": desk, "Products_Used": ["Panels"]})
    append = {"$append_values": {"Products_Used": True}}
    put(call, {"id": desk, "Products_Used": ["Batteries", "Panels"], **append})

    assert call.zoho.accounts[desk]["Products_Used"] == ["Panels", "Batteries"]


def test_the_trigger_is_recorded(call, crm, desk):
    """Left out, every rule of the organisation fires; empty, none does."""
    put(call, {"id": desk, "Phone": "2"})
    put(call, {"id": desk, "Phone": "3"}, trigger=[])

    assert [write.trigger for write in crm.writes] == [None, []]
    assert crm.writes[1].outcomes == ["SUCCESS"]
    assert refused(put(call, {"id": desk}, trigger=["all"])) == "INVALID_DATA"


def test_a_later_change_stops_a_conditional_write(call, clock, crm, desk):
    """Whether it stops the whole batch is not known; steps are of one second."""
    before = stamp(clock.now)
    other = call.zoho.add_account(Account_Name="Lamp")
    call.zoho.edit_account(desk, Phone="person's")
    rows = ({"id": other, "Phone": "2"}, {"id": desk, "Phone": "2"})
    headers = {"If-Unmodified-Since": before}

    alone = call.crm(f"Accounts/{desk}", "PUT", json={"data": [{"Phone": "2"}]}, headers=headers)
    assert (alone.status_code, outcomes(alone)) == (412, ["ALREADY_MODIFIED"])
    assert alone.json()["data"][0]["details"]["id"] == desk
    batch = put(call, *rows, headers=headers)
    assert (batch.status_code, outcomes(batch)) == (412, ["ALREADY_MODIFIED"])
    assert call.zoho.accounts[other]["Phone"] is None
    crm.conflicts = "record"
    assert outcomes(put(call, *rows, headers=headers)) == ["SUCCESS", "ALREADY_MODIFIED"]
    assert call.zoho.accounts[desk]["Phone"] == "person's"


def test_of_two_conditional_writes_at_once_one_is_second(call, clock, desk):
    """The check and the change are one step."""
    before = stamp(clock.now)
    clock.pass_by(5)
    url = f"{call.url}/crm/v8/Accounts/{desk}"
    call.crm("org")
    headers = {"Authorization": f"Zoho-oauthtoken {call.token}", "If-Unmodified-Since": before}
    statuses = []

    def write(number):
        body = {"data": [{"Phone": str(number)}]}
        statuses.append(requests.put(url, json=body, headers=headers, timeout=5).status_code)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(statuses) == [200] + [412] * 7


def test_an_edit_within_the_same_second_slips_through(call, clock, crm, desk):
    """Zoho's own limit."""
    crm.same_second_edits = True
    call.zoho.edit_account(desk, Phone="person's")

    answer = put(
        call, {"id": desk, "Phone": "2"}, headers={"If-Unmodified-Since": stamp(clock.now)}
    )

    assert answer.status_code == 200


def test_a_locked_record_and_a_taken_number_are_told_of(call, desk):
    """A person must act."""
    call.zoho.edit_account(desk, Locked__s=True)
    taken = call.zoho.add_account(Account_Name="Lamp", ERP_Number="E-1")
    free = call.zoho.add_account(Account_Name="Chair")

    answer = put(call, {"id": desk, "Phone": "2"}, {"id": free, "ERP_Number": "e-1"})

    assert outcomes(answer) == ["RECORD_LOCKED", "DUPLICATE_DATA"]
    assert answer.json()["data"][1]["details"]["duplicate_record"]["id"] == taken


def test_records_are_made_and_need_a_name(call):
    """Sent twice, made twice: there is no idempotency key."""
    body = {"data": [{"Account_Name": "Desk"}]}

    answers = [call.crm("Accounts", "POST", json=body) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [201, 201]
    assert len(call.zoho.accounts) == 2
    nameless = call.crm("Accounts", "POST", json={"data": [{"Phone": "1"}]})
    assert (nameless.status_code, outcomes(nameless)) == (400, ["MANDATORY_NOT_FOUND"])


def test_an_upsert_matches_the_name_and_then_unique_fields(call, desk):
    """Two firms of one name become one record."""
    numbered = call.zoho.add_account(Account_Name="Lamp", ERP_Number="E-1")
    rows = [
        {"Account_Name": "DESK", "Phone": "2"},
        {"Account_Name": "Other lamp", "ERP_Number": "E-1"},
        {"Account_Name": "New"},
    ]

    answer = call.crm("Accounts/upsert", "POST", json={"data": rows})

    entries = answer.json()["data"]
    assert [(entry["action"], entry["duplicate_field"]) for entry in entries] == [
        ("update", "Account_Name"),
        ("update", "ERP_Number"),
        ("insert", None),
    ]
    assert [entry["details"]["id"] for entry in entries][:2] == [desk, numbered]
    assert len(call.zoho.accounts) == 3


def test_records_are_deleted_to_the_recycle_bin(call, crm, desk):
    """One by its address, several by their ids."""
    lamp = call.zoho.add_account(Account_Name="Lamp")

    assert call.crm(f"Accounts/{lamp}", "DELETE").json()["data"][0]["message"] == "record deleted"
    answer = call.crm("Accounts", "DELETE", ids=f"{desk},{lamp}", wf_trigger="false")

    assert (answer.status_code, outcomes(answer)) == (207, ["SUCCESS", "INVALID_DATA"])
    assert crm.writes[-1].trigger == []
    assert call.zoho.accounts == {}
    call.zoho.restore_account(desk)
    assert desk in call.zoho.accounts


def test_a_write_may_be_applied_and_its_answer_lost(call, desk):
    """Resent, a creation would make a second record."""
    call.zoho.faults.add("lost_answer", path="/crm/v8/Accounts", times=1)

    with pytest.raises(requests.ConnectionError):
        put(call, {"id": desk, "Phone": "2"})

    assert call.zoho.accounts[desk]["Phone"] == "2"
    assert put(call, {"id": desk, "Phone": "3"}).status_code == 200
