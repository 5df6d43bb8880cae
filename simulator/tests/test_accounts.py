import datetime as dt
import time

from simulator import Zoho

FIELDS = "Account_Name,Modified_Time"
DAY = 24 * 60 * 60


def stamp(seconds):
    return dt.datetime.fromtimestamp(seconds, dt.UTC).isoformat()


def names(answer):
    return [row["Account_Name"] for row in answer.json()["data"]]


def refused(answer, status=400):
    assert answer.status_code == status
    body = answer.json()
    assert (body["status"], set(body)) == ("error", {"code", "details", "message", "status"})
    return body["code"]


def walk(call, **params):
    """Every account, by page tokens, oldest first."""
    rows, token = [], None
    while True:
        asked = {"fields": FIELDS, "sort_order": "asc", **params}
        answer = call.crm("Accounts", page_token=token, **asked).json()
        rows += answer["data"]
        if not answer["info"]["more_records"]:
            return rows
        token = answer["info"]["next_page_token"]


def test_the_same_seed_gives_the_same_accounts():
    """A restarted simulator must not look like a changed organisation."""
    first, again, other = Zoho(accounts=50, seed=7), Zoho(accounts=50, seed=7), Zoho(accounts=50)

    assert first.accounts == again.accounts
    assert first.accounts.keys() != other.accounts.keys()


def test_even_a_small_catalogue_has_the_oddities():
    """What a mirror must survive stands first."""
    rows = list(Zoho(accounts=20).accounts.values())

    assert sum(row["Account_Name"].lower() == "duplicate & sons" for row in rows) == 3
    assert any(len(row["Company_Profile"] or "") > 500 for row in rows)
    assert any(row["Annual_Revenue"] and row["Annual_Revenue"] < 0 for row in rows)
    assert any(row["Parent_Account"] and row["Parent_Account"]["id"] == row["id"] for row in rows)
    assert any(not row["Account_Name"].isascii() for row in rows)


def test_fields_must_be_named_and_are_at_most_fifty(call):
    """Zoho demands them since v3."""
    missing = call.crm("Accounts")
    many = call.crm("Accounts", fields=",".join(["Phone"] * 51))

    assert refused(missing) == "REQUIRED_PARAM_MISSING"
    assert missing.json()["details"] == {"param_name": "fields"}
    assert refused(many) == "LIMIT_EXCEEDED"


def test_an_empty_organisation_answers_204_without_a_body(call):
    """There is no empty list."""
    answer = call.crm("Accounts", fields=FIELDS)

    assert (answer.status_code, answer.content) == (204, b"")


def test_a_row_has_what_was_asked_for_its_id_and_keys_of_zohos_own(call):
    """Look-ups are objects, what is empty is null, lists are empty lists."""
    holding = call.zoho.add_account(Account_Name="Helios Holding")
    call.zoho.add_account(Account_Name="Helios GmbH", Parent_Account=holding)

    fields = "Account_Name,Parent_Account,Owner,Phone,Tag,No_Such_Field"
    row = call.crm("Accounts", fields=fields).json()["data"][0]

    assert row["Parent_Account"] == {"name": "Helios Holding", "id": holding}
    assert row["Owner"].keys() == {"name", "id", "email"}
    assert (row["Phone"], row["Tag"]) == (None, [])
    assert "No_Such_Field" not in row
    assert row["id"].isdecimal()
    assert any(key.startswith("$") for key in row)


def test_moments_are_whole_seconds_in_the_users_zone(call, clock, crm):
    """The zone is the calling user's, and may change under a client."""
    clock.now = 1_790_000_000.9
    call.zoho.add_account(Account_Name="Desk")

    def shown():
        return call.crm("Accounts", fields=FIELDS).json()["data"][0]["Modified_Time"]

    assert shown() == "2026-09-21T19:43:20+05:30"
    crm.time_zone = "America/New_York"
    assert shown() == "2026-09-21T10:13:20-04:00"


def test_rich_text_is_cut_in_lists_and_whole_alone(call):
    """A mirror that compares the two would see a change that is none."""
    account_id = call.zoho.add_account(
        Account_Name="Desk", Company_Profile="é" * 900, Description="d" * 900
    )

    row = call.crm("Accounts", fields="Company_Profile,Description").json()["data"][0]
    alone = call.crm(f"Accounts/{account_id}").json()["data"][0]

    assert (len(row["Company_Profile"]), len(row["Description"])) == (500, 900)
    assert len(alone["Company_Profile"]) == 900


def test_thousands_are_listed_by_page_tokens_within_a_second(call, zoho):
    """Tests of the product walk them often."""
    zoho.crm = Zoho(accounts=5000).crm
    began = time.monotonic()

    rows = walk(call)

    assert time.monotonic() - began < 1
    assert len({row["id"] for row in rows}) == 5000


