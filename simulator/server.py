"""Serving a simulated Zoho on a loopback port, in threads of this process."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from cheroot import wsgi

from simulator.app import App
from simulator.zoho import Zoho

THREADS = 48  # hung requests must not starve the others


@dataclass(frozen=True)
class Server:
    url: str


class Gateway(wsgi.Gateway_10):
    """Lets the application close a connection without an answer."""

    def get_environ(self) -> dict[str, Any]:
        environ = super().get_environ()
        environ["simulator.close"] = self._closer()
        return environ

    def _closer(self) -> Callable[[], None]:
        connection = self.req.conn.socket

        def close() -> None:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

        return close


@contextmanager
def serve(zoho: Zoho, host: str = "127.0.0.1", port: int = 0) -> Iterator[Server]:
    """Answer for `zoho` until the block ends. Raises OSError when the port cannot be had."""
    server = wsgi.Server((host, port), App(zoho), numthreads=THREADS, shutdown_timeout=1)
    server.gateway = Gateway
    server.nodelay = True
    server.expiration_interval = 0.05  # it looks this often whether it is to stop
    server.error_log = lambda *args, **kwargs: None  # scripted trouble breaks pipes on purpose
    server.prepare()
    url = f"http://{host}:{server.bind_addr[1]}"
    zoho.url = url
    zoho.stopping.clear()  # it may have been served before
    thread = threading.Thread(target=server.serve, name=f"zoho-{server.bind_addr[1]}", daemon=True)
    thread.start()
    try:
        yield Server(url)
    finally:
        zoho.stopping.set()
        server.stop()
        thread.join(5)
