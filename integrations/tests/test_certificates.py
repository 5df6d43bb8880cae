"""Whom we believe to be Zoho: certificates are checked, and there is no switch against it."""

import datetime as dt
import http.server
import ipaddress
import ssl
import threading

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from integrations.zoho.session import open_session


@pytest.fixture
def company(tmp_path):
    """A server whose certificate a company has signed itself: its address, and the bundle."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "company.example")])
    now = dt.datetime.now(dt.UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    bundle, secret = tmp_path / "bundle.pem", tmp_path / "key.pem"
    bundle.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(bundle, secret)

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
