"""Prices and quantities as people write them."""

from decimal import Decimal

from django import template

register = template.Library()


@register.filter
def exactly(number: Decimal, at_least: int = 0) -> str:
    """All digits that count, and no zeros that do not: 12.50, 1,284.375, -3."""
    number = number.normalize()
    decimals = max(at_least, -int(number.as_tuple().exponent), 0)
    return f"{number:,.{decimals}f}"
