"""Settings from the environment, each also as the path of a file in `NAME_FILE`."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar

from django.core.exceptions import ImproperlyConfigured
from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict


def read(name: str) -> str:
    """The value of `name`, or what the file that `NAME_FILE` names holds; "" for neither."""
    path = os.environ.get(f"{name}_FILE", "").strip()
    if not path:
        return os.environ.get(name, "").strip()
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        raise ImproperlyConfigured(f"{name}_FILE names a file that cannot be read.") from error


class FromEnvironment(BaseSettings):
    """Fields read from `env_prefix` + NAME, or from the variable that `validation_alias` names.

    What is missing or wrong is named by its variable in a `problem`; its value is never shown.
    """

    model_config = SettingsConfigDict(
        extra="ignore", frozen=True, hide_input_in_errors=True, validate_by_name=True
    )
    problem: ClassVar[type[Exception]] = ImproperlyConfigured

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            # `from None`: the validator's own message may carry the value.
            raise self.problem(" ".join(self._sentences(error))) from None

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, _VariablesAndFiles(settings_cls)

    @classmethod
    def variable(cls, field_name: str) -> str:
        """The name of the environment variable that fills this field."""
        alias = cls.model_fields[field_name].validation_alias
        return str(alias or f"{cls.model_config['env_prefix']}{field_name}".upper())

    @classmethod
    def _sentences(cls, error: ValidationError) -> Iterable[str]:
        for problem in error.errors(include_input=False, include_url=False):
            location = str(problem["loc"][0])
            name = cls.variable(location) if location in cls.model_fields else location
            if problem["type"] == "missing":
                yield f"{name} is missing."
            elif problem["type"] == "enum":
                choices = problem["ctx"]["expected"].replace("'", "").replace(" or ", ", ")
                yield f"{name} must be one of: {choices}."
            else:
                yield f"{name} is not valid: {problem['msg'].removeprefix('Value error, ')}."


class _VariablesAndFiles(PydanticBaseSettingsSource):
    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        owner: type[FromEnvironment] = self.settings_cls  # type: ignore[assignment]
        name = owner.variable(field_name)
        return read(name) or None, str(field.validation_alias or field_name), False

    def __call__(self) -> dict[str, Any]:
        found = {}
        for field_name, field in self.settings_cls.model_fields.items():
            value, key, _ = self.get_field_value(field, field_name)
            if value is not None:
                found[key] = value
        return found
