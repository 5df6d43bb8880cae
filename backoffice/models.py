"""Exports under way: at most a few at a time over all web processes."""

import datetime as dt
import uuid

from django.db import models
from django.utils import timezone

AT_ONCE = 2
# A web process that dies during an export leaves its slot behind; it is free again after this.
LEASE = dt.timedelta(minutes=1)


class ExportSlot(models.Model):
    """One of the AT_ONCE places for an export. `lease` is the export that holds it.

    In the database, because web processes share it and an export needs nothing else.
    """

    number = models.PositiveSmallIntegerField(unique=True)
    lease = models.UUIDField(null=True)
    leased_until = models.DateTimeField(null=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"Export slot {self.number}"

    @classmethod
    def take(cls) -> "ExportSlot | None":
        """A free slot, now held; None when all are taken."""
        now = timezone.now()
        lease = uuid.uuid4()
        for number in range(AT_ONCE):
            slot, _ = cls.objects.get_or_create(number=number)
            free = models.Q(leased_until=None) | models.Q(leased_until__lte=now)
            # A lease that ends later than any can was taken by a clock that was wrong.
            free |= models.Q(leased_until__gt=now + 2 * LEASE)
            if cls.objects.filter(free, pk=slot.pk).update(lease=lease, leased_until=now + LEASE):
                slot.lease = lease
                return slot
        return None

    def extend(self) -> bool:
        """Hold it for another LEASE; False when it was lost meanwhile."""
        held = ExportSlot.objects.filter(pk=self.pk, lease=self.lease)
        return bool(held.update(leased_until=timezone.now() + LEASE))

    def free(self) -> None:
        ExportSlot.objects.filter(pk=self.pk, lease=self.lease).update(leased_until=None)
