"""`make test`: bring up a throw-away PostgreSQL and Redis, run everything, take them down.

The database-neutral tests run on SQLite first, then all tests on PostgreSQL. Arguments go to
pytest; with arguments, only the run on PostgreSQL is made, one test after the other.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from demo.servers import postgres, redis_server

# The simulator and what is about the whole have no database; CRM's client only finds its connection
# there. Once is enough.
ONCE = ["--deselect=simulator/", "--deselect=integrations/tests/crm/", "--deselect=tests/"]
ALONE = ["-m", "postgres or demo"]
BESIDE = ["-m", "not postgres and not demo"]
NEUTRAL = [*BESIDE, *ONCE]
# Two at a time; those with browsers and processes of their own have the machine to themselves.
SIDE_BY_SIDE = ["-q", "-n", "2"]


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
            if sys.argv[1:]:
                with postgres(root / "postgres") as database_url:
                    return pytest(database_url, redis_url, root / "logs", *sys.argv[1:])
            print("Database-neutral tests on SQLite:", flush=True)
            sqlite = "sqlite:///:memory:"
            failed = pytest(sqlite, redis_url, root / "logs", *SIDE_BY_SIDE, *NEUTRAL)
            with postgres(root / "postgres") as database_url:
                print("\nAll tests on PostgreSQL:", flush=True)
                for some in ([*SIDE_BY_SIDE, *BESIDE], ALONE):
                    failed = pytest(database_url, redis_url, root / "logs", *some) or failed
            return failed


if __name__ == "__main__":
    sys.exit(main())
