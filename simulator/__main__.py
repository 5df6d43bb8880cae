"""`python -m simulator --port 9999`: a simulated Zoho until Ctrl-C or SIGTERM."""

import argparse
import json
import signal
import sys
import threading


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", type=_whole, required=True, help="0 takes a free one.")
    parser.add_argument("--items", type=_whole, default=450, help="Size of the catalogue.")
    parser.add_argument("--accounts", type=_whole, default=0, help="CRM Accounts.")
    parser.add_argument("--seed", type=_whole, default=1, help="Same seed, same data.")


def _whole(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError("must be a whole number, zero or more")
    return int(text)


def run(port: int, items: int, accounts: int, seed: int) -> None:
    """Serve until told to stop. The first line on stdout says how to connect, as JSON.

    Raises OSError when the port cannot be had.
    """
    from simulator import Zoho, serve

    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    zoho = Zoho(items, accounts, seed)
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


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m simulator", description=__doc__)
    add_arguments(parser)
    options = parser.parse_args()
    try:
        run(**vars(options))
    except (OSError, OverflowError) as error:
        print(f"Port {options.port} cannot be used: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
