"""Moments as pages show them."""

from django import template

from backoffice.listing import ago

register = template.Library()
register.filter("ago", ago)
