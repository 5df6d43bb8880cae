import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests

ROOT = Path(__file__).resolve().parent.parent.parent
WAYS = {
    "module": [sys.executable, "-m", "simulator"],
    "command": [sys.executable, "manage.py", "zoho_simulator"],
}


def start(way, tmp_path, *arguments, python_path=""):
    environment = {**os.environ, "DEBUG": "true", "LOG_DIR": str(tmp_path)}
    environment |= {"DATABASE_URL": "sqlite:///:memory:", "REDIS_URL": "redis://127.0.0.1:1/0"}
    environment |= {"PYTHONPATH": python_path} if python_path else {}
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
    process = start(way, tmp_path, "--port", "0", "--items", "3", "--accounts", "4", "--seed", "5")
    connection = json.loads(process.stdout.readline())

    assert connection.keys() == {
        "url",
        "client_id",
        "client_secret",
        "refresh_token",
        "organization_id",
    }
    state = requests.get(f"{connection['url']}/_simulator/state", timeout=5).json()
    assert (state["items"], state["accounts"]) == (3, 4)
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


def test_latency_slows_the_api_and_not_the_handles(tmp_path):
    """The demo shows progress that a person can see."""
    process = start("module", tmp_path, "--port", "0", "--items", "0", "--latency", "0.3")
    url = json.loads(process.stdout.readline())["url"]

    began = time.monotonic()
    requests.get(f"{url}/_simulator/state", timeout=5)
    assert time.monotonic() - began < 0.3
    requests.get(f"{url}/inventory/v1/items", timeout=5)
    assert time.monotonic() - began >= 0.3
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=10)
    assert process.returncode == 0


@pytest.mark.parametrize("way", WAYS)
def test_a_missing_web_server_is_told_in_one_line(way, tmp_path):
    """Production has the command but not what the demo needs."""
    (tmp_path / "cheroot.py").write_text("raise ModuleNotFoundError(name='cheroot')")
    process = start(way, tmp_path, "--port", "0", python_path=str(tmp_path))
    _, errors = process.communicate(timeout=20)

    assert process.returncode == 1
    assert "requirements-demo.txt" in errors
    assert len(errors.strip().splitlines()) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--port", "x"],
        ["--port", "0", "--items", "-1"],
        ["--port", "0", "--latency", "-1"],
        ["--port", "0", "--latency", "nan"],
    ],
)
def test_a_wrong_argument_is_named(arguments, tmp_path):
    """Before anything starts."""
    process = start("module", tmp_path, *arguments)
    _, errors = process.communicate(timeout=20)

    assert process.returncode == 2
    assert any(name in errors for name in ("--port", "--items", "--latency"))
