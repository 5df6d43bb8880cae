"""Every address that the URL map knows, filled with the objects of a test."""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver

ARGUMENT = re.compile(r"<(?:\w+:)?(\w+)>|\(\?P<(\w+)>([^()]*)\)")

# Of a route that begins so, the values of each argument, from a test's objects by name. The longest
# beginning counts.
Values = Mapping[str, Mapping[str, Sequence[Any]]]


def close(answer: Any) -> None:
    """What a server closes after an answer. `answer.close()` would end the test's connection to the
    database, too."""
    for close_one in answer._resource_closers:
        close_one()


def routes(patterns: Any = None, before: str = "") -> Iterator[tuple[str, Any]]:
    """Each whole route, as in "sync/runs/<int:run_id>/", with its view."""
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        route = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from routes(pattern.url_patterns, route)
        else:
            assert isinstance(pattern, URLPattern)
            yield route, pattern.callback


def addresses(values: Values) -> list[str]:
    """All paths, each route with each combination of its arguments' values.

    Fails, and says what to do, for an argument of which `values` says nothing: a page that is new
    must not go untested.
    """
    found = []
    for route, _ in routes():
        names = ARGUMENT.findall(route)
        choices = [_choices(route, name or group, one, values) for name, group, one in names]
        for chosen in product(*choices):
            filled = iter(chosen)
            path = ARGUMENT.sub(lambda _, filled=filled: str(next(filled)), route)
            found.append("/" + path.replace("^", "").replace("$", ""))
    return sorted(set(found))


def _choices(route: str, name: str, pattern: str, values: Values) -> Sequence[Any]:
    if pattern and re.fullmatch(r"[\w|]+", pattern):
        return pattern.split("|")
    beginnings = [one for one in values if route.startswith(one) and name in values[one]]
    assert beginnings, (
        f"The URL map has a new route, {route!r}, and this test has no value for {name!r} in it: "
        "add one to the test's arguments, of an object that carries the test's marks."
    )
    return values[max(beginnings, key=len)][name]
