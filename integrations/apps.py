from django.apps import AppConfig


class IntegrationsConfig(AppConfig):
    name = "integrations"
    verbose_name = "Integrations"

    def ready(self) -> None:
        # They register themselves, and need the models.
        from integrations import checks, downloads, rights, sign_in  # noqa: F401
