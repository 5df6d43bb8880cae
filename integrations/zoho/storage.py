"""Our own database, as the Zoho client meets it."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import DatabaseError, InterfaceError

from integrations.zoho.errors import ZohoDatabaseError


@contextmanager
def our_database(trouble: str) -> Iterator[None]:
    """Whatever it refuses in here, or as the decorator of a function in there, becomes a
    ZohoDatabaseError. `trouble` is a sentence: what could not be done, and what that means.

    The database's own words stay in the cause: they may hold values, hosts and users.
    """
    try:
        yield
    except (DatabaseError, InterfaceError) as error:
        raise ZohoDatabaseError(
            f"Our own database failed ({type(error).__name__}). {trouble} What was synced is kept. "
            "If this goes on, look at the database."
        ) from error
