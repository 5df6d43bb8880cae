"""What the fence around Zoho's SDK holds. That it does what REST does stands in
test_every_tier.py."""

import json
import logging
import os
import subprocess
import sys
import threading
from decimal import Decimal
from importlib import metadata

import pytest
from django.core.checks import run_checks

from integrations.models import ZohoCredential
from integrations.zoho.crm import sdk as module
from integrations.zoho.crm.client import MockZohoClient, create_zoho_client
from integrations.zoho.crm.sdk import PACKAGE, SdkCrm, ZohoSDKClient, check_sdk, started
from integrations.zoho.crm.sdk_calls import SdkUnsupportedError
from integrations.zoho.errors import (
    ZohoAPIError,
    ZohoConfigError,
    ZohoUnavailableError,
    ZohoUnknownOutcome,
)
from integrations.zoho.exchange import Request

ACCOUNTS = "/crm/v8/Accounts"


@pytest.fixture
def sdk(credential):
    client = SdkCrm.from_database()
    yield client
    client.close()


@pytest.fixture
def working_directory(tmp_path, monkeypatch):
    """An empty one, for what might leave a file."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_ten_threads_initialise_it_once(monkeypatch):
    """It is one object for the whole process, and half of one is worse than none."""
    starts = []
    start = module._start

    def slow_start():
        starts.append(threading.current_thread().name)
        return start()

    monkeypatch.setattr(module, "_sdk", None)
    monkeypatch.setattr(module, "_start", slow_start)
    threads = [threading.Thread(target=started) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(starts) == 1


def test_it_is_not_loaded_until_it_is_needed():
    """It costs half a second and 30 MB, in web workers that never call it."""
    code = (
        "import django; django.setup(); from django.core.management import call_command;"
        "call_command('check', verbosity=0); import integrations.zoho.crm.tiers, sys;"
        "assert 'zohocrmsdk' not in sys.modules"
    )
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr


# Python 3.12 warns of just what is tested here.
@pytest.mark.filterwarnings("ignore:This process.*multi-threaded:DeprecationWarning")
def test_a_child_of_a_fork_initialises_it_anew():
    """The parent's lock may be held by a thread that the child does not have."""
    started()
    reading, writing = os.pipe()
    with module._lock:
        child = os.fork()
        if child == 0:
            os.write(writing, b"ok" if started() else b"no")
            os._exit(0)
    os.close(writing)

    assert os.read(reading, 2) == b"ok"
    os.close(reading)
    os.waitpid(child, 0)


def test_thirty_calls_are_one_connection(zoho, sdk):
    """By itself the SDK opens one, with its TLS handshake, for every call."""
    for _ in range(30):
        sdk.get_accounts(limit=1)

    (pool,) = sdk.transport.session.adapters["http://"].poolmanager.pools._container.values()
    assert pool.num_connections == 1
    assert pool.num_requests >= 30


def test_a_write_times_out_too(zoho, sdk, settings):
    """By itself the SDK waits for ever on everything that is not a GET."""
    account_id = zoho.add_account(Account_Name="Helios")
    settings.ZOHO_TIMEOUT = (1, 0.2)
    zoho.faults.add("hang", path=f"{ACCOUNTS}/{account_id}", times=1, seconds=5)

    with pytest.raises(ZohoUnknownOutcome):
        sdk.update_account(account_id, {"Phone": "1"})


def test_no_file_appears(zoho, sdk, working_directory, tmp_path_factory):
    """By itself the SDK keeps tokens, logs and field lists in the working directory."""
    resources = module.tempfile.gettempdir()
    before = set(os.listdir(resources))
    account_id = zoho.add_account(Account_Name="Helios")
    sdk.get_accounts()
    sdk.update_account(account_id, {"Phone": "1"})

    assert list(working_directory.iterdir()) == []
    assert "resources" not in set(os.listdir(resources)) - before


def test_no_field_metadata_is_asked_for(zoho, sdk):
    """By itself it asks for the fields of every module that accounts can point to."""
    sdk.get_accounts(limit=1)

    assert {request.path for request in zoho.requests if request.has_auth} == {ACCOUNTS}


