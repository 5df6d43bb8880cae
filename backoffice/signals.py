"""What happens here and concerns those above: they listen, and are not known here."""

from django.dispatch import Signal

# Somebody is about to get a file: `user`, `file` (its name), `details` (names and numbers).
downloaded = Signal()
