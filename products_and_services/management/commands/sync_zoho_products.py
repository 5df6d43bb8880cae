"""Sync products here and now, with a progress bar on a terminal."""

import json
import sys
import threading
from typing import Any, TextIO

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connections

from integrations.zoho.errors import ZohoError
from products_and_services.services import SyncAlreadyActive, sync_zoho_products_to_db
from sync.models import SyncRun

FAILED, SOME_FAILED, ALREADY_ACTIVE = 1, 2, 3


class Command(BaseCommand):
    help = (
        "Mirror Zoho Inventory's items into Products, here and now. Exit status: 0 good, "
        "1 failed, 2 finished with failed items, 3 another run is active."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--full",
            action="store_true",
            help="Read every item and retire those that are gone. This is the default.",
        )
        parser.add_argument(
            "--changed",
            action="store_true",
            help="Read only what was modified in Zoho since the last sync: mostly one API call. "
            "Stock movements and deletions are not seen.",
        )
        parser.add_argument(
            "--dry-run",
            action="store_true",
            help="Write nothing; the differences are kept under Changes in the admin.",
        )
        parser.add_argument(
            "--item", action="append", default=[], metavar="ID", help="Only this item; repeatable."
        )
        parser.add_argument("--json", action="store_true", help="Print only the stats object.")

    def handle(self, *args: Any, **options: Any) -> None:
        if sum(map(bool, (options["full"], options["changed"], options["item"]))) > 1:
            raise CommandError("Choose one of --full, --changed and --item.")
        mode = SyncRun.Mode.CHANGED if options["changed"] else SyncRun.Mode.FULL
        bad_ids = [item for item in options["item"] if not item.isalnum()]
        if bad_ids:
            raise CommandError("An item ID consists of digits: " + ", ".join(bad_ids))
        progress = Progress(sys.stderr if sys.stderr.isatty() and not options["json"] else None)
        try:
            with progress:
                stats = sync_zoho_products_to_db(
                    options["item"],
                    mode=mode,
                    dry_run=options["dry_run"],
                    on_start=progress.follow,
                    on_wait=self.tell_wait,
                )
        except SyncAlreadyActive as error:
            raise CommandError(
                f"{error.message} Wait for it, or look at it under Sync runs.",
                returncode=ALREADY_ACTIVE,
            ) from error
        except ZohoError as error:
            raise CommandError(error.message, returncode=FAILED) from error
        if options["json"]:
            self.stdout.write(json.dumps(stats))
        else:
            if options["dry_run"]:
                self.stdout.write("Dry run, nothing was written. What a real run would do:")
            self.stdout.write(
                "{total:,} read: {created:,} created, {updated:,} updated, {unchanged:,} "
                "unchanged, {failed:,} failed. {retired:,} retired, {revived:,} revived. "
                "{calls:,} API calls, {duration_seconds:.1f} s.".format(**stats)
            )
        if stats.get("to_confirm") and not options["dry_run"]:
            self.stderr.write(
                "{to_confirm:,} records are no longer in Zoho's list: too many at once to retire "
                "them without asking. Confirm or dismiss it on the page of run {run_id} in the "
                "admin.".format(**stats),
                self.style.WARNING,
            )
        if stats["failed"]:
            sys.exit(SOME_FAILED)

    def tell_wait(self, run: SyncRun) -> None:
        self.stderr.write(
            f"{run.message} Waiting until {run.resume_at:%Y-%m-%d %H:%M:%S} UTC. Ctrl-C is safe: "
            "a worker goes on from here.",
            self.style.WARNING,
        )


class Progress:
    """A bar on the terminal, drawn from the run's row; without a terminal, nothing."""

    def __init__(self, stream: TextIO | None) -> None:
        self.stream = stream
        self.stop = threading.Event()
        self.thread: threading.Thread | None = None

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop.set()
        if self.thread and self.stream:
            self.thread.join()
            self.stream.write("\r\033[K")

    def follow(self, run: SyncRun) -> None:
        if self.stream is None:
            return
        arguments = (run.pk, self.stream)
        self.thread = threading.Thread(target=self._draw, args=arguments, daemon=True)
        self.thread.start()

    def _draw(self, run_id: int, stream: TextIO) -> None:
        try:
            while not self.stop.wait(0.3):
                run = SyncRun.objects.get(pk=run_id)
                percent = run.percent()
                bar = "" if percent is None else f"[{'#' * (percent // 4):<25}] {percent:3} %  "
                stream.write(f"\r\033[K{bar}{run.total:,} items read")
                stream.flush()
        finally:
            connections.close_all()
