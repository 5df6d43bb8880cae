"""Who may see what rows say about a mirror's records: those who may view the mirror itself.

Everything that names a record or one of its values asks here, whatever page it is on.
"""

from typing import Any, Self

from django.apps import apps
from django.contrib.auth import get_permission_codename
from django.db import models


def mirrored_models() -> list[Any]:
    """Every model that mirrors Zoho, which says so by its ZOHO_ID_FIELD."""
    return [model for model in apps.get_models() if hasattr(model, "ZOHO_ID_FIELD")]


def may_view(user: Any, model: type[models.Model]) -> bool:
    """Whether this person may view the records of this mirror."""
    options = model._meta
    return bool(user.has_perm(f"{options.app_label}.{get_permission_codename('view', options)}"))


def may_view_kind(user: Any, kind: str) -> bool:
    return may_view(user, apps.get_model(kind))


class RowsAboutRecords(models.QuerySet):
    """Rows that each say something about a record. KIND of their model is the lookup that leads to
    the name of its mirror."""

    def visible_to(self, user: Any) -> Self:
        """Those about records that this person may view."""
        mirrors = mirrored_models()
        visible = [model for model in mirrors if may_view(user, model)]
        if len(visible) == len(mirrors):
            return self  # without the filter, the database can estimate how many there are
        kinds = [model._meta.label_lower for model in visible]
        kind: str = self.model.KIND  # type: ignore[attr-defined]
        return self.filter(**{f"{kind}__in": kinds})
