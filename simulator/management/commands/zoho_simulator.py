"""`python manage.py zoho_simulator`: see `simulator.__main__`."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from simulator.__main__ import add_arguments, run


class Command(BaseCommand):
    help = "Serve a simulated Zoho. The first line on stdout says how to connect, as JSON."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            run(options["port"], options["items"], options["accounts"], options["seed"])
        except ImportError as error:
            raise CommandError(
                "The simulator's web server is not installed: pip install -r requirements-demo.txt"
            ) from error
        except (OSError, OverflowError) as error:
            raise CommandError(f"Port {options['port']} cannot be used: {error}") from error