def test_a_refused_token_is_renewed_once(zoho, sdk):
    """By itself the SDK believes its own clock, and fails until the hour is over."""
    sdk.get_accounts(limit=1)
    zoho.expire_access_tokens()

    sdk.get_accounts(limit=1)

    assert zoho.mints == 2
    assert [r.status for r in zoho.requests if r.path == ACCOUNTS] == [204, 401, 204]


def test_it_keeps_no_token_and_finds_none(zoho, sdk):
    """One row holds them, encrypted; the SDK's own stores are plain text or MySQL."""
    sdk.get_accounts(limit=1)
    store = started().Initializer.initializer.store

    for ask in (store.find_token, store.find_token_by_id, store.save_token, store.delete_tokens):
        with pytest.raises(started().SDKException):
            ask("1")
    assert ZohoCredential.objects.get().access_token


def test_a_token_survives_a_restart(zoho, sdk):
    """A new process finds the row and mints nothing."""
    sdk.get_accounts(limit=1)

    SdkCrm.from_database().get_accounts(limit=1)

    assert zoho.mints == 1


def test_it_serves_nobody_between_two_operations(zoho, sdk):
    """A thread of a pool would serve the next job as the last one's user."""
    sdk.get_accounts(limit=1)

    assert started().Initializer.LOCAL.init is None
    with pytest.raises(LookupError):
        module._under_way.get()


def test_its_own_log_is_silent(zoho, sdk, caplog):
    """It writes search words, which are people's addresses, and the values it refuses."""
    caplog.set_level(logging.DEBUG)
    sdk.search_accounts(email="olga@monsoon.example")

    assert "olga@monsoon.example" not in caplog.text
    assert not [record for record in caplog.records if record.name == "SDKLogger"]


def test_what_it_cannot_say_exactly_it_does_not_say(zoho, sdk):
    """It knows no decimals: sixteen digits and nine would become another number."""
    account_id = zoho.add_account(Account_Name="Helios")

    with pytest.raises(SdkUnsupportedError):
        sdk.update_account(account_id, {"Annual_Revenue": Decimal("1234567890123456.123456789")})
    sdk.update_account(account_id, {"Annual_Revenue": Decimal("1234567890.12")})

    assert zoho.accounts[account_id]["Annual_Revenue"] == Decimal("1234567890.12")


def test_values_stay_as_json_has_them(zoho, sdk, monkeypatch):
    """By itself the SDK takes lists, look-ups and dates in classes of its own only."""
    sent = []
    ask = sdk.transport.transport.ask

    def watch(request):
        sent.append(request.body)
        return ask(request)

    monkeypatch.setattr(sdk.transport.transport, "ask", watch)
    account_id = zoho.add_account(Account_Name="Helios")
    values = {
        "Tag": [{"name": "big"}],
        "Owner": {"id": "4876876000000411001"},
        "Employees": 4,
        "Phone": None,
        "Industry": "",
        "Modified_Time": "2026-10-05T21:32:21+05:30",
        "Territories": [],
        "Key_Account": True,
    }
    sdk.transport.ask(
        Request(
            f"{zoho.url}{ACCOUNTS}/{account_id}",
            method="PUT",
            body={
                "data": [values],
                "trigger": [],
                "skip_feature_execution": [{"name": "cadences"}],
            },
            writes=True,
        )
    )

    assert json.loads(sent[-1]) == {
        "data": [values],
        "trigger": [],
        "skip_feature_execution": [{"name": "cadences"}],
    }


def test_the_users_and_the_organisation_come_through_it(zoho, sdk):
    """Look-ups name people by their ids."""
    assert {user["full_name"] for user in sdk.users()} >= {"Asha Rao"}
    assert sdk.organisation()["company_name"]


def test_what_it_does_not_offer_is_said_and_not_sent(zoho, sdk):
    """Another tier can do it."""
    with pytest.raises(SdkUnsupportedError):
        sdk.transport.ask(Request(f"{zoho.url}/crm/v8/Accounts", method="DELETE"))

    assert zoho.requests == []


def test_an_answer_it_cannot_read_is_not_nothing(zoho, sdk):
    """It gives no object for an answer of an unknown form, and none for "nothing found"."""
    zoho.faults.add("answer", path=ACCOUNTS, body={"strange": []})

    with pytest.raises(ZohoUnavailableError):
        sdk.get_accounts()


