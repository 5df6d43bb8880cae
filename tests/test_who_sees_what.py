"""Each page of the URL map, as each single right shows it, with marked objects of every kind."""

import logging
from collections.abc import Iterator

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.test import Client
from django.urls import reverse

from crm_accounts.models import Account, ChangeRequest, RequestedChange
from products_and_services.models import Product
from sync.models import Change, FailedRecord, SyncRun
from tests.marked import ACCOUNT, DRAFT, PRODUCT, Marked
from tests.url_map import addresses, close

pytestmark = pytest.mark.django_db

VIEW_ACCOUNT, VIEW_PRODUCT = "view_account", "view_product"
# Of these apps each right is tried alone, but those to add and to delete, which nothing here grants
# alone; of the others, which know no records, all at once.
OURS = ("sync", "products_and_services", "crm_accounts", "notices", "integrations")
# What a page shows only when it is asked so.
ASKED = {
    "/admin/sync/change/": ("?all=", "?q=4876", "?before__contains=mark"),
    "/admin/sync/failedrecord/": ("?mended=all", "?q=4876"),
    "/admin/notices/notice/": ("?open=yes",),
}


@pytest.fixture(autouse=True)
def no_log():
    """Thousands of refusals would be written down, each with its traceback."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture
def marked(settings):
    settings.ZOHO_CRM_APPROVAL = "right"
    return Marked()


def person(name, rights):
    user = get_user_model().objects.create_user(name, is_staff=True)
    user.user_permissions.set(rights)
    client = Client()
    client.force_login(user)
    return user, client


def rights() -> Iterator[tuple[str, list[Permission]]]:
    """Each single right of ours, all of the others, and each time all but one."""
    everything = list(Permission.objects.select_related("content_type"))
    ours = [one for one in everything if one.content_type.app_label in OURS]
    together = [one for one in ours if one.codename.startswith(("add_", "delete_"))]
    for one in ours:
        if one not in together:
            yield one.codename, [one]
    yield "to add and delete", together
    yield "others", [one for one in everything if one not in ours]
    for left_out in (VIEW_ACCOUNT, VIEW_PRODUCT):
        yield f"all but {left_out}", [one for one in everything if one.codename != left_out]
    yield "everything", everything


def paths(marked) -> list[str]:
    found = [path for path in addresses(marked.arguments()) if path != "/admin/logout/"]
    for path, queries in ASKED.items():
        assert path in found
        found += [path + query for query in queries]
    edit = reverse("crm_accounts:edit", args=[marked.account.pk])
    return [*found, *(f"{edit}?again={key}" for key in marked.keys[RequestedChange])]


def said(response) -> str:
    content = b"".join(response) if response.streaming else response.content
    close(response)
    return content.decode(errors="replace") + str(response.headers)


def forbidden_marks(codenames) -> list[str]:
    marks = {ACCOUNT: VIEW_ACCOUNT, PRODUCT: VIEW_PRODUCT}
    return [DRAFT, *(mark for mark, right in marks.items() if right not in codenames)]


def test_no_page_shows_a_value_to_somebody_who_may_not_view_its_record(marked):
    """
    An account's values are for those who may view accounts, on whatever page they stand; drafts are
    for those who wrote them.
    """
    pages = paths(marked)
    leaks, seen = [], set()
    for name, some in rights():
        codenames = {one.codename for one in some}
        _, client = person(name, some)
        hidden = forbidden_marks(codenames)
        for path in pages:
            words = said(client.get(path))
            leaks += [(name, path, mark) for mark in hidden if mark in words]
            seen |= {(path, mark) for mark in (ACCOUNT, PRODUCT) if mark in words}

    assert not leaks
    # The marks are where a leak would be: without that, nothing was tested.
    for page in ("/admin/sync/change/", "/admin/sync/failedrecord/"):
        assert {(page, ACCOUNT), (page, PRODUCT)} <= seen
    assert ("/admin/crm_accounts/changerequest/", ACCOUNT) in seen
    assert ("/admin/notices/notice/", PRODUCT) in seen


def test_drafts_of_others_are_not_even_shown_to_superusers(marked):
    """
    What somebody has not asked for yet is nobody else's business, the prefilled form included.
    """
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("root"))

    leaks = [path for path in paths(marked) if DRAFT in said(client.get(path))]

    assert not leaks


def test_their_author_sees_drafts(marked):
    """
    The same pages show it to the one person whose draft it is.
    """
    client = Client()
    client.force_login(marked.author)
    draft = ChangeRequest.objects.filter(state="draft", origin="page").get()

    page = client.get(draft.get_absolute_url())
    form = client.get(
        reverse("crm_accounts:edit", args=[marked.account.pk]), {"again": draft.changes.get().pk}
    )

    assert DRAFT in said(page)
    assert form.context["form"].initial["Phone"] == DRAFT


@pytest.mark.parametrize("mirror", [Account, Product])
def test_what_a_run_found_is_decided_by_those_who_may_view_its_records(marked, mirror):
    """
    The right to start syncs or to mend is not the right to decide about records one may not see.
    """
    view = f"view_{mirror._meta.model_name}"
    _, client = person("hand", Permission.objects.exclude(codename=view))
    kind = mirror._meta.label_lower
    runs = list(SyncRun.objects.filter(kind=kind))
    before = list(SyncRun.objects.values_list("pk", "state", "message"))

    answers = {
        client.post(reverse("sync:act", args=[run.pk, action])).status_code
        for run in runs
        for action in ("retry", "confirm", "dismiss", "apply", "again", "cancel")
    }
    name = f"{mirror._meta.app_label}_{mirror._meta.model_name}"
    record = mirror.objects.get()
    one = client.post(reverse(f"admin:{name}_sync_now", args=[record.pk]))
    some = client.post(
        reverse(f"admin:{name}_changelist"),
        {"action": "sync_selected_items", "_selected_action": record.pk},
    )

    assert answers == {403}
    assert (one.status_code, some.status_code) == (403, 403)
    assert list(SyncRun.objects.values_list("pk", "state", "message")) == before


def test_trying_everything_again_leaves_alone_what_one_may_not_see(marked, monkeypatch):
    """
    The button says "all", and means all that its page shows.
    """
    _, client = person("hand", Permission.objects.exclude(codename=VIEW_ACCOUNT))
    monkeypatch.setattr("sync.views.enqueue", lambda run: True)

    client.post(reverse("admin:sync_failedrecord_retry_all"))

    (run,) = SyncRun.objects.filter(state=SyncRun.State.QUEUED)
    assert run.kind == Product._meta.label_lower


def test_the_state_of_a_run_names_records_only_to_those_who_may_view_them(marked):
    """
    Scripts ask for it as JSON: counts are for everybody who may see runs, reasons are not.
    """
    _, blind = person("blind", Permission.objects.filter(codename="view_syncrun"))
    _, seeing = person(
        "seeing", Permission.objects.filter(codename__in=["view_syncrun", VIEW_ACCOUNT])
    )
    run = SyncRun.objects.filter(kind=Account._meta.label_lower).first()
    address = reverse("sync:status", args=[run.pk])

    hidden, shown = blind.get(address).json()["stats"], seeing.get(address).json()["stats"]

    assert hidden["errors"] == []
    assert shown["errors"] == [{"zoho_id": "4876", "message": ACCOUNT}]
    assert {**hidden, "errors": None} == {**shown, "errors": None}


def test_rows_of_each_mirror_are_filtered_by_its_own_right(marked):
    """
    One query set knows it for all pages: the history and the ledger have no rule of their own.
    """
    user, _ = person("reader", Permission.objects.filter(codename=VIEW_PRODUCT))
    author = marked.author

    for rows, kind in ((Change.objects, "run__kind"), (FailedRecord.objects, "kind")):
        kinds = set(rows.visible_to(user).values_list(kind, flat=True))
        assert kinds == {Product._meta.label_lower}
        assert rows.visible_to(author).count() == rows.count()


def test_the_admins_own_log_does_not_keep_names_of_records(marked):
    """
    Django shows its log on pages that know nothing of our rights, such as before a person's account
    is deleted.
    """
    account = ContentType.objects.get_for_model(Account)

    (entry,) = LogEntry.objects.filter(content_type=account)

    assert entry.object_repr == f"account {marked.account.pk}"


def test_a_withdrawn_request_stays_visible_where_it_was_asked_for(marked):
    """
    What waited for approval was seen by others already; withdrawing it hides nothing from them.
    """
    user, _ = person("reader", Permission.objects.filter(codename__startswith="view_"))
    pending = ChangeRequest.objects.get(state="pending")

    pending.turn((ChangeRequest.State.PENDING,), ChangeRequest.State.WITHDRAWN)

    visible = ChangeRequest.objects.visible_to(user)
    assert pending in visible
    assert not visible.filter(state="draft").exists()
    assert visible.filter(state="withdrawn").get() == pending
