"""When an entry of the schedule runs: between a crontab and what people say.

Knows crontabs; nothing of entries, mirrors or Zoho.
"""

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import asdict, astuple, dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

from celery.schedules import ParseException, crontab
from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone
from django_celery_beat.models import CrontabSchedule

DAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
EVERY_DAY, WORKING_DAYS = set(range(7)), set(range(1, 6))


class InvalidTimesError(Exception):
    """These are no times; the message says what is wrong with them."""


class Choice(models.TextChoices):
    """What people say when they are asked how often."""

    MINUTES_15 = "15m", "Every 15 minutes"
    MINUTES_30 = "30m", "Every 30 minutes"
    HOUR = "1h", "Every hour"
    HOURS_2 = "2h", "Every 2 hours"
    HOURS_3 = "3h", "Every 3 hours"
    HOURS_4 = "4h", "Every 4 hours"
    HOURS_6 = "6h", "Every 6 hours"
    HOURS_12 = "12h", "Every 12 hours"
    DAILY = "daily", "Once a day, at …"
    WORKING_DAYS = "working-days", "Monday to Friday, at …"
    WEEKLY = "weekly", "Once a week, on …, at …"
    OWN = "own", "Own times, as a crontab"


# minute and hour of the choices that need no time of day.
RHYTHMS = {
    Choice.MINUTES_15: ("*/15", "*"),
    Choice.MINUTES_30: ("*/30", "*"),
    Choice.HOUR: ("0", "*"),
    Choice.HOURS_2: ("0", "*/2"),
    Choice.HOURS_3: ("0", "*/3"),
    Choice.HOURS_4: ("0", "*/4"),
    Choice.HOURS_6: ("0", "*/6"),
    Choice.HOURS_12: ("0", "*/12"),
}
# The parts in the order in which a crontab is written, and what each may hold.
PARTS = {
    "minute": "minute", "hour": "hour", "day_of_month": "day of the month",
    "month_of_year": "month", "day_of_week": "weekday",
}  # fmt: skip
MAY_BE = {
    "minute": "0 to 59",
    "hour": "0 to 23",
    "day_of_month": "1 to 31",
    "month_of_year": "1 to 12",
    "day_of_week": "0 to 6, where Sunday is 0",
}


@dataclass(frozen=True)
class Times:
    """The five parts of a crontab, without its time zone."""

    minute: str = "*"
    hour: str = "*"
    day_of_month: str = "*"
    month_of_year: str = "*"
    day_of_week: str = "*"

    @classmethod
    def of(cls, row: CrontabSchedule) -> "Times":
        return cls(*(getattr(row, part).replace(" ", "") for part in PARTS))

    @classmethod
    def chosen(cls, choice: str, at: dt.time | None = None, day: int = 1) -> "Times":
        """What this choice means; `at` and `day` (Sunday is 0) where it asks for them."""
        if choice in RHYTHMS:
            return cls(*RHYTHMS[Choice(choice)])
        assert at is not None
        days = {Choice.DAILY: "*", Choice.WORKING_DAYS: "1-5", Choice.WEEKLY: str(day)}
        return cls(str(at.minute), str(at.hour), day_of_week=days[Choice(choice)])

    @classmethod
    def parse(cls, text: str) -> "Times":
        """A crontab as it is written: minute hour day month weekday. Raises InvalidTimesError."""
        parts = text.split()
        if len(parts) != len(PARTS):
            raise InvalidTimesError(
                f"A crontab has five parts, {', '.join(PARTS.values())}, with a space between "
                f"them; this has {len(parts)}. For example, 30 2 * * 1 is Monday at 02:30."
            )
        times = cls(*parts)
        times._check()
        return times

    def _check(self) -> None:
        for part, value in asdict(self).items():
            try:
                crontab(**{part: value})
                CrontabSchedule(**{part: value}).clean_fields()  # stricter where a step is too wide
            except (ValueError, ParseException, ValidationError) as error:
                raise InvalidTimesError(
                    f"“{value}” is no {PARTS[part]}. It may be {MAY_BE[part]}; * for every one; a "
                    "list such as 1,3; a range such as 1-5; a step such as */2."
                ) from error
        try:
            self.sets.remaining_estimate(timezone.now())
        except (ValueError, RuntimeError) as error:
            raise InvalidTimesError(
                "These times never come: no such month has such a day."
            ) from error

    @cached_property
    def sets(self) -> crontab:
        """Celery's reading of it: .minute, .hour, .day_of_week are sets of numbers."""
        return crontab(**asdict(self))

    def expression(self) -> str:
        return " ".join(astuple(self))

    def as_choice(self) -> dict[str, Any]:
        """How one would choose it: {"often": "daily", "at": 02:00}."""
        when, own = self.sets, {"often": Choice.OWN, "own": self.expression()}
        days = set(when.day_of_week)
        if (self.day_of_month, self.month_of_year) != ("*", "*"):
            return own
        for choice, (minute, hour) in RHYTHMS.items():
            rhythm = crontab(minute, hour)
            if (when.minute, when.hour, days) == (rhythm.minute, rhythm.hour, EVERY_DAY):
                return {"often": choice}
        if len(when.minute) > 1 or len(when.hour) > 1:
            return own
        at = dt.time(min(when.hour), min(when.minute))
        if days == EVERY_DAY:
            return {"often": Choice.DAILY, "at": at}
        if days == WORKING_DAYS:
            return {"often": Choice.WORKING_DAYS, "at": at}
        return {"often": Choice.WEEKLY, "at": at, "day": min(days)} if len(days) == 1 else own

    def in_words(self) -> str:
        said = self.as_choice()
        choice = said["often"]
        if choice == Choice.DAILY:
            return f"Every day at {said['at']:%H:%M}"
        if choice == Choice.WORKING_DAYS:
            return f"Monday to Friday at {said['at']:%H:%M}"
        if choice == Choice.WEEKLY:
            return f"Every {DAYS[said['day']]} at {said['at']:%H:%M}"
        if choice == Choice.OWN:
            row = CrontabSchedule(**asdict(self))
            return str(row.human_readable).removesuffix(f" {row.timezone}")
        return str(choice.label)

    def runs_on(self, weekday: int) -> int:
        """How often it comes on such a day (Sunday is 0)."""
        when = self.sets
        return len(when.minute) * len(when.hour) if weekday in when.day_of_week else 0

    def starts(self, first: dt.date, days: int) -> Iterator[dt.datetime]:
        """When it comes on these days, by the clock on the wall."""
        when = self.sets
        times = [dt.time(hour, minute) for hour in when.hour for minute in when.minute]
        for day in (first + dt.timedelta(days=number) for number in range(days)):
            if (
                day.isoweekday() % 7 in when.day_of_week
                and day.day in when.day_of_month
                and day.month in when.month_of_year
            ):
                yield from (dt.datetime.combine(day, time) for time in times)


def longest_gap(all_times: Sequence[Times], first: dt.date) -> dt.timedelta:
    """Between one start and the next, of all these together. The days on which clocks are changed
    are not looked at."""
    weekly = all((times.day_of_month, times.month_of_year) == ("*", "*") for times in all_times)
    days = 15 if weekly else 800  # so many that each comes twice
    starts = sorted({start for times in all_times for start in times.starts(first, days)})
    gaps = (later - earlier for earlier, later in pairwise(starts))
    return max(gaps, default=dt.timedelta(days=days))
