"""The audit log without what a test's own people and their signing in put there."""

from django.db.models import QuerySet

from integrations.models import AuditEvent

PEOPLE = r"^(user|rights|password|sign_in)\."


def events() -> QuerySet[AuditEvent]:
    return AuditEvent.objects.exclude(action__regex=PEOPLE)
