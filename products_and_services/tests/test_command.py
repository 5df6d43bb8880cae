import json

import pytest
from django.core.management import CommandError, call_command

from products_and_services.models import Product
from products_and_services.services import request_run
from sync.models import SyncRun

pytestmark = pytest.mark.django_db


def run(*arguments):
    """The command's exit status."""
    try:
        call_command("sync_zoho_products", *arguments)
    except CommandError as error:
        return error.returncode
    except SystemExit as leaving:
        return leaving.code
    return 0


def test_a_good_sync_exits_with_0_and_tells_the_counts(zoho, credential, capsys):
    """For people."""
    zoho.add_item(name="Desk")

    assert run() == 0
    assert "1 read: 1 created, 0 updated, 0 unchanged, 0 failed." in capsys.readouterr().out


def test_json_prints_the_stats_object_alone(zoho, credential, capsys):
    """For scripts: nothing else may stand on stdout."""
    zoho.add_item(name="Desk")

    assert run("--json", "--full") == 0

    stats = json.loads(capsys.readouterr().out)
    assert {name: stats[name] for name in ("total", "created", "updated", "failed", "errors")} == {
        "total": 1,
        "created": 1,
        "updated": 0,
        "failed": 0,
        "errors": [],
    }
    assert (stats["calls"], stats["mode"], stats["run_id"]) == (1, "full", SyncRun.objects.get().pk)
    assert stats.keys() >= {"unchanged", "retired", "revived", "duration_seconds"}


def test_failed_items_exit_with_2(zoho, credential):
    """Finished, but somebody should look."""
    zoho.put_raw_item({"name": "no id"})

    assert run() == 2


def test_a_failed_sync_exits_with_1_and_the_reason(zoho, credential):
    """A schedule outside Celery must notice."""
    zoho.revoke_refresh_token()

    with pytest.raises(CommandError, match="Reconnect needed") as caught:
        call_command("sync_zoho_products")

    assert caught.value.returncode == 1


def test_another_active_run_exits_with_3(zoho, credential):
    """And nothing is started."""
    request_run(SyncRun.Trigger.PERSON)

    assert run() == 3
    assert SyncRun.objects.count() == 1


def test_only_the_items_named_are_fetched(zoho, credential):
    """Repeatable, as in --item 1 --item 2."""
    ids = [zoho.add_item(name=name) for name in ("A", "B", "C")]

    assert run("--item", ids[0], "--item", ids[2]) == 0
    assert set(Product.objects.values_list("zoho_item_id", flat=True)) == {ids[0], ids[2]}


@pytest.mark.parametrize("arguments", [("--item", "../1"), ("--full", "--item", "1")])
def test_wrong_arguments_start_nothing(zoho, credential, arguments):
    """Named before a run is made."""
    assert run(*arguments) == 1
    assert not SyncRun.objects.exists()


def test_a_wait_is_told_and_waited_out(zoho, credential, short_limits, capsys):
    """The terminal must not look dead."""
    zoho.add_item(name="Desk")
    zoho.faults.add("rate_limit", code=44, times=5)

    assert run() == 0
    assert "Waiting until" in capsys.readouterr().err
    assert Product.objects.count() == 1
