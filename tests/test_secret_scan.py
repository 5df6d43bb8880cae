"""What `make lint` finds when a secret is about to be committed."""

import re
import subprocess
import sys
from base64 import urlsafe_b64encode
from pathlib import Path

import pytest

from tests.secret_scan import ROOT, kept_by_git

HEX = "8f14e45fceea167a5a36dedd4bea2543"  # pragma: allowlist secret
TOKEN = f"1000.{HEX}.{HEX[::-1]}"
CLIENT_SECRET = f"{HEX}c9f0f895fb"
KEY = urlsafe_b64encode(bytes.fromhex(HEX * 2)).decode()
PLANTED = {
    "token.env": f"ZOHO_SDK_REFRESH_TOKEN={TOKEN}",
    "token.md": f"Connect with the code {TOKEN}, quickly.",
    "token.py": f"get_valid_token()  # {TOKEN}",
    "token.yml": f"env:\n  ZOHO_GRANT_CODE: {TOKEN}",
    "answer.json": f'{{"access_token": "{TOKEN}", "expires_in": 3600}}',
    "client.env": f"ZOHO_SDK_CLIENT_SECRET={CLIENT_SECRET}",
    "client.py": f'client_secret="{CLIENT_SECRET}",',
    "key.env": f"export ZOHO_ENCRYPTION_KEYS={KEY}",
    "key.md": f"Put the new key first: {KEY},…",
    "key.yml": f"keys:\n  - {KEY}",
    "private.pem": "-----BEGIN RSA PRIVATE " + "KEY-----",
    "database.md": "DATABASE_URL=postgresql://zoho:" + "kV9x2LqP@db.example/zoho",
}
HARMLESS = {
    "fake.py": f'TOKEN = "{TOKEN}"  # pragma: allowlist ' + "secret",
    "text.md": "`DATABASE_URL` is `postgresql://user:password@host/name`.",
    "locked.txt": f"    --hash=sha256:{HEX}{HEX}",
}


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """The names of the files in which something was found."""
    folder = tmp_path_factory.mktemp("planted")
    files = {**PLANTED, **HARMLESS}
    for name, text in files.items():
        (folder / name).write_text(f"{text}\n")
    done = subprocess.run(
        [sys.executable, "-m", "tests.secret_scan", *(str(folder / name) for name in files)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    return {Path(place).name for place in re.findall(r"^Location: +(.+):\d+$", done.stdout, re.M)}


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_secret_is_found(found, name):
    """In whatever kind of file somebody notes it down."""
    assert name in found


@pytest.mark.parametrize("name", HARMLESS)
def test_what_is_no_secret_stops_nobody(found, name):
    """A scan that cries wolf is switched off."""
    assert name not in found


def test_all_that_git_keeps_is_looked_into_before_it_is_committed(tmp_path):
    """A file that is not added yet, too, but nothing that git ignores."""
    for name, text in {"kept": "", "new one": "", ".env": "", ".gitignore": ".env\n"}.items():
        (tmp_path / name).write_text(text)
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    subprocess.run(["git", "add", "kept"], cwd=tmp_path, check=True)

    assert sorted(kept_by_git(tmp_path)) == [".gitignore", "kept", "new one"]


def test_lint_scans_here_and_in_ci():
    """A scan that has to be remembered is forgotten."""
    makefile = (ROOT / "Makefile").read_text()

    assert "tests.secret_scan" in makefile.split("\nlint:")[1].split("\n\n")[0]
    assert "make lint" in (ROOT / ".ci" / "run").read_text()
