"""The Django project: settings, the Celery app and the URL map. Apps never import it."""

from config.celery import app as celery_app

__all__ = ["celery_app"]
