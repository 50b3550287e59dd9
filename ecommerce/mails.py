"""How mails go to Amazon SES, and who may tell what became of them."""

from __future__ import annotations

from typing import Any

from botocore.config import Config

from ecommerce.environment import Environment
from kernel import limits


def anymail_settings(env: Environment) -> dict[str, Any]:
    """Return the settings of django-anymail."""
    return {
        "AMAZON_SES_CLIENT_PARAMS": {
            "region_name": env.aws_default_region,
            "endpoint_url": env.aws_endpoint_url,
            "config": Config(
                connect_timeout=limits.CONNECT_SECONDS,
                read_timeout=limits.READ_SECONDS,
                retries={"total_max_attempts": 1},  # a second one might send a second mail
            ),
        },
        "AMAZON_SES_CONFIGURATION_SET_NAME": env.ses_configuration_set or None,
        "WEBHOOK_SECRET": env.ses_webhook_secret,
    }
