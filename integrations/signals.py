"""What happens to the connection and concerns those above: they listen, and are not known here."""

from django.dispatch import Signal

# Zoho was connected, in the transaction that stores the connection: `credential`.
connected = Signal()
