"""`make test`: bring up a throw-away PostgreSQL and Redis, run everything, take them down.

The database-neutral tests run on SQLite first, then all tests on PostgreSQL. Arguments go to
pytest; with arguments, only the run on PostgreSQL is made.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from demo.servers import postgres, redis_server

# The simulator has no database; CRM's client only finds its connection there. Once is enough.
ONCE = ["--deselect=simulator/", "--deselect=integrations/tests/crm/"]
NEUTRAL = ["-m", "not postgres and not demo", *ONCE]


def pytest(database_url: str, redis_url: str, logs: Path, *arguments: str) -> int:
    environment = {
        **os.environ,
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "LOG_DIR": str(logs),
    }
    command = [sys.executable, "-m", "pytest", *arguments]
    return subprocess.run(command, env=environment, check=False).returncode


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="zoho-sync-tests-") as folder:
        root = Path(folder)
        with redis_server(root / "redis") as redis_url:
            failed = 0
            if not sys.argv[1:]:
                print("Database-neutral tests on SQLite:", flush=True)
                failed = pytest("sqlite:///:memory:", redis_url, root / "logs", "-q", *NEUTRAL)
                print("\nAll tests on PostgreSQL:", flush=True)
            with postgres(root / "postgres") as database_url:
                return pytest(database_url, redis_url, root / "logs", *sys.argv[1:]) or failed


if __name__ == "__main__":
    sys.exit(main())
