import time
import uuid

import pytest
from django.contrib.auth.models import Permission
from django.urls import resolve, reverse

from products_and_services.views import trigger_sync_view
from sync.models import SyncRun

pytestmark = pytest.mark.django_db

URL = "/crm-api/products/admin/sync-zoho/"
JSON = {"HTTP_ACCEPT": "application/json"}


@pytest.fixture
def client(client, staff):
    client.force_login(staff)
    return client


@pytest.fixture
def clerk(django_user_model):
    """Staff without any permission."""
    return django_user_model.objects.create_user("karl", password="karl", is_staff=True)


def grant(user, *codenames):
    user.user_permissions.add(*Permission.objects.filter(codename__in=codenames))


def test_the_address_is_the_agreed_one():
    """Bookmarks and other systems hold on to it."""
    assert resolve(URL).func is trigger_sync_view


def test_get_asks_and_starts_nothing(client, credential):
    """Browsers prefetch links, and other pages can make a browser follow one."""
    page = client.get(URL).content.decode()

    assert "Bring all products up to date?" in page
    assert 'method="post"' in page
    assert not SyncRun.objects.exists()


def test_post_starts_one_run_and_lands_on_its_page(client, credential):
    """The click of the requirements: "Task initiated: <task_id>"."""
    response = client.post(URL, follow=True)

    run = SyncRun.objects.get()
    assert response.redirect_chain[-1][0] == reverse("admin:sync_syncrun_change", args=[run.pk])
    assert f"Task initiated: {run.task_id}" in response.content.decode()
    assert (run.trigger, run.user.get_username()) == ("person", "olga")


def test_post_without_the_token_is_refused(staff):
    """Another site must not be able to press the button."""
    from django.test import Client

    strict = Client(enforce_csrf_checks=True)
    strict.force_login(staff)

    assert strict.post(URL).status_code == 403
    assert not SyncRun.objects.exists()


@pytest.mark.parametrize("method", ["put", "delete", "patch"])
def test_other_methods_are_refused(client, method):
    """Only two things can be meant here."""
    assert getattr(client, method)(URL).status_code == 405


def test_a_json_client_gets_202_and_where_to_look(client, credential):
    """Scripts start syncs too."""
    response = client.post(URL, **JSON)

    run = SyncRun.objects.get()
    assert response.status_code == 202
    assert response.json() == {
        "task_id": str(run.task_id),
        "run_id": run.pk,
        "status_url": f"/sync/runs/{run.pk}/",
    }
    status = client.get(response.json()["status_url"]).json()
    assert (status["state"], status["task_id"]) == ("queued", str(run.task_id))


def test_an_unknown_run_is_404(client):
    """Celery would say "pending" for any id."""
    assert client.get("/sync/runs/999/").status_code == 404


def test_a_second_click_is_told_of_the_first(client, credential):
    """Nothing is started twice, and nobody is left wondering."""
    first = client.post(URL, **JSON).json()

    second = client.post(URL, **JSON).json()
    page = client.post(URL, follow=True).content.decode()

    assert second == first
    assert SyncRun.objects.count() == 1
    assert "already under way" in page


def test_anonymous_visitors_are_sent_to_the_login(client):
    """And come back here after it."""
    client.logout()

    response = client.post(URL)

    assert response.status_code == 302
    assert response["Location"] == f"/admin/login/?next={URL}"


def test_people_who_are_not_staff_are_sent_to_the_login(client, django_user_model):
    """A customer's account is no key to the back office."""
    client.force_login(django_user_model.objects.create_user("customer"))

    assert client.post(URL).status_code == 302
    assert not SyncRun.objects.exists()


@pytest.mark.parametrize("method", ["get", "post"])
def test_staff_without_the_permission_are_refused(client, clerk, method):
    """Starting a sync costs calls: not everybody may."""
    client.force_login(clerk)

    assert getattr(client, method)(URL).status_code == 403
    assert not SyncRun.objects.exists()


def test_the_menu_shows_the_button_only_to_those_who_may(client, clerk):
    """A button that answers "forbidden" is a trap."""
    assert "🔄 Sync Zoho" in client.get("/admin/").content.decode()

    client.force_login(clerk)
    assert "🔄 Sync Zoho" not in client.get("/admin/").content.decode()

    grant(clerk, "trigger_zoho_sync")
    page = client.get("/admin/").content.decode()
    assert "🔄 Sync Zoho" in page


def test_staff_who_may_start_but_not_see_runs_land_on_the_products(client, clerk, credential):
    """Two permissions: the answer must not be a refusal."""
    grant(clerk, "trigger_zoho_sync", "view_product")
    client.force_login(clerk)

    response = client.post(URL, follow=True)

    assert response.status_code == 200
    assert response.request["PATH_INFO"] == "/admin/products_and_services/product/"
    assert "Task initiated" in response.content.decode()


def test_the_click_is_answered_at_once_while_zoho_hangs(client, zoho, credential):
    """The page starts the work; it does not do it."""
    zoho.faults.add("hang", seconds=30)

    began = time.monotonic()
    client.post(URL)

    assert time.monotonic() - began < 1


def test_with_the_queue_away_the_page_says_so_and_the_run_is_kept(client, credential, dead_queue):
    """No stack trace, no lost click."""
    began = time.monotonic()
    response = client.post(URL, follow=True)

    assert response.status_code == 200
    assert "The work queue cannot be reached" in response.content.decode()
    assert SyncRun.objects.get().state == SyncRun.State.QUEUED
    assert time.monotonic() - began < 6


def test_with_the_queue_away_a_json_client_gets_503(client, credential, dead_queue):
    """A script can tell it from success, and still learns the run."""
    response = client.post(URL, **JSON)

    assert response.status_code == 503
    assert uuid.UUID(response.json()["task_id"])


def test_before_zoho_is_connected_the_page_shows_the_way(client):
    """A new installation's first click."""
    page = client.get(URL).content.decode()

    assert "Zoho is not connected yet" in page
    assert "/oauth/start" in page


def test_a_dead_connection_is_told_before_the_click_with_the_way_to_mend_it(client, credential):
    """The sync would fail; better to say so first."""
    credential.reconnect_reason = "Zoho no longer accepts the refresh token."
    credential.save()

    page = client.get(URL).content.decode()

    assert "Reconnect needed: Zoho no longer accepts the refresh token." in page
    assert 'href="/admin/integrations/zohocredential/"' in page


def test_an_error_page_gives_a_number_and_no_detail(client, credential, monkeypatch):
    """The detail is in the log, under that number."""
    from products_and_services import views

    def broken(*args, **kwargs):
        raise RuntimeError("internal detail")

    monkeypatch.setattr(views, "request_run", broken)
    client.raise_request_exception = False

    response = client.post(URL)

    assert response.status_code == 500
    assert "internal detail" not in response.content.decode()
    assert response["X-Request-ID"] in response.content.decode()
