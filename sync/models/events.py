"""A run's log: what happened to it, in words and in order."""

from django.db import models
from django.db.models import F
from django.utils import timezone


class RunEvent(models.Model):
    """One thing worth telling of one run: taken, waiting, repeated, paused, ended.

    What happens several times in a row is one row that counts.
    """

    run = models.ForeignKey("sync.SyncRun", on_delete=models.CASCADE, related_name="events")
    at = models.DateTimeField(default=timezone.now)
    last_at = models.DateTimeField(default=timezone.now)
    times = models.PositiveIntegerField(default=1)
    words = models.TextField()
    # Zoho's own, for whoever asks its support: "HTTP 429, code 45".
    codes = models.TextField(blank=True, default="")
    is_trouble = models.BooleanField(default=False)

    class Meta:
        verbose_name = "event of a run"
        ordering = ["id"]

    def __str__(self) -> str:
        return self.words

    @classmethod
    def record(cls, run_id: int, words: str, *, codes: str = "", is_trouble: bool = False) -> None:
        last = cls.objects.filter(run=run_id).last()
        if last and (last.words, last.codes) == (words, codes):
            cls.objects.filter(pk=last.pk).update(times=F("times") + 1, last_at=timezone.now())
        else:
            cls.objects.create(run_id=run_id, words=words, codes=codes, is_trouble=is_trouble)
