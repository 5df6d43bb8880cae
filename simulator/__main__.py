"""`python -m simulator --port 9999`: a simulated Zoho until Ctrl-C or SIGTERM."""

import argparse
import json
import math
import signal
import sys
import threading


class CannotServeError(Exception):
    """Why not, in one line for a person."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", type=_whole, required=True, help="0 takes a free one.")
    parser.add_argument("--items", type=_whole, default=450, help="Size of the catalogue.")
    parser.add_argument("--accounts", type=_whole, default=0, help="CRM Accounts.")
    parser.add_argument("--seed", type=_whole, default=1, help="Same seed, same data.")
    parser.add_argument(
        "--latency", type=_seconds, default=0.0, help="Seconds before each answer of the API."
    )


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdecimal()):
        raise argparse.ArgumentTypeError("must be a whole number, zero or more")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not (math.isfinite(seconds) and seconds >= 0):
        raise argparse.ArgumentTypeError("must be a number of seconds, zero or more")
    return seconds


def run(
    port: int, items: int = 450, accounts: int = 0, seed: int = 1, latency: float = 0.0
) -> None:
    """Serve until told to stop. The first line on stdout says how to connect, as JSON.

    Raises CannotServeError.
    """
    try:
        from simulator import Zoho, serve
    except ImportError as error:
        raise CannotServeError(
            f"The simulator's web server is not installed ({error.name} is missing): "
            "pip install -r requirements-demo.txt"
        ) from error

    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    zoho = Zoho(items, accounts, seed, latency=latency)
    try:
        with serve(zoho, port=port) as server:
            connection = {
                "url": server.url,
                "client_id": zoho.client_id,
                "client_secret": zoho.client_secret,
                "refresh_token": zoho.refresh_token,
                "organization_id": zoho.organization_id,
            }
            print(json.dumps(connection), flush=True)
            stop.wait()
    except (OSError, OverflowError) as error:
        raise CannotServeError(f"Port {port} cannot be used: {error}") from error


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m simulator", description=__doc__)
    add_arguments(parser)
    try:
        run(**vars(parser.parse_args()))
    except CannotServeError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
