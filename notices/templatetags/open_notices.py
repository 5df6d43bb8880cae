"""What is open, on the admin's home."""

from typing import Any

from django import template
from django.template.context import RequestContext

from notices.conditions import conditions
from notices.kinds import Condition, Kind, may_see
from notices.models import Notice

register = template.Library()


@register.inclusion_tag("notices/open.html", takes_context=True)
def open_notices(context: RequestContext) -> dict[str, Any]:
    """As it is at this moment, not as the last check found it: with every worker dead there is no
    check. Only what is news, low stock, is taken from there."""
    perms = context["perms"]
    if "notices.view_notice" not in perms:
        return {}
    news = Notice.objects.filter(kind=Kind.LOW_STOCK, closed_at=None)
    user = context["request"].user
    found: list[Condition | Notice] = [*conditions(), *news]
    return {
        "notices": [
            {
                "words": one.words,
                "about": one.about,
                "url": one.url if one.about.permission in perms else "",
            }
            for one in found
            if may_see(user, one.kind)
        ]
    }
