"""What `zoho_doctor` checks of runs and of the workers that carry them.

An answer to a ping proves that a worker lives, not that it takes work: one whose connection to the
queue is broken answers and does nothing. What it did tells: each worker has a check carried out
every minute, and a due run gets a heartbeat.
"""

from django.utils import timezone

from integrations import health
from notices.conditions import due_and_not_taken, no_worker_since, when

RESTART = "Restart the workers, and look at their log (logs/celery.log) and at Redis."


def taking_work() -> str:
    if since := no_worker_since(timezone.now()):
        raise health.UnhealthyError(
            f"No worker has taken work since {when(since)}, even if one answers. {RESTART}"
        )
    return "Workers take the work that they are given."


def due_runs() -> str:
    if runs := due_and_not_taken():
        oldest, others = runs[0], len(runs) - 1
        more = f" So have {others:,} more." if others else ""
        raise health.UnhealthyError(
            f"{oldest} has been due since {when(oldest.due_since())}, and nothing works on it."
            f"{more} {RESTART} See that beat runs, too: it wakes due runs."
        )
    return "No run is overdue."


health.PARTS["Work taken"] = taking_work
health.PARTS["Due runs"] = due_runs