def test_the_default_order_is_the_newest_first(call, clock):
    """New records push pages along, unless ids are asked for in ascending order."""
    for name in ("old", "middle", "new"):
        call.zoho.add_account(Account_Name=name)

    assert names(call.crm("Accounts", fields=FIELDS)) == ["new", "middle", "old"]
    assert names(call.crm("Accounts", fields=FIELDS, sort_order="asc"))[0] == "old"
    assert refused(call.crm("Accounts", fields=FIELDS, sort_by="Phone")) == "INVALID_DATA"


def test_page_numbers_reach_two_thousand_records(call, crm):
    """Beyond that only tokens go."""
    crm.page_limit = 6
    for number in range(7):
        call.zoho.add_account(Account_Name=f"Desk {number}")

    assert len(names(call.crm("Accounts", fields=FIELDS, per_page=3, page=2))) == 3
    answer = call.crm("Accounts", fields=FIELDS, per_page=3, page=3)
    assert refused(answer) == "DISCRETE_PAGINATION_LIMIT_EXCEEDED"
    assert answer.json()["details"] == {"limit": 6}


def test_page_tokens_reach_a_hundred_thousand_records(call, crm):
    """Beyond that only bulk reads go."""
    crm.token_limit = 4
    for number in range(7):
        call.zoho.add_account(Account_Name=f"Desk {number}")

    asked = {"fields": FIELDS, "per_page": 2}
    token = None
    for _ in range(2):
        answer = call.crm("Accounts", page_token=token, **asked)
        token = answer.json()["info"]["next_page_token"]

    assert refused(call.crm("Accounts", page_token=token, **asked)) == "PAGINATION_LIMIT_EXCEEDED"


def test_a_page_token_belongs_to_its_parameters_its_user_and_its_day(call, clock, crm):
    """Each misuse has its own code."""
    for number in range(3):
        call.zoho.add_account(Account_Name=f"Desk {number}")
    asked = {"fields": FIELDS, "per_page": 1}
    token = call.crm("Accounts", **asked).json()["info"]["next_page_token"]

    def code(**more):
        return refused(call.crm("Accounts", **{**asked, "page_token": token, **more}))

    assert code(per_page=2) == "TOKEN_BOUND_DATA_MISMATCH"
    assert code(page=2) == "AMBIGUITY_DURING_PROCESSING"
    assert code(page_token="x") == "INVALID_DATA"
    crm.user = next(user for user in crm.users if user != crm.user)
    assert code() == "INVALID_DATA"
    crm.user = next(user for user in crm.users if user != crm.user)
    assert call.crm("Accounts", **asked, page_token=token).status_code == 200
    clock.pass_by(DAY)
    call.token = ""
    assert code() == "EXPIRED_VALUE"


def test_with_tokens_the_page_in_info_stays_one(call):
    """A client that counts with it would read one page for ever."""
    for number in range(3):
        call.zoho.add_account(Account_Name=f"Desk {number}")
    asked = {"fields": FIELDS, "per_page": 2}
    token = call.crm("Accounts", **asked).json()["info"]["next_page_token"]

    info = call.crm("Accounts", **asked, page_token=token).json()["info"]

    assert (info["page"], info["count"], info["more_records"]) == (1, 1, False)
    assert info["next_page_token"] is None


def test_a_short_page_may_have_more_behind_it(call, crm):
    """Only more_records tells the end, and even that may promise too much."""
    for number in range(5):
        call.zoho.add_account(Account_Name=f"Desk {number}")
    crm.short_pages = 1

    assert len(walk(call, per_page=3)) == 5

    crm.more_after_the_end = True
    info = call.crm("Accounts", fields=FIELDS).json()["info"]
    after = call.crm("Accounts", fields=FIELDS, page_token=info["next_page_token"])
    assert after.status_code == 204


def test_records_that_come_and_go_in_mid_walk_skip_nobody(call, crm):
    """A token goes on after the record that stood last."""
    ids = [call.zoho.add_account(Account_Name=f"Desk {number}") for number in range(6)]
    crm.on_page(2, lambda: call.zoho.delete_account(ids[0]))
    crm.on_page(2, lambda: call.zoho.add_account(Account_Name="late"))

    rows = walk(call, per_page=2)

    assert [row["Account_Name"] for row in rows] == [f"Desk {n}" for n in range(6)] + ["late"]


