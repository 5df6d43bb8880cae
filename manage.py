#!/usr/bin/env python
"""Django's command-line utility for Zoho Sync."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    # Commands speak for themselves; the log files hold the rest.
    os.environ.setdefault("CONSOLE_LOG_LEVEL", "WARNING")
    if sys.argv[1:2] == ["zoho_simulator"]:
        os.environ.setdefault("SIMULATOR", "true")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
