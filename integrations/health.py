"""Does this installation work? Each part asked by itself, in words that are safe to show anyone."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import redis
from celery import current_app
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone
from kombu.exceptions import OperationalError

from integrations.models import AuditEvent, ZohoCredential
from integrations.zoho.crm.rest import RestCrm
from integrations.zoho.errors import ZohoError
from integrations.zoho.inventory import ZohoClient
from integrations.zoho.scopes import CRM_READ, features_of
from integrations.zoho.tokens import ZohoTokens

OLDEST_POSTGRES, OLDEST_REDIS, OLDEST_PYTHON = 140_000, (6, 2), (3, 11)
SECONDS_FOR_WORKERS = 2.0
# By so many seconds our clock may differ from another's: leases, heartbeats and times of
# modification are compared between machines.
CLOCK_TOLERANCE = 60.0


class UnhealthyError(Exception):
    """A part does not work; the message says what, and what to do."""


class RiskError(Exception):
    """A part works, but not as safely as it could; the message says what to do about it."""


@dataclass(frozen=True)
class Finding:
    """What was found of one part. A warning is well, and still to be read."""

    name: str
    is_well: bool
    words: str
    is_warning: bool = False


def examine() -> Iterator[Finding]:
    """Every part, whatever the others say. Costs a call of Inventory's, and one of CRM's where it
    is allowed."""
    clocks_seen.clear()
    for name, look in PARTS.items():
        try:
            yield Finding(name, True, look())
        except RiskError as error:
            yield Finding(name, True, str(error), is_warning=True)
        except UnhealthyError as error:
            yield Finding(name, False, str(error))
        except ZohoError as error:
            yield Finding(name, False, error.message)
        except DatabaseError:
            yield Finding(name, False, "It cannot be told while the database is away.")


def python() -> str:
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < OLDEST_PYTHON:
        raise UnhealthyError(f"Python {version} is too old: install 3.11 or newer.")
    return f"Python {version}."


def database() -> str:
    try:
        connection.ensure_connection()
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError as error:
        raise UnhealthyError(
            f"The database does not answer ({type(error).__name__}): see that it runs, and that "
            "DATABASE_URL is right."
        ) from error
    if connection.vendor != "postgresql":
        return "SQLite: good for one process; several workers need PostgreSQL."
    found = connection.pg_version  # type: ignore[attr-defined]
    version = f"{found // 10_000}.{found % 10_000}"
    if found < OLDEST_POSTGRES:
        raise UnhealthyError(f"PostgreSQL {version} is too old: 14 or newer is needed.")
    return f"PostgreSQL {version}."


def migrations() -> str:
    executor = MigrationExecutor(connection)
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if missing:
        raise UnhealthyError(f"{len(missing)} migrations are not applied: run manage.py migrate.")
    return "All migrations are applied."


def audit_log() -> str:
    """Whether the database itself keeps what was recorded; see docs/audit-log.md."""
    if connection.vendor != "postgresql":
        raise RiskError("SQLite cannot protect it: whoever can write the file can change it.")
    table = AuditEvent._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_user, pg_has_role(relowner, 'MEMBER'),"
            " has_any_column_privilege(oid, 'UPDATE')"
            " OR has_table_privilege(oid, 'DELETE, TRUNCATE')"
            " FROM pg_class WHERE oid = %s::regclass",
            [table],
        )
        role, is_owner, may_change = cursor.fetchone()
    if is_owner or may_change:
        raise RiskError(
            f"The database role {role} could change or delete its rows. Connect with a role that "
            "cannot: docs/audit-log.md says how."
        )
    return "The database role can add rows, and cannot change them."


def queue() -> str:
    server = redis.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=2, socket_timeout=5)
    try:
        version = str(server.info("server")["redis_version"])
    except redis.RedisError as error:
        raise UnhealthyError(
            f"Redis does not answer ({type(error).__name__}): see that it runs, and that REDIS_URL "
            "is right. Until then nothing is carried out and no call is made."
        ) from error
    if tuple(map(int, version.split(".")[:2])) < OLDEST_REDIS:
        raise UnhealthyError(f"Redis {version} is too old: 6.2 or newer is needed.")
    return f"Redis {version}."


def workers() -> str:
    try:
        answers = current_app.control.ping(timeout=SECONDS_FOR_WORKERS)
    except (OperationalError, redis.RedisError, OSError) as error:
        raise UnhealthyError("It cannot be told while the work queue (Redis) is away.") from error
    if not answers:
        raise UnhealthyError(
            f"No worker answered within {SECONDS_FOR_WORKERS:.0f} seconds: start celery -A config "
            "worker, and let something restart it."
        )
    return f"{len(answers)} answered."


def token() -> str:
    ZohoTokens().current()
    return "Zoho accepts the connection's sign-in."


def inventory() -> str:
    client = ZohoClient.from_database()
    try:
        client.fetch_products(per_page=1)
    finally:
        note_clock("Zoho", client.clock)
        client.close()
    return "Zoho Inventory answers."


def crm() -> str:
    scopes = ZohoCredential.load().scopes()
    if scopes and CRM_READ.key not in features_of(scopes):
        return "Not asked: the connection does not allow it, and need not."
    client = RestCrm.from_database()
    try:
        client.organisation()
    finally:
        note_clock("Zoho", client.clock)
        client.close()
    return "Zoho CRM answers."


# Whose clock → seconds by which it is ahead of ours, as this examination found it.
clocks_seen: dict[str, float] = {}


def note_clock(whose: str, ahead: float | None) -> None:
    if ahead is not None:
        clocks_seen[whose] = ahead


def clock() -> str:
    """Ours against the database's and Zoho's. SQLite's is ours."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT clock_timestamp()")
            note_clock("the database", (cursor.fetchone()[0] - timezone.now()).total_seconds())
    off = [
        f"{abs(ahead):,.0f} seconds {'behind' if ahead > 0 else 'ahead of'} {whose}'s"
        for whose, ahead in clocks_seen.items()
        if abs(ahead) > CLOCK_TOLERANCE
    ]
    if off:
        raise UnhealthyError(
            f"This machine's clock is {' and '.join(off)}. Set every machine's clock by NTP: runs "
            "are taken from workers that only seem silent, and changes can be missed."
        )
    if not clocks_seen:
        return "Not compared: Zoho has not answered."
    return "It agrees with " + " and ".join(f"{whose}'s" for whose in clocks_seen) + "."


PARTS: dict[str, Callable[[], str]] = {
    "Python": python,
    "Database": database,
    "Migrations": migrations,
    "Audit log": audit_log,
    "Work queue": queue,
    "Workers": workers,
    "Sign-in at Zoho": token,
    "Zoho Inventory": inventory,
    "Zoho CRM": crm,
    "Clock": clock,  # after those whose answers tell the time
}
