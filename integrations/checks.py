"""What `manage.py check` says about this installation."""

from typing import Any

from django.core.checks import CheckMessage, Warning, register

from integrations.zoho.crm.sdk import check_sdk


@register("zoho")
def zohos_sdk_is_the_one_we_know(**_: Any) -> list[CheckMessage]:
    """A warning: REST does what the SDK cannot."""
    hint = "Install what requirements.txt names. Until then the SDK is not used, and REST is."
    return [Warning(problem, hint=hint, id="integrations.W001") for problem in check_sdk()]
