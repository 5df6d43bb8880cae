"""Numbers written out: every digit that counts, no other, in no country's notation."""

from decimal import Decimal


def digits(number: Decimal) -> str:
    """As in "12.5", "-3", "1200". Python's own `normalize` would round to 28 digits."""
    text = f"{number:f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
