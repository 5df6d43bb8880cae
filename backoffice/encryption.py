"""Secrets encrypted at rest, with keys that can be rotated.

The keys are settings.ZOHO_ENCRYPTION_KEYS: the first encrypts, all decrypt. To rotate, put a new
key first, run `manage.py rotate_zoho_keys`, then drop the old one.
"""

from functools import lru_cache
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.db import models

from backoffice.redaction import remember_secret


def keyring() -> MultiFernet:
    return _keyring(tuple(settings.ZOHO_ENCRYPTION_KEYS))


@lru_cache(maxsize=4)
def _keyring(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in keys])


# Before the ciphertext in a serialized row.
SERIALIZED = "fernet:"


UNREADABLE = (
    "The stored Zoho secrets cannot be decrypted: ZOHO_ENCRYPTION_KEYS does not hold the key they "
    "were encrypted with. Put that key back (nothing has been lost), or connect again."
)


class Unreadable(str):
    """Stands for a secret that no key fits. It is empty, so that it is never sent, and is saved as
    the ciphertext it came from, so that it is there again once the key is."""

    ciphertext: str

    @classmethod
    def of(cls, ciphertext: str) -> "Unreadable":
        found = cls()
        found.ciphertext = ciphertext
        return found


class EncryptedTextField(models.TextField):
    """Text that is plain in Python and Fernet ciphertext in the database.

    Ciphertext differs at every save, so the field cannot be searched or made unique. What no key
    fits is read as Unreadable: a page must be able to say so.
    """

    description = "Text, encrypted at rest"

    def value_to_string(self, obj: Any) -> str:
        """What `dumpdata` and other serializers write: ciphertext, marked as such."""
        value = self.value_from_object(obj)
        if isinstance(value, Unreadable):
            return f"{SERIALIZED}{value.ciphertext}"
        return f"{SERIALIZED}{self.get_prep_value(str(value))}" if value else ""

    def to_python(self, value: Any) -> Any:
        """What `loaddata` has read, too."""
        if isinstance(value, str) and value.startswith(SERIALIZED):
            return self.from_db_value(value.removeprefix(SERIALIZED))
        return super().to_python(value)

    def get_prep_value(self, value: str | None) -> str:
        if isinstance(value, Unreadable):
            return value.ciphertext
        if not value:
            return ""
        remember_secret(value)
        return keyring().encrypt(value.encode()).decode()

    def unreadable_in(self, row: models.Model) -> bool:
        return isinstance(self.value_from_object(row), Unreadable)

    def from_db_value(self, value: str | None, *args: Any) -> str:
        if not value:
            return ""
        try:
            plain = keyring().decrypt(value.encode()).decode()
        except InvalidToken:
            return Unreadable.of(value)
        remember_secret(plain)
        return plain
