"""A real worker: a process of its own, on the test database and the simulated Zoho."""

import os
import signal
import subprocess
import sys
import time

import pytest


@pytest.fixture
def start_worker(credential, process_environment):
    """Start a worker that works on the test database; returns its process."""
    processes = []

    def start(**environment):
        command = [sys.executable, "-m", "celery", "-A", "config", "worker", "-c", "2"]
        command += ["--without-gossip", "--without-mingle", "--without-heartbeat"]
        process = subprocess.Popen(
            command,
            env={**process_environment, **environment},
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        processes.append(process)
        return process

    yield start
    for process in processes:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@pytest.fixture
def wait_for():
    def wait(condition, seconds=30):
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, "it did not happen in time"
            time.sleep(0.05)

    return wait
