"""A command that is ended from outside: by Ctrl-C, by a supervisor."""

import signal
import subprocess
import sys

import pytest

from sync.models import SyncRun

pytestmark = pytest.mark.postgres  # the command is a process of its own

ITEMS = "/inventory/v1/items"


@pytest.fixture
def command(process_environment, credential, zoho):
    """The command, under way."""
    processes = []

    def start(**environment):
        process = subprocess.Popen(
            [sys.executable, "manage.py", "sync_zoho_products"],
            env={**process_environment, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # A test that runs in a shell's background ignores Ctrl-C, and so would the command.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_command_that_is_ended_while_its_run_waits_cancels_it(zoho, command, wait_for, how):
    """The next one used to be told for an hour that another run is active."""
    zoho.add_item(name="Desk")
    zoho.faults.add("rate_limit", path=ITEMS, code=45)
    process = command()
    wait_for(lambda: SyncRun.objects.filter(state=SyncRun.State.WAITING).exists())

    process.send_signal(how)
    _, told = process.communicate(timeout=10)

    run = SyncRun.objects.get()
    assert (process.returncode, run.state) == (130, SyncRun.State.CANCELLED)
    assert f"Run #{run.pk} was cancelled; what was read is kept" in told
    zoho.faults.clear()
    assert command().wait(timeout=30) == 0


def test_a_command_ends_at_the_first_press_though_a_call_hangs(zoho, command, wait_for):
    """Python would wait for it, up to its time-out."""
    zoho.add_item(name="Desk")
    zoho.faults.add("drip", path=ITEMS, seconds=0.5)
    process = command()
    wait_for(lambda: any(request.path == ITEMS for request in zoho.requests))

    process.send_signal(signal.SIGINT)
    process.communicate(timeout=5)

    assert process.returncode == 130
    assert SyncRun.objects.get().state == SyncRun.State.CANCELLED
