"""Accounts changed from here, by people at a real browser: until Zoho has it, and the mirror."""

import pytest
from playwright.sync_api import expect

from crm_accounts.models import Account, ChangeRequest
from crm_accounts.services import sync_zoho_accounts_to_db

pytestmark = pytest.mark.demo

ASK = "change_zoho_accounts"
PHONE = "#id_Phone"


@pytest.fixture
def accounts(connected):
    """Five of them, mirrored: {name: Zoho's id}."""
    names = ("Aurora", "Borealis", "Corona", "Draco", "Eos")
    ids = {name: connected.zoho.add_account(Account_Name=name, Phone="1") for name in names}
    sync_zoho_accounts_to_db()
    return ids


def page_of(name):
    return f"/admin/crm_accounts/account/{Account.objects.get(name=name).pk}/change/"


def change(somebody, name, phone):
    """On an account's page: ✏️, another number, and send."""
    somebody.visit(page_of(name))
    somebody.press("✏️ Change in Zoho", "link")
    somebody.page.fill(PHONE, phone)
    somebody.page.locator("form.edit-account button[type=submit]").click()


def says(somebody, words, seconds=20):
    """The line at the top of a request's page, which changes by itself."""
    line = somebody.page.locator("#request-live .run-words")
    expect(line).to_contain_text(words, timeout=seconds * 1000)


def test_a_change_is_asked_for_approved_sent_and_mirrored(connected, accounts, person):
    """The salesperson asks, the manager says yes, Zoho has it, and so has the list."""
    ada, olga = person("ada", [ASK]), person()

    change(ada, "Aurora", "+49 89 2")
    says(ada, "Waits for approval until")
    ada.sees("May approve it: olga.")
    assert connected.zoho.accounts[accounts["Aurora"]]["Phone"] == "1"
    olga.visit("/admin/crm_accounts/changerequest/")
    olga.press("#", "link")
    expect(olga.page.locator(".request-rows")).to_contain_text("+49 89 2")
    olga.press("Approve and send 1 change")

    says(olga, "Done: 1 written.")
    assert connected.zoho.accounts[accounts["Aurora"]]["Phone"] == "+49 89 2"
    assert Account.objects.get(name="Aurora").phone == "+49 89 2"
    ada.visit(page_of("Aurora"))
    ada.sees("What was asked to be changed from here")
    expect(ada.page.locator(".product-history")).to_contain_text("+49 89 2")


def test_a_conflict_is_decided_field_by_field(connected, accounts, person):
    """Ours, before, theirs, side by side; nothing is overwritten until somebody says so."""
    olga = person()
    olga.visit(page_of("Aurora"))
    olga.press("✏️ Change in Zoho", "link")
    connected.zoho.edit_account(accounts["Aurora"], Phone="theirs", Fax="theirs")
    olga.page.fill(PHONE, "ours")
    olga.page.fill("#id_Fax", "ours")
    olga.press("Send to Zoho")
    says(olga, "choose whose values stay")
    assert connected.zoho.accounts[accounts["Aurora"]]["Phone"] == "theirs"

    olga.press("Decide", "link")
    olga.page.get_by_role("radio", name="Phone: ours").check()
    olga.page.get_by_role("radio", name="Fax: theirs").check()
    olga.press("Save and send")

    says(olga, "Done: 1 written.")
    found = connected.zoho.accounts[accounts["Aurora"]]
    assert (found["Phone"], found["Fax"]) == ("ours", "theirs")
    assert Account.objects.get(name="Aurora").fax == "theirs"


def test_many_are_changed_at_once_and_two_bad_ones_hold_up_nobody(connected, accounts, person):
    """One that Zoho no longer has, and one that is locked there."""
    olga, zoho = person(), connected.zoho
    zoho.delete_account(accounts["Draco"])
    zoho.crm._accounts[accounts["Eos"]].fields["Locked__s"] = True
    olga.visit("/admin/crm_accounts/account/")
    olga.page.check("#action-toggle")
    olga.page.select_option("select[name=action]", "change_selected")
    olga.press("Go")

    olga.sees("5 selected accounts")
    olga.page.fill(PHONE, "+49 30 5")
    expect(olga.page.locator("#change-Phone")).to_be_checked()
    olga.press("See what would change")
    says(olga, "5 accounts would be changed in Zoho.")
    assert zoho.crm.writes == []
    olga.press("Send 5 changes to Zoho")

    says(olga, "Done: 3 written, 2 refused.")
    olga.sees("The record is locked in Zoho")
    olga.sees("Zoho does not show this account")
    assert Account.objects.filter(phone="+49 30 5").count() == 3

    olga.press("Undo 3 changes …")
    says(olga, "3 accounts would be changed in Zoho.")
    olga.press("Send 3 changes to Zoho")
    says(olga, "Done: 3 written.")
    assert {one["Phone"] for one in zoho.accounts.values()} == {"1"}


def test_a_file_is_taken_changed_and_sent(connected, accounts, person, tmp_path):
    """In a spreadsheet, with one line that cannot be."""
    olga = person()
    olga.visit("/admin/crm_accounts/account/")
    olga.press("Change by a file", "link")
    with olga.page.expect_download() as download:
        olga.press("Download all 5 accounts (CSV)", "link")
    lines = download.value.path().read_text("utf-8-sig").splitlines()
    number = lines[0].split(",").index("Employees")
    for at, employees in ((1, "40"), (2, "many")):
        cells = lines[at].split(",")
        cells[number] = employees
        lines[at] = ",".join(cells)
    changed = tmp_path / "changed.csv"
    changed.write_text("\n".join(lines), encoding="utf-8")

    olga.page.set_input_files("#id_file", changed)
    olga.press("See what would change")
    olga.sees("Employees: Write a whole number")
    olga.press("Send 1 change to Zoho")

    says(olga, "Done: 1 cannot be sent, 1 written.")
    assert connected.zoho.accounts[accounts["Aurora"]]["Employees"] == 40
    assert connected.zoho.crm.writes[0].data == [{"id": accounts["Aurora"], "Employees": 40}]


def test_a_reader_cannot_write(connected, accounts, person):
    """No button, no action, and no way around them."""
    ada = person("ada", [])

    ada.visit(page_of("Aurora"))
    ada.sees("Aurora")
    ada.sees_not("✏️ Change in Zoho")
    ada.visit("/admin/crm_accounts/account/")
    ada.sees_not("Change by a file")
    assert ada.page.locator("select[name=action] option[value=change_selected]").count() == 0
    pk = Account.objects.get(name="Aurora").pk
    for path in (f"/crm/accounts/{pk}/", "/crm/changes/file/", "/crm/changes/file/accounts.csv"):
        assert ada.page.request.get(f"{connected.url}{path}").status == 403
    assert not ChangeRequest.objects.exists()
    assert connected.zoho.crm.writes == []
