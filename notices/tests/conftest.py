"""People who want to be told, and a mail server on a loopback port."""

import socketserver
import threading

import pytest
from django.contrib.auth.models import Permission

from notices.kinds import Kind
from notices.models import Subscription


@pytest.fixture
def mail_server(settings):
    """This installation can send mail; pytest-django keeps it in `mailoutbox`."""
    settings.EMAIL_HOST = "mail.example.com"
    settings.DEFAULT_FROM_EMAIL = "zoho-sync@example.com"


@pytest.fixture
def make_reader(django_user_model):
    """A member of staff who may see notices, and products, and wants to be told these kinds."""

    def make(name="ada", kinds=Kind.values, rights=("view_notice", "view_product"), **fields):
        fields = {"email": f"{name}@example.com", "is_staff": True, **fields}
        user = django_user_model.objects.create_user(name, **fields)
        user.user_permissions.set(Permission.objects.filter(codename__in=rights))
        Subscription.objects.create(user=user, kinds=list(kinds))
        return user

    return make


@pytest.fixture
def reader(make_reader, mail_server):
    return make_reader()


class Session(socketserver.StreamRequestHandler):
    """As much of RFC 5321 as a client needs to leave its mail."""

    def handle(self):
        self.say("220 ready")
        recipients = []
        while line := self.rfile.readline().decode().strip():
            word = line.split(":")[0].upper()
            if word == "RCPT TO" and any(name in line for name in self.server.refused):
                self.say("550 no such mailbox")
            elif word == "RCPT TO":
                recipients.append(line.split("<")[1].split(">")[0])
                self.say("250 ok")
            elif word == "DATA":
                self.say("354 go on")
                lines = iter(self.rfile.readline, b".\r\n")
                self.server.mails.append((recipients, b"".join(lines).decode()))
                recipients = []
                self.say("250 taken")
            elif word == "QUIT":
                self.say("221 bye")
                return
            else:
                self.say("250 ok")

    def say(self, line):
        self.wfile.write(f"{line}\r\n".encode())


class Smtp(socketserver.ThreadingTCPServer):
    """`mails` are (recipients, text); addresses with one of `refused` in them are not taken."""

    allow_reuse_address = daemon_threads = True

    def __init__(self, port=0):
        self.mails = []
        self.refused = set()
        super().__init__(("127.0.0.1", port), Session)


@pytest.fixture
def smtp(settings, mail_server):
    """A real SMTP server, and settings that lead to it."""
    server = Smtp()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = server.server_address
    settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
    settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
    yield server
    server.shutdown()
    thread.join()
    server.server_close()
