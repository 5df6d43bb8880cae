"""A real browser, and the product as it runs in production: web server, worker, beat."""

import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from playwright.sync_api import Browser, sync_playwright

from demo.servers import free_port
from simulator import Zoho
from tests.browsing import CHROMIUM, Person


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("no Chromium is installed")
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        # Playwright keeps an event loop in this thread. Django is not called from within it.
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@dataclass
class Site:
    """The product at `url`, on a database of its own and the simulated `zoho`."""

    url: str
    zoho: Zoho
    start_web: Callable[[], Any]
    web: Any


@pytest.fixture
def site(zoho: Zoho, start_process: Callable[..., Any]) -> Site:
    """An empty installation: nothing is connected, nothing is synced."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    zoho.redirect_uris = {f"{url}/oauth/callback"}

    def start_web() -> Any:
        bind = ["--bind", f"127.0.0.1:{port}", "--threads", "8", "--no-control-socket"]
        process = start_process("-m", "gunicorn", "config.wsgi", *bind)
        deadline = time.monotonic() + 30
        while True:
            try:
                urllib.request.urlopen(f"{url}/admin/login/", timeout=5).close()
                return process
            except (urllib.error.URLError, OSError):
                assert time.monotonic() < deadline, "the web server does not answer"
                assert process.poll() is None, "the web server stopped"
                time.sleep(0.1)

    celery = ("-m", "celery", "-A", "config")
    start_process(*celery, "worker", "-c", "2", "--without-gossip", "--without-mingle")
    start_process(*celery, "beat", "--pidfile=")
    return Site(url, zoho, start_web, start_web())


@pytest.fixture
def connected(site: Site, credential: Any) -> Site:
    """One that has its connection already."""
    return site


@pytest.fixture
def person(site: Site, browser: Browser, django_user_model: Any) -> Iterator[Callable[..., Person]]:
    """Somebody signed in: with all rights, or with just these besides seeing everything."""
    people: list[Person] = []

    def arrive(name: str = "olga", rights: list[str] | None = None, **context: Any) -> Person:
        if rights is None:
            django_user_model.objects.create_superuser(name, password=name)
        else:
            user = django_user_model.objects.create_user(name, password=name, is_staff=True)
            seeing = Permission.objects.filter(codename__startswith="view_")
            user.user_permissions.set(seeing | Permission.objects.filter(codename__in=rights))
        page = browser.new_page(**{"viewport": {"width": 1280, "height": 800}, **context})
        page.route("**/favicon.ico", lambda route: route.fulfill(status=204))
        arrived = Person(page, site.url)
        page.on(
            "console",
            lambda entry: entry.type == "error" and arrived.complaints.append(entry.text),
        )
        page.on("pageerror", lambda error: arrived.complaints.append(str(error)))
        people.append(arrived)
        arrived.sign_in(name)
        return arrived

    yield arrive
    for somebody in people:
        somebody.page.close()
    assert [complaint for somebody in people for complaint in somebody.complaints] == []
