"""Small charts as inline SVG: what a template needs to draw them, and to say them."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True)
class Bar:
    """One day of a chart: `height` in percent of the highest."""

    day: dt.date
    value: int
    height: int

    @property
    def top(self) -> int:
        """Where it begins, counted from above, as SVG does."""
        return 100 - self.height


@dataclass(frozen=True)
class BarChart:
    """Days side by side. `told` is the one number that sums them up; at `url` stands each one."""

    title: str
    told: str
    url: str
    bars: Sequence[Bar]

    @classmethod
    def of(
        cls, title: str, told: str, url: str, days: Sequence[dt.date], values: Mapping[dt.date, int]
    ) -> "BarChart":
        highest = max(values.values(), default=0)
        bars = [
            Bar(day, value, round(value * 100 / highest) if highest else 0)
            for day in days
            for value in (values.get(day, 0),)
        ]
        return cls(title, told, url, bars)


@dataclass(frozen=True)
class StepChart:
    """A value that holds until it changes. `path` is drawn on 300 × 100."""

    title: str
    first: Decimal
    last: Decimal
    lowest: Decimal
    highest: Decimal
    since: dt.datetime
    path: str

    @classmethod
    def of(
        cls, title: str, points: Sequence[tuple[dt.datetime, Decimal]], until: dt.datetime
    ) -> "StepChart | None":
        """Of (when, what it became then), oldest first; None where there is nothing to compare."""
        if len(points) < 2:
            return None
        values = [value for _, value in points]
        since, lowest, highest = points[0][0], min(values), max(values)
        whole = max((until - since).total_seconds(), 1)
        height = highest - lowest or Decimal(1)

        def x(moment: dt.datetime) -> str:
            return f"{300 * (moment - since).total_seconds() / whole:.1f}"

        def y(value: Decimal) -> str:
            return f"{95 - 90 * (value - lowest) / height:.1f}"

        steps = [f"M0 {y(values[0])}", *(f"H{x(at)}V{y(value)}" for at, value in points[1:])]
        path = "".join([*steps, "H300"])
        return cls(title, values[0], values[-1], lowest, highest, since, path)
