from django.apps import AppConfig


class NoticesConfig(AppConfig):
    name = "notices"

    def ready(self) -> None:
        from notices import doctor  # noqa: F401 (registers itself; needs the models)
