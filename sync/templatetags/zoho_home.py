"""The overview on the admin's home."""

from typing import Any

from django import template
from django.template.context import RequestContext

from sync.home import overview

register = template.Library()


@register.inclusion_tag("sync/home.html", takes_context=True)
def zoho_home(context: RequestContext) -> dict[str, Any]:
    return {**context.flatten(), **overview()}  # type: ignore[dict-item]
