"""Every setting that the environment may give, with its meaning and its default."""

from __future__ import annotations

import os
import sys
from typing import Literal

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from kernel import limits


class Environment(BaseSettings):
    """Read from environment variables, and from `.env` (or ENV_FILE) where that is there."""

    model_config = SettingsConfigDict(
        env_file=os.environ.get("ENV_FILE", ".env"), extra="ignore", frozen=True
    )

    secret_key: str = Field(
        min_length=32, description="Signs tokens, quotes and sessions: 50 random characters."
    )
    database_url: str = Field(
        min_length=1,
        description="PostgreSQL, as the role `app`: postgresql://app:…@host:5432/shop.",
    )
    debug: bool = Field(default=False, description="Show errors in full. Never in production.")
    allowed_hosts: list[str] = Field(
        default=["127.0.0.1", "localhost"],
        description="Host names that the web process answers to, as a JSON list.",
    )
    csrf_trusted_origins: list[str] = Field(
        default=[], description="Origins that may post forms to the admin, as a JSON list."
    )
    is_https: bool = Field(default=False, description="Behind HTTPS: secure cookies, HSTS.")
    log_format: Literal["json", "console"] = Field(
        default="json", description="json for machines, console for people."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="The least level that is logged."
    )

    aws_endpoint_url: str | None = Field(
        default=None, description="Where SQS and S3 are, if not at AWS: the local emulator."
    )
    aws_default_region: str = Field(
        default="eu-north-1", description="The region of queues and buckets."
    )
    queue_url_prefix: str = Field(
        min_length=1,
        description="A queue's URL up to its name: https://sqs.eu-north-1.amazonaws.com/123456789012/shop-",
    )
    media_bucket: str = Field(
        default="shop-media", description="The S3 bucket of product pictures."
    )
    invoices_bucket: str = Field(default="shop-invoices", description="The S3 bucket of invoices.")
    uploads_bucket: str = Field(
        default="shop-uploads", description="The S3 bucket that imports are uploaded to."
    )

    payment_3p_url: str = Field(default="http://127.0.0.1:8001", description="The payment gateway.")
    payment_3p_api_key: str = Field(
        default="", description="The bearer token that the gateway wants."
    )
    payment_3p_webhook_secret: str = Field(default="", description="Signs the gateway's webhooks.")

    streams_url: str = Field(
        default="http://127.0.0.1:8003",
        pattern=r"^https?://[^?#]+[^?#/]$",
        description="Where clients reach the process `streams`; what the path begins with is also"
        " what it answers to.",
    )

    storefront_url: str = Field(
        default="http://127.0.0.1:8000",
        pattern=r"^https?://[^?#]+[^?#/]$",
        description="Where customers shop: what the links in mails begin with.",
    )
    email_host: str = Field(
        default="",
        description="The SMTP server that takes mails. Without one, and without EMAIL_DIRECTORY,"
        " they are printed, links and all: never in production.",
    )
    email_port: int = Field(default=587, ge=1, le=65535, description="The SMTP server's port.")
    email_security: Literal["starttls", "tls", "none"] = Field(
        default="starttls", description="How the SMTP server is spoken to."
    )
    email_user: str = Field(default="", description="Who we are to the SMTP server.")
    email_password: str = Field(default="", description="And the password for that.")
    email_from: str = Field(
        default="The Shop <shop@shop.example>", description="Whom mails are from."
    )
    email_directory: str = Field(
        default="", description="Without EMAIL_HOST: where mails are written as files."
    )

    order_timeout_minutes: int = Field(
        default=15,
        ge=1,
        le=1440,
        description="An order that has not heard of stock and payment by then is cancelled.",
    )
    quote_minutes: int = Field(
        default=30, ge=1, le=1440, description="How long a delivery quote lives."
    )
    unheard_minutes: int = Field(
        default=limits.UNHEARD_MINUTES,
        ge=1,
        le=1440,
        description="An event that a handler has not taken by then is sent again.",
    )
    log_retention_days: int = Field(
        default=400,
        ge=0,
        le=36_500,
        description="Older events leave the log, unless a replica needs them: at least"
        f" {limits.LOG_DAYS}, or 0 to keep all for ever.",
    )
    currency: str = Field(
        default="EUR", pattern="^[A-Z]{3}$", description="The shop's currency, by ISO 4217."
    )
    refuse_sold_out: bool = Field(
        default=True,
        description="Orders refuses at once what its replica of the stock shows as sold out.",
    )

    @field_validator("log_retention_days")
    @classmethod
    def _keep_what_may_come_again(cls, days: int) -> int:
        if 0 < days < limits.LOG_DAYS:
            raise ValueError(f"Input should be 0, or at least {limits.LOG_DAYS}")
        return days


def read_environment() -> Environment:
    """Return the settings, or stop with a sentence for each that is missing or wrong."""
    try:
        return Environment()
    except ValidationError as error:
        for problem in error.errors():
            _explain(str(problem["loc"][0]), problem["msg"])
    except SettingsError as error:  # it can't be read at all, and the message has no better form
        for name in Environment.model_fields:
            if f'"{name}"' in str(error):
                _explain(name, "This is not valid JSON")
    sys.exit("Set these in the environment or in .env; .env.example explains every setting.")


def _explain(name: str, problem: str) -> None:
    meaning = Environment.model_fields[name].description
    print(f"Setting {name.upper()}: {problem}. {meaning}", file=sys.stderr)
