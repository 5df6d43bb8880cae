import json
import logging
import os
import subprocess
import sys

from config.logs import console_formatter, json_formatter

TOKEN = "1000." + "0123456789abcdef" * 2 + "." + "fedcba9876543210" * 2  # pragma: allowlist secret


def broken_record(message="It broke"):
    try:
        secret = TOKEN
        raise ValueError(f"bad answer: {secret}")
    except ValueError:
        return logging.LogRecord(
            "integrations.zoho", logging.ERROR, "", 0, message, None, exc_info=sys.exc_info()
        )


def test_tracebacks_are_redacted_too():
    """An exception's text is the likeliest place for a secret nobody thought of."""
    for formatter in (json_formatter(), console_formatter()):
        line = formatter.format(broken_record())

        assert "ValueError" in line
        assert TOKEN not in line
        assert "0123456789abcdef" not in line, "nor by way of a local variable"


def test_a_line_in_a_file_is_one_json_object():
    """So that machines can read the log as well as people."""
    line = json_formatter().format(broken_record("It broke in two\nlines"))

    assert json.loads(line)["event"] == "It broke in two\nlines"
    assert json.loads(line)["level"] == "error"
    assert "\n" not in line


FLOOD = """
import logging
import os
import subprocess
import django
django.setup()
for name in ("sync", "celery.worker"):
    log = logging.getLogger(name)
    for number in range(200):
        try:
            raise ValueError("topsecret")
        except ValueError:
            log.warning("It broke: topsecret", exc_info=True)
"""


def test_a_full_disk_prints_one_line_for_each_file_and_stops_nothing(tmp_path):
    """Through all of the logging as it is set up, to the end of the process. Each record used to
    print itself with two tracebacks, past the redaction."""
    for name in ("django.log", "celery.log"):
        (tmp_path / name).symlink_to("/dev/full")

    done = subprocess.run(
        [sys.executable, "-c", FLOOD],
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "tests.settings",
            "LOG_DIR": str(tmp_path),
            "CONSOLE_LOG_LEVEL": "ERROR",
        },
        capture_output=True,
        text=True,
        check=True,
    )

    assert sorted(done.stderr.splitlines()) == [
        f"A log line could not be written to {tmp_path}/{name} (OSError)."
        for name in ("celery.log", "django.log")
    ]
    assert done.stdout == ""
