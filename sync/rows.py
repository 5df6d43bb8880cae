"""Many rows in one statement, without the ORM's cost for each value of each instance.

What the ORM does for one instance is right for a person's click and too slow for a thousand pages:
it prepares every value in Python and hands PostgreSQL a text that takes longer to plan than to
carry out. Here a column travels as one array. SQLite, which has none, is served the ORM's way.
"""

import datetime as dt
import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from django.db import connection, models


def insert(
    model: type[models.Model],
    fields: Sequence[str],
    rows: Sequence[Sequence[Any]],
    conflict: str = "",
) -> None:
    """INSERT `rows`, whose values stand in the order of `fields`; `conflict` is SQL to end with.

    Raises IntegrityError or DataError when the database refuses any of them.
    """
    if not rows:
        return
    columns = _columns(model, tuple(fields))
    into = _insert_into(model, tuple(fields))
    if connection.vendor == "postgresql":
        arrays = ", ".join(f"%s::{_type(column)}[]" for column in columns)
        sql = f"{into} SELECT * FROM unnest({arrays}) {conflict}"  # noqa: S608
        values: list[Any] = [array(column) for column in zip(*rows, strict=True)]
    else:
        places = f"({', '.join(['%s'] * len(columns))})"
        sql = f"{into} VALUES {', '.join([places] * len(rows))} {conflict}"
        values = [
            column.get_db_prep_save(value, connection)
            for row in rows
            for column, value in zip(columns, row, strict=True)
        ]
    with connection.cursor() as cursor:
        cursor.execute(sql, values)


@cache
def on_conflict_update(model: type[models.Model], key: str, fields: tuple[str, ...]) -> str:
    """The `conflict` that turns an INSERT into an UPDATE of `fields` where `key` is known."""
    names = [_quoted(column) for column in _columns(model, fields)]
    sets = ", ".join(f"{name} = excluded.{name}" for name in names)
    (unique,) = _columns(model, (key,))
    return f"ON CONFLICT ({_quoted(unique)}) DO UPDATE SET {sets}"


def select(
    model: type[models.Model], fields: tuple[str, ...], key: str, values: Iterable[str]
) -> Sequence[tuple[Any, ...]]:
    """The `fields` of the rows whose `key` is among `values`."""
    if connection.vendor != "postgresql":
        rows = model._default_manager.filter(**{f"{key}__in": list(values)})
        return list(rows.values_list(*fields))
    with connection.cursor() as cursor:
        cursor.execute(_select_where(model, fields, key), [array(values)])
        found = cursor.fetchall()
    if as_json := _json_columns(model, fields):  # which a bare cursor hands over as text
        return [
            tuple(json.loads(v) if i in as_json and v is not None else v for i, v in enumerate(row))
            for row in found
        ]
    return found


def update_one(
    model: type[models.Model], where: Mapping[str, Any], values: Mapping[str, Any]
) -> bool:
    """UPDATE the row that `where` still describes; False when it has changed meanwhile."""
    columns = _columns(model, (*values, *where))
    new_and_old = (*values.values(), *where.values())
    with connection.cursor() as cursor:
        cursor.execute(
            _update_where(model, tuple(values), tuple(where)),
            [
                column.get_db_prep_save(value, connection)
                for column, value in zip(columns, new_and_old, strict=True)
            ],
        )
        return bool(cursor.rowcount == 1)


def commit_without_waiting() -> None:
    """Let the present transaction be committed without waiting for the disk.

    For work that carries its own checkpoint: a crash of the server may then undo the last moments,
    checkpoint and all, and they are done again. What is left is never in between.

    Source: https://www.postgresql.org/docs/current/wal-async-commit.html
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL synchronous_commit TO OFF")


def array(values: Iterable[Any]) -> str:
    """A PostgreSQL array of one column's values, in its text form.

    Source: https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO
    """
    column = list(values)
    if column and column.count(column[0]) == len(column):
        elements = [_element(column[0])] * len(column)
    else:
        try:
            text = '","'.join(column)
        except TypeError:  # not all of them are texts
            elements = [_element(value) for value in column]
        else:
            if "\\" not in text and text.count('"') == 2 * (len(column) - 1):
                return f'{{"{text}"}}'  # nothing to be escaped
            elements = [_element(value) for value in column]
    return "{" + ",".join(elements) + "}"


def _element(value: Any) -> str:
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if value is None:
        return "NULL"
    if isinstance(value, dt.datetime):
        return f'"{value.isoformat()}"'
    if isinstance(value, (list, dict)):
        return _element(json.dumps(value))
    return str(value)  # numbers, true and false


# Statements are the same for every page; all names in them are our own models'.


@cache
def _columns(model: type[models.Model], names: tuple[str, ...]) -> list[Any]:
    return [model._meta.get_field(name) for name in names]


@cache
def _json_columns(model: type[models.Model], names: tuple[str, ...]) -> frozenset[int]:
    columns = enumerate(_columns(model, names))
    return frozenset(i for i, column in columns if isinstance(column, models.JSONField))


@cache
def _insert_into(model: type[models.Model], fields: tuple[str, ...]) -> str:
    names = ", ".join(_quoted(column) for column in _columns(model, fields))
    return f"INSERT INTO {_table(model)} ({names})"


@cache
def _select_where(model: type[models.Model], fields: tuple[str, ...], key: str) -> str:
    names = ", ".join(_quoted(column) for column in _columns(model, fields))
    (column,) = _columns(model, (key,))
    return (
        f"SELECT {names} FROM {_table(model)}"  # noqa: S608
        f" WHERE {_quoted(column)} = ANY(%s::{_type(column)}[])"
    )


@cache
def _update_where(
    model: type[models.Model], fields: tuple[str, ...], where: tuple[str, ...]
) -> str:
    sets = ", ".join(f"{_quoted(column)} = %s" for column in _columns(model, fields))
    tests = " AND ".join(f"{_quoted(column)} = %s" for column in _columns(model, where))
    return f"UPDATE {_table(model)} SET {sets} WHERE {tests}"  # noqa: S608


@cache
def _type(column: Any) -> str:
    """Without its length: PostgreSQL then checks each value against the table's own."""
    return str(column.db_type(connection)).split("(")[0]


def _table(model: type[models.Model]) -> str:
    return connection.ops.quote_name(model._meta.db_table)


def _quoted(column: Any) -> str:
    return connection.ops.quote_name(column.column)
