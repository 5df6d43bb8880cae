"""`make lint`: does a secret stand in what git keeps? Looks into all of it, or the files given.

detect-secrets knows what secrets look like, and here learns Zoho's. It asks nobody whether one is
still good. A fake that it takes for a secret says so on its line: `# pragma: allowlist secret`.
"""

import re
import subprocess
import sys
from pathlib import Path

from detect_secrets.plugins.base import RegexBasedDetector
from detect_secrets.pre_commit_hook import main as scan

ROOT = Path(__file__).resolve().parent.parent
# Sums of files: of locked requirements, and of scripts that the content policy lets run.
SUMS = r"^    --hash=sha256:|'sha256-[\w+/]{43}='"
# Names of variables, and words that say themselves what they are; one says "insecure" in base64.
PLAIN = r"^([A-Z]{3,}(_[A-Z]{2,})+\b.*|password|insecure-.+|aW5zZWN1cmU.+|olga|karl|wrong)$"
OPTIONS = ("--plugin", __file__, "--exclude-lines", SUMS, "--exclude-secrets", PLAIN, "--no-verify")


class ZohoDetector(RegexBasedDetector):
    """Tokens and grant codes, and the keys that encrypt them here: the rest is known already."""

    secret_type = "Zoho credential"  # pragma: allowlist secret
    denylist = (
        re.compile(r"\b1000\.[0-9a-f]{32}\.[0-9a-f]{32}\b", re.IGNORECASE),
        re.compile(r"(?<![\w/+-])[\w-]{43}=(?!\w)"),
    )


def kept_by_git(root: Path = ROOT) -> list[str]:
    """What is committed, and what could be with the next `git add`."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout
    return [name for name in listed.split("\0") if name and (root / name).is_file()]


if __name__ == "__main__":
    sys.exit(scan([*OPTIONS, *(sys.argv[1:] or kept_by_git())]))
