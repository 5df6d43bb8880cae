"""The audit log: who did what with the connection to Zoho, and with what goes through it."""

from collections.abc import Sequence
from typing import Any, NoReturn

from django.conf import settings
from django.db import models

from backoffice.redaction import redact
from integrations.acting import acting_user

SERVICE = "background service"
APPEND_ONLY = "The audit log only grows: no row is changed or deleted."


def actions() -> list[tuple[str, str]]:
    """The migrations know this function only, so a new action needs none."""
    return AuditEvent.Action.choices


class AppendOnly(models.QuerySet["AuditEvent"]):
    """Refuses what would change or delete rows."""

    def update(self, **fields: Any) -> NoReturn:
        raise TypeError(APPEND_ONLY)

    def delete(self) -> NoReturn:
        raise TypeError(APPEND_ONLY)


class AuditEvent(models.Model):
    """One thing that was done. Append-only, here and in the database (docs/audit-log.md).

    Names only: never a value, a token or a secret. `who` is text, and stays when the user is gone;
    `user` then stays, too, as a number that leads nowhere: no row is changed for it.
    """

    class Action(models.TextChoices):
        TOKEN_READ = "token.read", "Token handed out"
        TOKEN_REFRESHED = "token.refreshed", "Token renewed"
        TOKEN_REFUSED = "token.refused", "Token not renewed"
        TOKEN_REVOKED = "token.revoked", "Token revoked"
        CODE_EXCHANGED = "code.exchanged", "Code exchanged for tokens"
        CODE_REFUSED = "code.refused", "Code not exchanged"
        CONNECTION_MADE = "connection.made", "Connected"
        CONNECTION_CHANGED = "connection.changed", "Connection changed"
        CONNECTION_ENDED = "connection.ended", "Disconnected"
        KEYS_ROTATED = "keys.rotated", "Encryption key changed"
        CHANGES_ASKED = "changes.asked", "Changes asked for"
        CHANGES_RELEASED = "changes.released", "Changes approved, or sent at once"
        CHANGES_REJECTED = "changes.rejected", "Changes rejected"
        CHANGES_WITHDRAWN = "changes.withdrawn", "Changes withdrawn"
        CHANGES_RESOLVED = "changes.resolved", "Conflicts decided"
        CHANGES_SENT = "changes.sent", "Changes sent"
        CHANGES_EXPIRED = "changes.expired", "Changes expired"
        RECORD_FORGOTTEN = "record.forgotten", "Record erased"
        SYNC_STARTED = "sync.started", "Sync started"
        RETIREMENTS_CONFIRMED = "retirements.confirmed", "Retirements confirmed"
        RETIREMENTS_DISMISSED = "retirements.dismissed", "Retirements dismissed"
        SCHEDULE_CHANGED = "schedule.changed", "Schedule changed"
        FILE_DOWNLOADED = "file.downloaded", "File downloaded"
        SIGNED_IN = "sign_in.accepted", "Signed in"
        SIGN_IN_REFUSED = "sign_in.refused", "Sign-in refused"
        SIGN_IN_LOCKED = "sign_in.locked", "Sign-in blocked"
        SIGN_IN_UNLOCKED = "sign_in.unlocked", "Sign-in unblocked"
        SIGNED_OUT = "sign_in.ended", "Signed out"
        ACCESS_REFUSED = "access.refused", "Permission denied"
        USER_ADDED = "user.added", "User added"
        USER_DELETED = "user.deleted", "User deleted"
        RIGHTS_CHANGED = "rights.changed", "Permissions changed"
        PASSWORD_CHANGED = "password.changed", "Password changed"  # pragma: allowlist secret

    at = models.DateTimeField("when", auto_now_add=True, db_index=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        # Setting it to NULL would be a change, which the database refuses to the application.
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="+",
    )
    who = models.TextField()
    action = models.CharField("what", max_length=40, choices=actions)
    about = models.TextField()
    details = models.JSONField(default=dict)

    objects = AppendOnly.as_manager()

    class Meta:
        verbose_name = "audit log"
        verbose_name_plural = "🧾 Audit log"
        ordering = ["-id"]
        default_permissions = ("view",)

    def __str__(self) -> str:
        return f"{self.get_action_display()}, {self.who}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise TypeError(APPEND_ONLY)
        super().save(*args, **{**kwargs, "force_insert": True})

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError(APPEND_ONLY)

    @classmethod
    def record(
        cls, action: Action | str, *, user: Any = None, about: str = "", **details: Any
    ) -> "AuditEvent":
        """Write a row. `user` is a user, or a word for a person who is none. Without it, it was the
        person signed in to the request under way, or else the background service.

        Call it in the transaction of what it tells, so that both are kept or neither. `details`
        are names, numbers and yes or no, or lists of them: {"product": "crm"}.
        """
        user = user or acting_user() or SERVICE
        is_word = isinstance(user, str)
        return cls.objects.create(
            action=cls.Action(action),
            user=None if is_word else user,
            who=user if is_word else user.get_username(),
            about=redact(about),
            details={name: _harmless(value) for name, value in details.items()},
        )


def _harmless(value: Any) -> Any:
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, str):
        return redact(str(value))
    if isinstance(value, Sequence) and not isinstance(value, bytes):
        return [_harmless(each) for each in value]
    raise TypeError(f"A {type(value).__name__} has no place in the audit log.")
