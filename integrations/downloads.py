"""On record: each file that somebody took away."""

from typing import Any

from django.dispatch import receiver

from backoffice.signals import downloaded
from integrations.models import AuditEvent


@receiver(downloaded, dispatch_uid="record_download")
def record_download(user: Any, file: str, details: dict[str, Any], **kwargs: Any) -> None:
    AuditEvent.record(AuditEvent.Action.FILE_DOWNLOADED, user=user, about=file, **details)
