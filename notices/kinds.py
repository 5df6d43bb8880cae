"""What staff can be told of: each kind with its words, its page and who may go there."""

from dataclasses import dataclass, replace
from typing import Any

from django.db import models


class Kind(models.TextChoices):
    """In the order of weight: the first of a mail's news is its subject."""

    RECONNECT = "reconnect", "Zoho must be connected again"
    SYNC_FAILED = "sync_failed", "A sync failed"
    WORKER_DEAD = "worker_dead", "Syncs are not carried out"
    NOT_STARTED = "not_started", "A due sync is not carried out"
    SCHEDULE_DEAD = "schedule_dead", "The schedule stands still"
    UNCONFIRMED = "unconfirmed", "A sync waits for confirmation"
    UNSENT = "unsent", "Changes did not reach Zoho"
    APPROVAL = "approval", "Changes wait for approval"
    STALE = "stale", "Data is older than promised"
    LOW_STOCK = "low_stock", "Stock runs low"


@dataclass(frozen=True)
class About:
    """One kind. `page` names the page where a link cannot be given."""

    help: str
    to_do: str
    page: str
    link: str
    permission: str
    look: str


ABOUT = {
    Kind.RECONNECT: About(
        help="Zoho no longer accepts our sign-in, or somebody disconnected it. Nothing is synced "
        "until somebody reconnects.",
        to_do="Connect again, and say yes at Zoho.",
        page="Integrations → 🔑 Zoho Credentials",
        link="Reconnect now",
        permission="integrations.change_zohocredential",
        look="danger",
    ),
    Kind.SYNC_FAILED: About(
        help="The last sync of everything or of changes ended with an error. A failed sync of "
        "everything is well again with the next complete one of everything.",
        to_do="Look at the run. The schedule tries again; or press 🔄 Sync Zoho.",
        page="Sync → Sync runs",
        link="See the run",
        permission="sync.view_syncrun",
        look="danger",
    ),
    Kind.WORKER_DEAD: About(
        help="For five minutes and more nothing was heard of the background service that carries "
        "out syncs (Celery worker). E-mail comes when it is back: nobody else could write it.",
        to_do="Ask whoever runs this installation to see that the background service that carries "
        "out syncs (Celery worker) runs, that something restarts it, and that it reaches the work "
        "queue (Redis).",
        page="the admin's home",
        link="",
        permission="",
        look="danger",
    ),
    Kind.NOT_STARTED: About(
        help="A sync was due five minutes ago or more, and the background service that carries out "
        "syncs (Celery worker) does not work on it.",
        to_do="Ask whoever runs this installation to restart the background service that carries "
        "out syncs (Celery worker), and to run manage.py zoho_doctor.",
        page="Sync → Sync runs",
        link="See the run",
        permission="sync.view_syncrun",
        look="danger",
    ),
    Kind.SCHEDULE_DEAD: About(
        help="The background service that starts syncs on schedule (Celery beat) is away, so "
        "nothing starts by itself and a sync that was cut off does not go on.",
        to_do="Ask whoever runs this installation to see that the background service that starts "
        "syncs on schedule (Celery beat) runs, and that something restarts it.",
        page="Sync → Schedule",
        link="The schedule",
        permission="django_celery_beat.view_periodictask",
        look="danger",
    ),
    Kind.UNCONFIRMED: About(
        help="Too many records are gone from Zoho at once to retire them without asking.",
        to_do="Look at what would be retired, and confirm or dismiss it.",
        page="Sync → Sync runs",
        link="Look and decide",
        permission="sync.view_syncrun",
        look="warning",
    ),
    Kind.UNSENT: About(
        help="Changes of accounts could not be sent, or somebody changed the same in Zoho "
        "meanwhile.",
        to_do="Open the change request: send the rest, or decide whose values stay.",
        page="CRM Accounts → ✏️ Change requests",
        link="See the changes",
        permission="crm_accounts.change_zoho_accounts",
        look="warning",
    ),
    Kind.APPROVAL: About(
        help="Somebody asked for changes of accounts that you may approve.",
        to_do="Look at what would be changed, and approve or reject it within 72 hours.",
        page="CRM Accounts → ✏️ Change requests",
        link="Look and decide",
        permission="crm_accounts.approve_zoho_changes",
        look="info",
    ),
    Kind.STALE: About(
        help="No complete sync began within the promised time.",
        to_do="See why no sync came to its end: the schedule, the last runs, the calls left today.",
        page="Sync → Sync runs",
        link="See the runs",
        permission="sync.view_syncrun",
        look="warning",
    ),
    Kind.LOW_STOCK: About(
        help="After each sync: the products that newly ran low, all in one.",
        to_do="See which of them to order.",
        page="📦 Products, filtered by stock",
        link="See what is low",
        permission="products_and_services.view_product",
        look="info",
    ),
}


# Of the schedule that stands still: the task that wakes runs is switched off.
WAKE_OFF = "wake"
# Where a thing of a kind has a cause, and so a way out, of its own.
OF_ITS_OWN = {
    (Kind.SCHEDULE_DEAD, WAKE_OFF): replace(
        ABOUT[Kind.SCHEDULE_DEAD],
        to_do="Tick Enabled at that task, and save.",
        page="at /admin/django_celery_beat/periodictask/",
        link="Switch it on",
    ),
}


def about(kind: str, subject: str) -> About:
    return OF_ITS_OWN.get((Kind(kind), subject)) or ABOUT[Kind(kind)]


# Kinds for those only who have their permission: they tell of records, or ask for what only few
# can do.
RESTRICTED = {Kind.LOW_STOCK, Kind.UNSENT, Kind.APPROVAL}
# Kinds whose end is no news: a delivery to who ordered it, an approval to who gave it.
ENDS_UNTOLD = {Kind.LOW_STOCK, Kind.APPROVAL}


def may_see(user: Any, kind: str) -> bool:
    """Whether this person may read what notices of this kind say."""
    if not user.has_perm("notices.view_notice"):
        return False
    return kind not in RESTRICTED or user.has_perm(ABOUT[Kind(kind)].permission)


def visible_to(user: Any) -> list[Kind]:
    return [kind for kind in Kind if may_see(user, kind)]


@dataclass(frozen=True)
class Condition:
    """Something that is not as it should be. `subject` tells two of one kind apart; `url` is a
    path of the admin's; `details` has a line for each thing it is about."""

    kind: Kind
    subject: str
    words: str
    url: str = ""
    details: str = ""

    @property
    def about(self) -> About:
        return about(self.kind, self.subject)
