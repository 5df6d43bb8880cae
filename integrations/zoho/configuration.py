"""A connection given by the environment instead of the admin: ZOHO_SDK_*, checked in one place."""

from typing import Any, ClassVar

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from backoffice.environment import FromEnvironment
from integrations.zoho.data_centers import DATA_CENTERS, DataCenter, Environment, Region
from integrations.zoho.errors import ZohoConfigError


class ZohoSDKVariables(FromEnvironment):
    """What the environment holds of it. Nothing has to be there; what is there is right."""

    model_config = SettingsConfigDict(env_prefix="ZOHO_SDK_")
    problem: ClassVar[type[Exception]] = ZohoConfigError

    client_id: str = Field(default="", repr=False)
    client_secret: SecretStr = SecretStr("")
    refresh_token: SecretStr = SecretStr("")
    redirect_url: str = ""
    region: Region | None = None
    environment: Environment | None = None
    from_records: int = Field(default=100, ge=1)


class ZohoSDKConfig(ZohoSDKVariables):
    """A whole connection: nothing may be missing, and nothing has a default.

    Raises ZohoConfigError, naming each variable that is missing or wrong, and never its value. A
    region or an environment is never guessed: data must not end up in another country, or a test
    in production.
    """

    client_id: str = Field(repr=False, min_length=1)
    client_secret: SecretStr = Field(min_length=1)
    refresh_token: SecretStr = Field(min_length=1)
    redirect_url: str = Field(min_length=1)
    region: Region
    environment: Environment

    def model_post_init(self, context: Any) -> None:
        self.data_center.api_of(self.environment)

    @property
    def data_center(self) -> DataCenter:
        return DATA_CENTERS[self.region]

    @property
    def accounts_url(self) -> str:
        return self.data_center.accounts

    @property
    def api_url(self) -> str:
        """Where CRM answers: "https://sandbox.zohoapis.eu"."""
        return self.data_center.api_of(self.environment)
