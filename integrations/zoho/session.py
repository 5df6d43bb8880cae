"""How connections to Zoho are opened, for tokens and for data alike."""

import os
import socket
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.cookiejar import DefaultCookiePolicy
from typing import Any, BinaryIO

import requests
from requests.adapters import HTTPAdapter
from requests.utils import get_environ_proxies
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError


def open_session(url: str, connections: int = 1) -> requests.Session:
    """A session for calls to the host of `url`, with as many `connections` kept open.

    Threads may share it: it keeps no cookies, so no call changes it.

    A company's proxy (HTTPS_PROXY, NO_PROXY) and certificates (REQUESTS_CA_BUNDLE) are honoured,
    read once instead of at each call. A ~/.netrc is not: its password would take the place of
    our own Authorization header. Certificates are always checked.
    """
    session = requests.Session()
    session.trust_env = False
    session.proxies = get_environ_proxies(url)
    session.verify = os.environ.get("REQUESTS_CA_BUNDLE") or True
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    adapter = _Adapter(pool_connections=1, pool_maxsize=connections)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    session.headers["Accept"] = "application/json"
    session.headers["Accept-Encoding"] = "gzip"  # which `exchange` unpacks
    return session


class TooLargeError(Exception):
    """The answer has more bytes than anything that Zoho sends."""


class _Deadline:
    """Ends one call at a fixed moment, whatever still comes.

    The time-outs of `requests` are for each read: a server that sends a byte every two seconds,
    of the headers or of the body, is never too late. So the socket itself is shut down.
    """

    def __init__(self, seconds: float) -> None:
        self.socket: socket.socket | None = None
        self.is_over = False
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True

    def __enter__(self) -> "_Deadline":
        _under_way.deadline = self
        self._timer.start()
        return self

    def __exit__(self, *exc: object) -> None:
        _under_way.deadline = None
        self._timer.cancel()

    def _end(self) -> None:
        self.is_over = True
        if self.socket is not None:
            with suppress(OSError):
                self.socket.shutdown(socket.SHUT_RDWR)


_under_way = threading.local()


class _Watched:
    """A connection that tells the deadline of its thread which socket it uses."""

    sock: Any

    def request(self, *args: Any, **kwargs: Any) -> Any:
        deadline = getattr(_under_way, "deadline", None)
        if deadline is not None and self.sock is not None:
            deadline.socket = self.sock  # kept open since the last call
        sent = super().request(*args, **kwargs)  # type: ignore[misc]
        if deadline is not None:
            deadline.socket = self.sock
        return sent


class _HTTP(_Watched, HTTPConnection):
    pass


class _HTTPS(_Watched, HTTPSConnection):
    pass


class _HTTPPool(HTTPConnectionPool):
    ConnectionCls = _HTTP


class _HTTPSPool(HTTPSConnectionPool):
    ConnectionCls = _HTTPS


class _Adapter(HTTPAdapter):
    """Opens watched connections, directly and through a proxy."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = POOLS

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(*args, **kwargs)
        manager.pool_classes_by_scheme = POOLS
        return manager


POOLS = {"http": _HTTPPool, "https": _HTTPSPool}
AT_A_TIME = 1 << 20  # bytes of an answer


def exchange(
    session: requests.Session,
    method: str,
    url: str,
    *,
    seconds: float,
    most: int,
    into: Callable[[requests.Response], BinaryIO | None] = lambda response: None,
    **request: Any,
) -> tuple[requests.Response, bytes]:
    """One request and all of its answer, within `seconds` and `most` bytes, unpacked.

    Where `into` gives a file, the answer is written into it and the bytes are empty. Raises
    requests.RequestException, also when the time is over, and TooLargeError.
    """
    with _Deadline(seconds) as deadline:
        try:
            response = session.request(method, url, allow_redirects=False, stream=True, **request)
            with response:
                file = into(response)
                pieces = _bounded(_unpacked(response), most)
                if file is None:
                    return response, b"".join(pieces)
                for piece in pieces:
                    file.write(piece)
                return response, b""
        except (requests.RequestException, TooLargeError):
            raise
        except (HTTPError, OSError, zlib.error) as error:
            raise requests.ConnectionError(type(error).__name__) from error
        except Exception as error:
            if not deadline.is_over:
                raise
            # What a socket that is shut down under a reader raises, differs.
            raise requests.ReadTimeout("deadline") from error


def _bounded(pieces: Iterator[bytes], most: int) -> Iterator[bytes]:
    size = 0
    for piece in pieces:
        size += len(piece)
        if size > most:
            raise TooLargeError
        yield piece


def _unpacked(response: requests.Response) -> Iterator[bytes]:
    """The body, never more than AT_A_TIME at once: a kilobyte may unpack to a megabyte."""
    raw = response.raw.stream(AT_A_TIME, decode_content=False)
    encoding = response.headers.get("Content-Encoding", "").strip().lower()
    if encoding in ("", "identity"):
        yield from raw
        return
    if encoding not in ("gzip", "x-gzip"):
        raise zlib.error("an encoding that was not asked for")
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16)
    for piece in raw:
        packed = piece
        while packed and not unpacker.eof:
            yield unpacker.decompress(packed, AT_A_TIME)
            packed = unpacker.unconsumed_tail
    if not unpacker.eof:
        raise zlib.error("the packed body is cut off")
