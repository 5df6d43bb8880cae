"""`python manage.py zoho_simulator`: see `simulator.__main__`."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from simulator.__main__ import CannotServeError, add_arguments, run


class Command(BaseCommand):
    help = "Serve a simulated Zoho. The first line on stdout says how to connect, as JSON."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        names = ("port", "items", "accounts", "seed", "latency")
        try:
            run(**{name: options[name] for name in names})
        except CannotServeError as error:
            raise CommandError(str(error)) from error
