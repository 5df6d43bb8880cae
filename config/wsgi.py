"""The WSGI application that a web server such as gunicorn serves."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

application = get_wsgi_application()

from config.requests import Request  # noqa: E402 - settings come first

application.request_class = Request
