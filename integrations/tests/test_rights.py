"""Whose permissions changed, by whom, whichever way it was done."""

import pytest
from django.contrib.auth.models import Group, Permission
from django.core.management import call_command

from integrations.models import AuditEvent

pytestmark = pytest.mark.django_db

GOOD = "Nobody-guesses-this-1"


@pytest.fixture
def root(client, django_user_model):
    user = django_user_model.objects.create_superuser("root")
    client.force_login(user)
    return client


@pytest.fixture
def piet(django_user_model):
    return django_user_model.objects.create_user("piet", is_staff=True)


@pytest.fixture
def buyers():
    return Group.objects.create(name="Buyers")


def changes(about):
    rows = AuditEvent.objects.filter(action="rights.changed", about=about).order_by("id")
    return [(row.who, row.details) for row in rows]


def page_of(piet, **changed):
    form = {
        "username": "piet",
        "is_active": "on",
        "is_staff": "on",
        "date_joined_0": "2026-01-01",
        "date_joined_1": "10:00",
    }
    return {name: value for name, value in {**form, **changed}.items() if value is not None}


def test_what_is_changed_in_the_admin_names_who_did_it(root, piet, buyers):
    """Flags, groups and single permissions, each by name."""
    permission = Permission.objects.get(codename="view_account")

    root.post(
        f"/admin/auth/user/{piet.pk}/change/",
        page_of(piet, is_superuser="on", groups=buyers.pk, user_permissions=permission.pk),
    )

    found = changes("piet")
    assert {who for who, _ in found} == {"root"}
    granted = sorted(name for _, details in found for name in details["granted"])
    assert granted == ["group Buyers", "is_superuser", "view_account"]


def test_what_is_taken_away_is_on_record_too(root, piet, buyers):
    """Including somebody whose account is switched off."""
    piet.groups.add(buyers)

    root.post(f"/admin/auth/user/{piet.pk}/change/", page_of(piet, is_active=None, is_staff=None))

    revoked = [details["revoked"] for _, details in changes("piet") if details.get("revoked")]
    assert ["is_active", "is_staff"] in revoked
    assert ["group Buyers"] in revoked


def test_what_changes_nothing_is_not_on_record(root, piet):
    """Opening a form and saving it is no change."""
    root.post(f"/admin/auth/user/{piet.pk}/change/", page_of(piet))

    assert changes("piet") == []


def test_a_groups_permissions_are_its_members(root, buyers, piet):
    """Whoever changes a group changes what all of its members may do."""
    piet.groups.add(buyers)
    permission = Permission.objects.get(codename="view_account")

    root.post(
        f"/admin/auth/group/{buyers.pk}/change/",
        {"name": "Buyers", "permissions": permission.pk},
    )
    root.post(f"/admin/auth/group/{buyers.pk}/delete/", {"post": "yes"})

    assert changes("group Buyers") == [
        ("root", {"granted": ["view_account"]}),
        ("root", {"revoked": ["the group itself"]}),
    ]


@pytest.mark.parametrize("way", ["add", "set", "clear", "remove"])
def test_members_are_recorded_from_the_groups_side(buyers, piet, way):
    """As a script would do it."""
    if way in ("clear", "remove"):
        buyers.user_set.add(piet)
    arguments = {"add": [piet], "set": [[piet]], "remove": [piet], "clear": []}[way]

    getattr(buyers.user_set, way)(*arguments)

    verb = "revoked" if way in ("clear", "remove") else "granted"
    assert changes("piet")[-1] == ("background service", {verb: ["group Buyers"]})


def test_accounts_that_come_and_go_are_on_record(root, piet, django_user_model):
    """Also those that a command makes, which has nobody's name."""
    call_command("createsuperuser", username="vera", email="", interactive=False)
    django_user_model.objects.get(username="piet").delete()

    rows = AuditEvent.objects.filter(action__startswith="user.").order_by("-id")[:2]
    assert [(row.action, row.about) for row in rows] == [
        ("user.deleted", "piet"),
        ("user.added", "vera"),
    ]
    assert "is_superuser" in rows[1].details["granted"]


def test_a_password_that_somebody_else_sets_is_on_record(root, piet):
    """Whose password one can set is who one can be. The password is not."""
    root.post(
        f"/admin/auth/user/{piet.pk}/password/",
        {"password1": GOOD, "password2": GOOD},
    )

    row = AuditEvent.objects.get(action="password.changed")
    assert (row.who, row.about, row.details) == ("root", "piet", {})


def test_signing_in_is_no_change(client, piet, settings):
    """It writes the time of the sign-in, and a newer hash of the same password."""
    piet.set_password(GOOD)
    piet.save()
    before = AuditEvent.objects.filter(action="password.changed").count()
    settings.PASSWORD_HASHERS = [
        "django.contrib.auth.hashers.PBKDF2PasswordHasher",
        "django.contrib.auth.hashers.MD5PasswordHasher",
    ]

    client.post("/admin/login/", {"username": "piet", "password": GOOD})

    piet.refresh_from_db()
    assert piet.password.startswith("pbkdf2")
    assert AuditEvent.objects.filter(action="password.changed").count() == before


def test_a_refusal_names_the_person(client, piet):
    """Somebody who tries what they may not is worth a question."""
    client.force_login(piet)

    client.get("/admin/auth/user/")
    answer = client.post("/sync/start/products_and_services.product/")

    assert answer.status_code == 403
    assert "permission" in answer.content.decode()
    row = AuditEvent.objects.get(action="access.refused")
    assert (row.who, row.about) == ("piet", "sync:start")
