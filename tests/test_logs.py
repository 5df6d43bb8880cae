import json
import logging
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
