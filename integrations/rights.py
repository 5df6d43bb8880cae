"""On record: whose rights changed, wherever it was done: admin, command or shell."""

from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group, Permission
from django.db.models.signals import m2m_changed, post_delete, post_save, pre_save
from django.dispatch import receiver

from integrations.models import AuditEvent

User = get_user_model()
Did = AuditEvent.Action

# What a user may do depends on these columns, besides groups and permissions.
FLAGS = ("is_active", "is_staff", "is_superuser")
# Of one change of a many-to-many field: rows about this many people at most.
MAX_NAMES = 50


@receiver(pre_save, sender=User, dispatch_uid="remember_rights")
def remember(instance: Any, update_fields: Any = None, **kwargs: Any) -> None:
    """What was stored before; a sign-in, which writes `last_login` alone, costs no query."""
    instance._stored = None
    if instance.pk and (update_fields is None or {*FLAGS, "password"} & set(update_fields)):
        instance._stored = User.objects.filter(pk=instance.pk).values(*FLAGS, "password").first()


@receiver(post_save, sender=User, dispatch_uid="record_rights_of_user")
def record_user(instance: Any, created: bool, raw: bool = False, **kwargs: Any) -> None:
    stored = instance._stored or dict.fromkeys(FLAGS, False)
    granted = [name for name in FLAGS if getattr(instance, name) and not stored[name]]
    revoked = [name for name in FLAGS if stored[name] and not getattr(instance, name)]
    if created:
        AuditEvent.record(Did.USER_ADDED, about=instance.get_username(), granted=granted)
    elif instance._stored:
        if granted or revoked:
            record(instance.get_username(), granted=granted, revoked=revoked)
        # A sign-in may store the same password with a newer hash; then `_password` is None.
        if instance.password != stored["password"] and instance._password is not None:
            AuditEvent.record(Did.PASSWORD_CHANGED, about=instance.get_username())


@receiver(post_delete, sender=User, dispatch_uid="record_deleted_user")
def record_deleted_user(instance: Any, **kwargs: Any) -> None:
    AuditEvent.record(Did.USER_DELETED, about=instance.get_username())


@receiver(post_delete, sender=Group, dispatch_uid="record_deleted_group")
def record_deleted_group(instance: Group, **kwargs: Any) -> None:
    record(f"group {instance.name}", revoked=["the group itself"])


def record_members(instance: Any, action: str, reverse: bool, pk_set: Any, **kwargs: Any) -> None:
    """A user joined or left groups, or (reverse) a group got or lost users."""
    verb = _verb(action)
    if reverse:
        people = instance.user_set if pk_set is None else User.objects.filter(pk__in=pk_set)
        for user in people.all()[:MAX_NAMES] if verb else ():
            record(user.get_username(), **{verb: [f"group {instance.name}"]})
    elif verb:
        groups = instance.groups if pk_set is None else Group.objects.filter(pk__in=pk_set)
        names = [f"group {group.name}" for group in groups.order_by("name")]
        if names:
            record(instance.get_username(), **{verb: names})


def record_permissions(
    instance: Any, action: str, reverse: bool, pk_set: Any, **kwargs: Any
) -> None:
    """A user or a group got or lost single permissions."""
    verb = _verb(action)
    if not verb or reverse:  # from a permission's side, nothing in Django or here changes it
        return
    if isinstance(instance, Group):
        about, own = f"group {instance.name}", instance.permissions
    else:
        about, own = instance.get_username(), instance.user_permissions
    found = own.all() if pk_set is None else Permission.objects.filter(pk__in=pk_set)
    names = sorted(found.values_list("codename", flat=True))
    if names:
        record(about, **{verb: names})


def record(about: str, **changed: list[str]) -> None:
    AuditEvent.record(Did.RIGHTS_CHANGED, about=about, **changed)


def _verb(action: str) -> str:
    verbs = {"post_add": "granted", "post_remove": "revoked", "pre_clear": "revoked"}
    return verbs.get(action, "")


m2m_changed.connect(
    record_members, sender=User.groups.through, dispatch_uid="record_members_of_groups"
)
for _through in (User.user_permissions.through, Group.permissions.through):
    m2m_changed.connect(
        record_permissions, sender=_through, dispatch_uid=f"record_{_through.__name__}"
    )
