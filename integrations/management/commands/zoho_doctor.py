"""Look at every part this installation needs, before it is deployed and when something is wrong."""

import json
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from integrations.health import examine


class Command(BaseCommand):
    help = (
        "Check database, Redis, workers, the connection to Zoho and its APIs; name what is wrong "
        "and how to mend it. Exit 0 when all is well, else 1."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print one JSON object alone")

    def handle(self, *args: Any, **options: Any) -> None:
        findings = []
        for finding in examine():
            findings.append(finding)
            if not options["json"]:
                mark = "✗" if not finding.is_well else "!" if finding.is_warning else "✓"
                self.stdout.write(f"{mark} {finding.name}: {finding.words}")
        ill = [finding for finding in findings if not finding.is_well]
        if options["json"]:
            told = {"ok": not ill, "findings": [asdict(finding) for finding in findings]}
            self.stdout.write(json.dumps(told))
        if ill:
            raise CommandError(f"{len(ill)} of {len(findings)} need to be looked at.")
