"""What Zoho may be asked to allow, by what it is for; never more than is chosen.

Source: the scope tables of Zoho's OpenAPI files for Inventory and CRM, and
https://www.zoho.com/crm/developer/docs/api/v8/scopes.html
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Scope:
    """One permission of Zoho's, and why it is needed."""

    name: str
    why: str


@dataclass(frozen=True)
class Feature:
    """Something people want, and the scopes it takes."""

    key: str
    name: str
    scopes: tuple[Scope, ...]
    note: str = ""


INVENTORY = Feature(
    "inventory",
    "Read Zoho Inventory",
    (
        Scope("ZohoInventory.items.READ", "to mirror your items as products"),
        Scope("ZohoInventory.settings.READ", "to let you choose the organisation by its name"),
    ),
    "Always. Nothing can be changed with it.",
)
CRM_READ = Feature(
    "crm-read",
    "Read Zoho CRM Accounts",
    (
        Scope("ZohoCRM.modules.accounts.READ", "to read accounts"),
        Scope("ZohoCRM.settings.fields.READ", "to know which fields they have"),
        Scope("ZohoCRM.org.READ", "to know which organisation answers"),
        Scope("ZohoCRM.users.READ", "to name the owners"),
        Scope("ZohoCRM.coql.READ", "to ask for those that changed"),
        Scope("ZohoCRM.bulk.READ", "to read very many at once"),
        Scope("ZohoSearch.securesearch.READ", "to search"),
    ),
    "To mirror them here. Nothing can be changed with it.",
)
CRM_WRITE = Feature(
    "crm-write",
    "Change Zoho CRM Accounts",
    (Scope("ZohoCRM.modules.accounts.UPDATE", "to send what your colleagues change here"),),
    "For changing accounts from here, by those whom you give that right. Goes with reading them.",
)
NOTIFICATIONS = Feature(
    "notifications",
    "Be notified by Zoho CRM",
    (Scope("ZohoCRM.notifications.ALL", "to hear of changes at once instead of asking"),),
    "Not used by this version yet. Goes with reading accounts; it changes nothing but who is "
    "notified.",
)
FEATURES = (INVENTORY, CRM_READ, CRM_WRITE, NOTIFICATIONS)
CHOICES = tuple(feature for feature in FEATURES if feature is not INVENTORY)


def scopes_of(keys: Collection[str]) -> list[str]:
    """The scopes for these features and what they go with; Inventory's are always there."""
    wanted = {INVENTORY.key, *keys}
    if wanted & {CRM_WRITE.key, NOTIFICATIONS.key}:
        wanted.add(CRM_READ.key)
    return [scope.name for feature in FEATURES if feature.key in wanted for scope in feature.scopes]


def features_of(granted: Iterable[str]) -> list[str]:
    """The features that these scopes are enough for."""
    have = list(granted)
    return [
        feature.key
        for feature in FEATURES
        if all(covers(have, scope.name) for scope in feature.scopes)
    ]


def covers(granted: Iterable[str], needed: str) -> bool:
    """Whether one of these scopes allows it: itself, or what stands for all around it, such as
    ZohoCRM.modules.ALL for ZohoCRM.modules.accounts.READ. Zoho's scopes are compared without case.
    """
    needed = needed.lower()
    for scope in granted:
        wide = scope.lower().replace(".fullaccess.", ".")
        if wide == needed or (wide.endswith(".all") and needed.startswith(wide[:-3])):
            return True
    return False


def feature_with(scope: str) -> Feature | None:
    """What people choose on the Connect page to allow this."""
    return next((f for f in FEATURES if scope in (one.name for one in f.scopes)), None)


def excess(granted: Iterable[str]) -> list[str]:
    """What was granted beyond reading and beyond any feature here."""
    known = {scope.name.lower() for feature in FEATURES for scope in feature.scopes}
    return [
        scope
        for scope in granted
        if scope.lower() not in known and not scope.lower().endswith(".read")
    ]
