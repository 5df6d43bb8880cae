"""Whom we believe to be Zoho: certificates are checked, and there is no switch against it."""

import http.server
import threading

import pytest
import requests

from integrations.zoho.session import open_session
from tests.certificates import self_signed


@pytest.fixture
def company(tmp_path):
    """A server whose certificate a company has signed itself: its address, and the bundle."""
    bundle, context = self_signed(tmp_path)

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(204)
            self.end_headers()

        def log_message(self, *arguments):
            pass

    class Quiet(http.server.ThreadingHTTPServer):
        def handle_error(self, request, client_address):
            pass

    with Quiet(("127.0.0.1", 0), Answer) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"https://127.0.0.1:{server.server_port}/", bundle
        server.shutdown()
        thread.join()


def test_a_certificate_nobody_vouches_for_is_refused(company):
    """Whoever stands between us and Zoho would read the tokens."""
    url, _ = company

    with open_session(url) as session, pytest.raises(requests.exceptions.SSLError):
        session.get(url, timeout=5)


def test_a_companys_own_bundle_is_accepted(company, monkeypatch):
    """Proxies that look into TLS have one; switching the check off is not the way."""
    url, bundle = company
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))

    with open_session(url) as session:
        assert session.get(url, timeout=5).status_code == 204
