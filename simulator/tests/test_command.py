import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import requests

ROOT = Path(__file__).resolve().parent.parent.parent
WAYS = {
    "module": [sys.executable, "-m", "simulator"],
    "command": [sys.executable, "manage.py", "zoho_simulator"],
}


def start(way, tmp_path, *arguments):
    environment = {**os.environ, "DEBUG": "true", "LOG_DIR": str(tmp_path)}
    environment |= {"DATABASE_URL": "sqlite:///:memory:", "REDIS_URL": "redis://127.0.0.1:1/0"}
    return subprocess.Popen(
        [*WAYS[way], *arguments],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("way", WAYS)
def test_the_first_line_says_how_to_connect_and_sigterm_ends_it(way, tmp_path):
    """Scripts read that line."""
    process = start(way, tmp_path, "--port", "0", "--items", "3", "--seed", "5")
    connection = json.loads(process.stdout.readline())

    assert connection.keys() == {
        "url",
        "client_id",
        "client_secret",
        "refresh_token",
        "organization_id",
    }
    state = requests.get(f"{connection['url']}/_simulator/state", timeout=5).json()
    assert state["items"] == 3
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=10)
    assert process.returncode == 0


@pytest.mark.parametrize("way", WAYS)
def test_a_used_port_is_told_in_one_line(way, tmp_path):
    """The commonest reason not to start."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        process = start(way, tmp_path, "--port", port)
        _, errors = process.communicate(timeout=20)

    assert process.returncode == 1
    assert f"Port {port} cannot be used" in errors
    assert len(errors.strip().splitlines()) == 1


@pytest.mark.parametrize("arguments", [[], ["--port", "x"], ["--port", "0", "--items", "-1"]])
def test_a_wrong_argument_is_named(arguments, tmp_path):
    """Before anything starts."""
    process = start("module", tmp_path, *arguments)
    _, errors = process.communicate(timeout=20)

    assert process.returncode == 2
    assert "--port" in errors or "--items" in errors
