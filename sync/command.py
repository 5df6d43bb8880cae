"""What the commands that sync a mirror here and now have in common."""

import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any, ClassVar, NoReturn, TextIO

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connections

from integrations.zoho.errors import ZohoError
from sync.models import SyncRun
from sync.start import SyncAlreadyActiveError

FAILED, SOME_FAILED, ALREADY_ACTIVE = 1, 2, 3
INTERRUPTED = 130  # as shells say for Ctrl-C; also for SIGTERM


def _interrupt(*args: object) -> NoReturn:
    raise KeyboardInterrupt


class SyncCommand(BaseCommand):
    """A bar on a terminal, a sentence or JSON at the end, and an exit status that tells how it
    went. A subclass says what one record is called in its options, and what syncs them."""

    record: ClassVar[str]
    not_seen_by_changed: ClassVar[str]
    sync: ClassVar[Callable[..., dict[str, Any]]]

    def add_arguments(self, parser: CommandParser) -> None:
        one = self.record
        parser.add_argument(
            "--full",
            action="store_true",
            help=f"Read every {one} and retire those that are gone. This is the default.",
        )
        parser.add_argument(
            "--changed",
            action="store_true",
            help=f"Read only what was modified in Zoho since the last sync. "
            f"{self.not_seen_by_changed}",
        )
        parser.add_argument(
            "--dry-run",
            action="store_true",
            help="Write nothing; the differences are kept under Changes in the admin.",
        )
        parser.add_argument(
            f"--{one}",
            action="append",
            default=[],
            metavar="ID",
            dest="ids",
            help=f"Only this {one}; repeatable.",
        )
        parser.add_argument("--json", action="store_true", help="Print only the stats object.")

    def handle(self, *args: Any, **options: Any) -> None:
        if sum(map(bool, (options["full"], options["changed"], options["ids"]))) > 1:
            raise CommandError(f"Choose one of --full, --changed and --{self.record}.")
        mode = SyncRun.Mode.CHANGED if options["changed"] else SyncRun.Mode.FULL
        bad_ids = [zoho_id for zoho_id in options["ids"] if not zoho_id.isalnum()]
        if bad_ids:
            raise CommandError(
                f"The ID of an {self.record} consists of digits: " + ", ".join(bad_ids)
            )
        signal.signal(signal.SIGTERM, _interrupt)
        progress = Progress(sys.stderr if sys.stderr.isatty() and not options["json"] else None)
        try:
            with progress:
                stats = type(self).sync(
                    options["ids"],
                    mode=mode,
                    dry_run=options["dry_run"],
                    on_start=progress.follow,
                    on_wait=self.tell_wait,
                )
        except KeyboardInterrupt:
            self.end(progress.run)
        except SyncAlreadyActiveError as error:
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

    def end(self, run: SyncRun | None) -> NoReturn:
        """Cancel the run, so that it stands in nobody's way, say so, and leave at once."""
        if run is not None and run.cancel("Cancelled: the command that carried it was ended."):
            self.stderr.write(
                f"Ended. Run #{run.pk} was cancelled; {run.kept()}. The next sync reads from the "
                "beginning."
            )
        self.stderr.flush()
        self.stdout.flush()
        # Not by an exception: Python would wait for calls under way, each up to its deadline.
        os._exit(INTERRUPTED)

    def tell_wait(self, run: SyncRun) -> None:
        self.stderr.write(
            f"{run.message} Waiting until {run.resume_at:%Y-%m-%d %H:%M:%S} UTC. Ctrl-C "
            "cancels the run; what it read is kept.",
            self.style.WARNING,
        )


class Progress:
    """A bar on the terminal, drawn from the run's row; without a terminal, nothing."""

    def __init__(self, stream: TextIO | None) -> None:
        self.stream = stream
        self.stop = threading.Event()
        self.thread: threading.Thread | None = None
        self.run: SyncRun | None = None

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop.set()
        if self.thread and self.stream:
            self.thread.join()
            self.stream.write("\r\033[K")

    def follow(self, run: SyncRun) -> None:
        self.run = run
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
                stream.write(f"\r\033[K{bar}{run.total:,} read")
                stream.flush()
        finally:
            connections.close_all()
