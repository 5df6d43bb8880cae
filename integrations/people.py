"""Users and groups in the admin: nobody hands out more than they have."""

from typing import Any

from axes.models import AccessAttempt
from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User
from django.db.models import QuerySet
from django.http import HttpRequest

from backoffice.listing import ForSuperusers
from integrations.models import AuditEvent

FOR_SUPERUSERS = ("is_superuser", "user_permissions")

admin.site.unregister(User)
admin.site.unregister(Group)


def grantable(user: Any) -> QuerySet[Group]:
    """The groups whose rights this user has."""
    if user.is_superuser:
        return Group.objects.all()
    own = user.get_all_permissions()
    groups = Group.objects.prefetch_related("permissions__content_type")
    return Group.objects.filter(
        pk__in=[
            group.pk
            for group in groups
            if all(
                f"{one.content_type.app_label}.{one.codename}" in own
                for one in group.permissions.all()
            )
        ]
    )


@admin.register(User)
class PeopleAdmin(UserAdmin):
    """Superusers are made and changed by superusers, and single rights given by them."""

    actions = ("unlock",)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        fieldsets = super().get_fieldsets(request, obj)
        if request.user.is_superuser:
            return fieldsets
        return [
            (name, {**options, "fields": [f for f in options["fields"] if f not in FOR_SUPERUSERS]})
            for name, options in fieldsets
        ]

    def get_list_filter(self, request: HttpRequest) -> Any:
        return [f for f in super().get_list_filter(request) if f != "is_superuser"]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and self._may(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and self._may(request, obj)

    def _may(self, request: HttpRequest, obj: Any) -> bool:
        """Whose password one can set is who one can be."""
        if request.user.is_superuser or obj is None or obj.pk == request.user.pk:
            return True
        return (
            not obj.is_superuser and obj.get_all_permissions() <= request.user.get_all_permissions()
        )

    @admin.action(description="Unblock sign-in of selected users", permissions=["change"])
    def unlock(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """Forget failed sign-ins, for those who cannot wait until the block ends."""
        names = list(queryset.values_list("username", flat=True))
        AccessAttempt.objects.filter(username__in=names).delete()
        for name in names:
            AuditEvent.record(AuditEvent.Action.SIGN_IN_UNLOCKED, user=request.user, about=name)
        self.message_user(request, f"{len(names)} can sign in again.", messages.SUCCESS)

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        people = super().get_queryset(request)
        return people if request.user.is_superuser else people.filter(is_superuser=False)

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "groups":
            kwargs["queryset"] = grantable(request.user)
        return super().formfield_for_manytomany(db_field, request, **kwargs)


@admin.register(Group)
class RightsAdmin(ForSuperusers, GroupAdmin):
    """A group is a list of single rights, so only superusers see it."""
