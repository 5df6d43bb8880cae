"""Prices and quantities as people write them."""

from decimal import Decimal

from django import template

from backoffice.exact import digits

register = template.Library()


@register.filter
def exactly(number: Decimal, at_least: int = 0) -> str:
    """All digits that count, and no zeros that do not: 12.50, 1,284.375, -3."""
    _, _, behind = digits(number).partition(".")
    return f"{number:,.{max(at_least, len(behind))}f}"
