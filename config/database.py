"""Where the database is: DATABASE_URL, or the parts it would be made of."""

from urllib.parse import quote

from django.core.exceptions import ImproperlyConfigured
from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from backoffice.environment import FromEnvironment


class DatabaseConfig(FromEnvironment):
    """DATABASE_URL wins. Without it, DATABASE_NAME and DATABASE_USER are needed.

    Neither has a default: PostgreSQL would take the name of the system's user for both, and so
    connect to whatever database is called that.
    """

    model_config = SettingsConfigDict(env_prefix="DATABASE_")

    whole_url: SecretStr = Field(default=SecretStr(""), validation_alias="DATABASE_URL")
    host: str = "localhost"
    port: int = Field(default=5432, ge=1, le=65535)
    name: str = ""
    user: str = ""
    password: SecretStr = SecretStr("")

    @property
    def url(self) -> str:
        if whole := self.whole_url.get_secret_value():
            return whole
        if not self.name or not self.user:
            raise ImproperlyConfigured(
                "DATABASE_URL is missing: set postgresql://user:password@host/name (or its parts: "
                "DATABASE_NAME, DATABASE_USER, DATABASE_PASSWORD, DATABASE_HOST, DATABASE_PORT), "
                "or try the product with `make demo`, which brings its own PostgreSQL."
            )
        password = self.password.get_secret_value()
        who = quote(self.user, safe="") + (f":{quote(password, safe='')}" if password else "")
        host = f"[{self.host}]" if ":" in self.host else quote(self.host, safe="")
        return f"postgresql://{who}@{host}:{self.port}/{quote(self.name, safe='')}"
