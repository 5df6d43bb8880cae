"""The page on which each says for themselves what they want to be told."""

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from notices.kinds import Kind
from notices.models import Subscription

pytestmark = pytest.mark.django_db

PAGE = "/notices/tell-me/"
TEST = "/notices/test-mail/"


@pytest.fixture
def client(client, reader):
    client.force_login(reader)
    return client


def said(answer):
    return [str(message) for message in answer.context["messages"]]


def test_the_page_is_found_in_everybodys_own_menu(client, reader):
    """It is about the person, like the password; and only for who may see notices."""
    link = f'href="{PAGE}"'
    assert link in client.get("/admin/").content.decode()

    reader.user_permissions.clear()

    assert link not in client.get("/admin/").content.decode()


def test_a_choice_is_kept_and_shown(client, reader):
    """Tick, save, and see it ticked."""
    answer = client.post(PAGE, {"kinds": ["reconnect", "low_stock"]}, follow=True)

    assert said(answer) == ["Saved. You are told: Zoho must be connected again; Stock runs low."]
    assert Subscription.objects.get(user=reader).kinds == ["reconnect", "low_stock"]
    page = answer.content.decode()
    assert page.count(" checked>") == 2
    assert "ada@example.com" in page


def test_the_choice_of_nothing_is_a_choice(client, reader):
    """Nobody is told against their will."""
    answer = client.post(PAGE, {}, follow=True)

    assert "you are told nothing by e-mail" in said(answer)[0]
    assert Subscription.objects.get(user=reader).kinds == []


def test_an_unknown_kind_changes_nothing(client, reader):
    """A page from before an update, or somebody who tries."""
    answer = client.post(PAGE, {"kinds": ["reconnect", "rain"]}, follow=True)

    assert said(answer) == ["That cannot be told. Nothing was changed."]
    assert Subscription.objects.get(user=reader).kinds == Kind.values


def test_only_what_one_may_see_can_be_chosen(client, reader):
    """Low stock names products; by mail it would reach those who may not open their list."""
    reader.user_permissions.remove(Permission.objects.get(codename="view_product"))

    page = client.get(PAGE).content.decode()
    answer = client.post(PAGE, {"kinds": ["low_stock"]}, follow=True)

    assert 'value="reconnect"' in page
    assert 'value="low_stock"' not in page
    assert said(answer) == ["That cannot be told. Nothing was changed."]


def test_everybody_decides_for_themselves_only(client, make_reader):
    """Whatever the form says."""
    bob = make_reader("bob", [])

    client.post(PAGE, {"kinds": ["reconnect"], "user": bob.pk})

    assert Subscription.objects.get(user=bob).kinds == []


def test_the_page_needs_the_right_to_see_notices(client, django_user_model):
    """Strangers sign in, staff without the right are refused."""
    anonymous = Client()
    without = Client()
    without.force_login(django_user_model.objects.create_user("eve", is_staff=True))

    for path, method in ((PAGE, "get"), (PAGE, "post"), (TEST, "post")):
        assert "/admin/login/" in getattr(anonymous, method)(path).url
        assert getattr(without, method)(path).status_code == 403
    assert not Subscription.objects.filter(user__username="eve").exists()


def test_a_post_without_the_token_is_refused(reader):
    """Another site must not choose for people, nor make us send mail."""
    client = Client(enforce_csrf_checks=True)
    client.force_login(reader)

    assert client.post(PAGE, {}).status_code == 403
    assert client.post(TEST).status_code == 403
    assert client.get(TEST).status_code == 405


def test_an_installation_without_a_mail_server_says_so(client, settings, mailoutbox):
    """And offers no button that cannot work."""
    settings.EMAIL_HOST = ""

    page = client.get(PAGE).content.decode()
    answer = client.post(TEST, follow=True)

    assert "This installation cannot send e-mail yet" in page
    assert "Send me a test e-mail" not in page
    assert said(answer) == ["Nothing was sent: see below what is missing."]
    assert mailoutbox == []


def test_a_person_without_an_address_learns_how_to_get_one(client, reader):
    """By themselves where they may, else through an administrator."""
    reader.email = ""
    reader.save()

    page = client.get(PAGE).content.decode()
    assert "Ask an administrator to enter it, under Users." in page
    assert "Send me a test e-mail" not in page

    reader.user_permissions.add(Permission.objects.get(codename="change_user"))
    assert f'href="/admin/auth/user/{reader.pk}/change/"' in client.get(PAGE).content.decode()


def test_the_test_mail_goes_to_who_asks(client, mailoutbox):
    """The proof before the need."""
    answer = client.post(TEST, follow=True)

    assert said(answer)[0].startswith("The mail server has taken a test mail to ada@example.com.")
    assert [mail.to for mail in mailoutbox] == [["ada@example.com"]]


def test_a_test_mail_that_fails_says_why(client, settings):
    """With the setting to look at."""
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1

    answer = client.post(TEST, follow=True)

    assert said(answer) == [
        "The test mail was not sent. The mail server at EMAIL_HOST and EMAIL_PORT cannot be "
        "reached."
    ]
