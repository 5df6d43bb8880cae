"""The admin, with our own site in the place of Django's."""

from django.contrib.admin.apps import AdminConfig


class SiteConfig(AdminConfig):
    default_site = "config.site.Site"