def test_modified_since_means_after_and_answers_304_for_nothing(call, clock):
    """An edit in the very second is not in it, and deleted ones never are."""
    clock.now = 1_790_000_000
    call.zoho.add_account(Account_Name="old")
    clock.pass_by(100)
    call.zoho.add_account(Account_Name="new")

    def since(seconds):
        headers = {"If-Modified-Since": stamp(seconds)}
        return call.crm("Accounts", fields=FIELDS, headers=headers)

    assert names(since(1_790_000_000)) == ["new"]
    assert names(since(1_789_999_999)) == ["new", "old"]
    nothing = since(1_790_000_100)
    assert (nothing.status_code, nothing.content) == (304, b"")


def test_some_are_asked_for_by_their_ids(call):
    """Up to a hundred."""
    ids = [call.zoho.add_account(Account_Name=f"Desk {number}") for number in range(3)]

    answer = call.crm("Accounts", fields=FIELDS, ids=f"{ids[0]},{ids[2]}", sort_order="asc")

    assert names(answer) == ["Desk 0", "Desk 2"]
    many = ",".join(str(number) for number in range(101))
    assert refused(call.crm("Accounts", fields=FIELDS, ids=many)) == "LIMIT_EXCEEDED"


def test_a_custom_view_filters_and_excludes_sorting(call):
    """Views are the list's only filter."""
    call.zoho.add_account(Account_Name="Desk")
    call.zoho.add_account(Account_Name="Key", Key_Account=True)
    view = "4876876000000087502"

    assert names(call.crm("Accounts", fields=FIELDS, cvid=view)) == ["Key"]
    both = call.crm("Accounts", fields=FIELDS, cvid=view, sort_by="id")
    assert refused(both) == "AMBIGUITY_DURING_PROCESSING"


def test_big_integers_are_strings_or_in_older_organisations_numbers(call, crm):
    """Eighteen digits do not fit a JavaScript number."""
    account_id = call.zoho.add_account(Account_Name="Desk", Account_Number="900719925474099312")

    def shown():
        return call.crm(f"Accounts/{account_id}").json()["data"][0]["Account_Number"]

    assert shown() == "900719925474099312"
    crm.numeric_big_integers = True
    assert shown() == 900719925474099312


def test_one_account_is_read_alone(call, clock):
    """An unknown id is 204, a malformed one an error."""
    account_id = call.zoho.add_account(Account_Name="Desk")

    assert names(call.crm(f"Accounts/{account_id}")) == ["Desk"]
    assert call.crm("Accounts/4876876000009999999").status_code == 204
    assert refused(call.crm("Accounts/desk")) == "INVALID_DATA"
    headers = {"If-Modified-Since": stamp(clock.now)}
    assert call.crm(f"Accounts/{account_id}", headers=headers).status_code == 304


def test_a_user_may_see_fewer_accounts(call, crm):
    """After a new connection by someone else: hidden is not deleted."""
    _, other = crm.users
    call.zoho.add_account(Account_Name="mine")
    hidden = call.zoho.add_account(Account_Name="other's", Owner=other)
    crm.sees_only_own = True

    assert names(call.crm("Accounts", fields=FIELDS)) == ["mine"]
    assert call.crm(f"Accounts/{hidden}").status_code == 204
    assert call.crm("Accounts/deleted").status_code == 204


def test_deleted_accounts_are_told_of_for_a_while(call, clock, crm):
    """Sixty days in the recycle bin, a hundred and twenty days at all."""
    binned, gone, back, merged, winner = (
        call.zoho.add_account(Account_Name=f"Desk {number}") for number in range(5)
    )
    call.zoho.delete_account(binned)
    call.zoho.delete_account(gone, permanent=True)
    call.zoho.delete_account(back)
    call.zoho.restore_account(back)
    crm.merge_accounts(winner, merged)

    def listed(**params):
        answer = call.crm("Accounts/deleted", **params)
        if answer.status_code == 204:
            return {}
        return {row["id"]: row for row in answer.json()["data"]}

    assert listed().keys() == {binned, gone}
    assert listed(type="recycle")[binned]["display_name"] == "Desk 0"
    assert listed(type="permanent")[gone]["display_name"] is None
    assert back in call.zoho.accounts
    clock.pass_by(60 * DAY)
    call.token = ""
    assert listed(type="permanent").keys() == {binned, gone}
    clock.pass_by(60 * DAY)
    call.token = ""
    assert listed() == {}


def test_deletions_since_a_moment(call, clock):
    """304 when there are none."""
    first, second = (call.zoho.add_account(Account_Name=name) for name in "ab")
    call.zoho.delete_account(first)
    before = clock.now
    clock.pass_by(10)
    call.zoho.delete_account(second)

    def since(seconds):
        return call.crm("Accounts/deleted", headers={"If-Modified-Since": stamp(seconds)})

    assert [row["id"] for row in since(before).json()["data"]] == [second]
    assert since(clock.now).status_code == 304