@pytest.mark.parametrize("text", ["", "4.9", "../x", "no"])
def test_an_id_is_checked_before_it_is_used(sdk, text):
    """The SDK takes whole numbers and raises an error of its own for the rest."""
    with pytest.raises(ZohoAPIError):
        sdk.get_account(text)


def test_it_uses_the_time_outs_and_the_rest_as_agreed():
    """Everything it does by itself is switched off."""
    config = started().config

    assert (config.get_connect_timeout(), config.get_read_timeout()) == (30.0, 60.0)
    assert not config.get_auto_refresh_fields()
    assert not config.get_pick_list_validation()
    assert not config.apply_api_domain_update()


# --- is it the one we know? -----------------------------------------------------------------------


def test_the_installed_sdk_is_the_one_we_know():
    """Its internals are replaced by name."""
    assert check_sdk() == []
    assert run_checks(tags=["zoho"]) == []


def test_a_changed_internal_is_named(monkeypatch):
    """A new version must fail at the start, by name, and not strangely in a run at night."""
    changed = dict(module.INTERNALS)
    changed["zohocrmsdk/src/json_details.json"] = ("def get_fields_anew(",)
    monkeypatch.setattr(module, "INTERNALS", changed)

    (problem,) = check_sdk()
    assert "def get_fields_anew(" in problem
    (warning,) = run_checks(tags=["zoho"])
    assert warning.id == "integrations.W001"


def test_another_version_is_named_and_not_used(monkeypatch):
    """Its major numbers change types."""
    monkeypatch.setattr(module, "VERSION", "9.9.9")
    monkeypatch.setattr(module, "_sdk", None)

    assert check_sdk() == [
        f"{PACKAGE} is {metadata.version(PACKAGE)}; this product is made for 9.9.9."
    ]
    with pytest.raises(SdkUnsupportedError, match=r"9\.9\.9"):
        started()


# --- the names others use -------------------------------------------------------------------------


def test_the_client_takes_the_credential(zoho, credential):
    """Tokens live in Django's database, whichever it is."""
    zoho.add_account(Account_Name="Helios")

    client = ZohoSDKClient(credential)

    assert [row["Account_Name"] for row in client.get_accounts()] == ["Helios"]
    assert client.tier == "sdk"
    client.close()


@pytest.mark.django_db
def test_without_a_connection_the_client_names_what_is_missing(monkeypatch):
    """Older systems fell back to invented data, and nobody noticed."""
    for name in [name for name in os.environ if name.startswith("ZOHO_SDK_")]:
        monkeypatch.delenv(name)

    with pytest.raises(ZohoConfigError, match="ZOHO_SDK_REFRESH_TOKEN is missing"):
        create_zoho_client()


@pytest.mark.django_db
def test_the_environments_connection_is_used_where_none_is_stored(zoho, monkeypatch):
    """A container is configured so; its tokens are shared by all workers all the same."""
    given = {
        "CLIENT_ID": zoho.client_id,
        "CLIENT_SECRET": zoho.client_secret,
        "REFRESH_TOKEN": zoho.refresh_token,
        "REDIRECT_URL": "https://office.example/oauth/callback",
        "REGION": "us",
        "ENVIRONMENT": "sandbox",
    }
    for name, value in given.items():
        monkeypatch.setenv(f"ZOHO_SDK_{name}", value)

    client = create_zoho_client()

    assert client.get_accounts() == []
    assert (client.tier, ZohoCredential.objects.get().environment) == ("sdk", "sandbox")
    client.close()


def test_a_mock_is_refused_in_production(settings):
    """Invented accounts must never stand where real ones are expected."""
    settings.DEBUG = False

    with pytest.raises(ZohoConfigError, match="mock"):
        create_zoho_client(use_mock=True)


def test_a_mock_says_what_it_is(settings):
    """Whoever looks can tell."""
    settings.DEBUG = True
    mock = create_zoho_client(use_mock=True)

    assert isinstance(mock, MockZohoClient)
    assert mock.tier == "mock"
    assert mock.update_account("1", {"Industry": "Retail"})["Industry"] == "Retail"
    assert len(mock.get_accounts()) == 3
