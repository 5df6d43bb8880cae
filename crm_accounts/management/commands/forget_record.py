"""Erase a record's personal data everywhere here."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from crm_accounts.forgetting import CannotForgetError, forget_record, in_words, mirrors


class Command(BaseCommand):
    help = (
        "Erase what is known here of one record: its row, history, change requests, failures and "
        "log entries. The audit log keeps its ID and how many rows were erased."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("mirror", choices=sorted(mirrors()))
        parser.add_argument("zoho_id", metavar="ID", help="The record's ID in Zoho.")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            forgotten = forget_record(options["mirror"], options["zoho_id"])
        except CannotForgetError as error:
            raise CommandError(error.message) from error
        self.stdout.write(f"Erased: {in_words(forgotten)}.")
        self.stdout.write(
            "Copies in the memory of running processes end within an hour, or with a restart. "
            "Backups and files that people have exported are yours to look after."
        )
        if forgotten.is_in_zoho:
            self.stderr.write(
                "As far as is known here, Zoho still has this record, so the next sync brings it "
                "back: delete it in Zoho, and run this again after the next sync.",
                self.style.WARNING,
            )
