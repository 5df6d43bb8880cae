"""Values on their way into a PostgreSQL array and out again."""

import datetime as dt
from decimal import Decimal

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sync.rows import array

pytestmark = [pytest.mark.postgres, pytest.mark.django_db]

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))


def there_and_back(values, kind):
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM unnest(%s::{kind}[])", [array(values)])
        return [row[0] for row in cursor.fetchall()]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(TEXT | st.none(), min_size=1))
def test_every_text_arrives_as_it_is(values):
    """Quotes, backslashes, braces, "NULL", line ends and emoji are in real product names."""
    assert there_and_back(values, "text") == values


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("text", ["NULL", None, "", '"', "\\", "{a,b}", "a,b", "\n", "👍"]),
        ("text", ['x","y', "z"]),
        ("text", ['same"\\', 'same"\\']),
        ("numeric", [Decimal("12.50"), None, Decimal("-1E+3"), Decimal("0")]),
        ("boolean", [True, False, None]),
        ("bigint", [2**63 - 1, -(2**63), None]),
        ("timestamptz", [dt.datetime(2026, 10, 5, 21, 32, 21, tzinfo=dt.UTC), None]),
        ("jsonb", [["1", "2"], []]),
    ],
)
def test_every_kind_of_column_arrives_as_it_is(kind, values):
    """One character too few escaped, and a whole page is refused, or worse, changed."""
    arrived = there_and_back(values, kind)
    if kind == "jsonb":
        import json

        arrived = [json.loads(value) if isinstance(value, str) else value for value in arrived]
    assert arrived == values
