import http.client
import time

import requests

from simulator import Zoho, serve
from simulator.tests.conftest import Caller


def test_a_zoho_can_be_served_again():
    """A restart: another port, and everything works as before."""
    zoho = Zoho(latency=0.1)
    with serve(zoho) as first:
        requests.get(f"{first.url}/_simulator/state", timeout=5)
    with serve(zoho) as second:
        call = Caller(zoho, second.url)
        assert call.refresh().json()["api_domain"] == second.url
        began = time.monotonic()
        call.get("organizations")
        assert time.monotonic() - began >= 0.1, "latency still applies"
        call.session.close()


def test_it_stops_quickly_with_connections_open():
    """Every test ends by stopping; clients keep their connections."""
    with serve(Zoho()) as server:
        connections = []
        for _ in range(10):
            connection = http.client.HTTPConnection(server.url.removeprefix("http://"))
            connection.request("GET", "/_simulator/state")
            connection.getresponse().read()
            connections.append(connection)
        began = time.monotonic()
    assert time.monotonic() - began < 2
    for connection in connections:
        connection.close()
