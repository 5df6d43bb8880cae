"""A bulk read's job, as the state keeps it."""

from collections import deque
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Job:
    id: str
    query: dict[str, Any]
    fields: tuple[str, ...]
    page: int
    created: float
    user: str
    callback: str = ""
    count: int = 0
    more: bool = False
    downloads: deque[float] = field(default_factory=deque)
