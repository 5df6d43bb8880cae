"""Moments as pages show them."""

import datetime as dt

from django.template import Context, Template
from django.utils import timezone


def test_a_moment_is_told_by_its_age_with_the_moment_itself_on_hover():
    """One filter for all pages; what never was is shown as nothing."""
    template = Template("{% load sync_times %}{{ moment|ago }}")
    moment = timezone.now() - dt.timedelta(hours=5)

    shown = template.render(Context({"moment": moment}))

    assert shown.endswith(">5\xa0hours ago</time>")
    assert f'title="{moment.day} {moment:%B %Y, %H:%M:%S} UTC"' in shown
    assert template.render(Context({"moment": None})) == ""
