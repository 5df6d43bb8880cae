"""How dates are written: the same everywhere, and not to be mistaken for another day."""

DATE_FORMAT = "j M Y"
TIME_FORMAT = "H:i"
DATETIME_FORMAT = "j M Y, H:i"
