"""Every setting that the environment may give, with its meaning and its default."""

from __future__ import annotations

import os
import sys
from typing import Annotated, Literal

from pydantic import Field, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from kernel import limits

_RATE = "^[1-9][0-9]{0,6}/(second|minute|hour|day)$"
Origin = Annotated[str, Field(pattern=r"^https?://[^/?#\s]+$")]


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
    environment: str = Field(
        default="local",
        pattern="^[a-z0-9-]+$",
        description="What this shop is called beside others of ours (dev, staging, prod): its"
        " figures are told under this name.",
    )
    allowed_hosts: list[str] = Field(
        default=["127.0.0.1", "localhost"],
        description="Host names that the web process answers to, as a JSON list.",
    )
    csrf_trusted_origins: list[str] = Field(
        default=[], description="Origins that may post forms to the admin, as a JSON list."
    )
    cors_allowed_origins: list[Origin] = Field(
        default=[],
        description="Origins of pages that may use the API in a browser, as a JSON list:"
        ' ["https://shop.example"].',
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
    audit_bucket: str = Field(
        default="shop-audit",
        description="The S3 bucket with Object Lock that keeps the anchors of the audit.",
    )

    payment_3p_url: str = Field(
        default="http://127.0.0.1:8001", description="Where the gateway payment_3p is."
    )
    payment_3p_api_key: str = Field(
        default="", description="The bearer token that payment_3p wants."
    )
    payment_3p_webhook_secret: str = Field(default="", description="Signs payment_3p's webhooks.")
    payment_3p_hold_days: int = Field(
        default=7, ge=1, le=365, description="How long payment_3p holds an amount."
    )
    stripe_secret_key: str = Field(
        default="", description="The secret key of the account at Stripe: sk_live_… or rk_live_…."
    )
    stripe_webhook_secret: str = Field(default="", description="Signs Stripe's webhooks: whsec_….")
    stripe_url: str = Field(
        default="https://api.stripe.com",
        pattern=r"^https?://[^?#]+[^?#/]$",
        description="Where Stripe's API is: another place only for rehearsals.",
    )
    stripe_hold_days: int = Field(
        default=7,
        ge=1,
        le=365,
        description="How long Stripe holds an amount, where it doesn't say so itself.",
    )
    payment_gateways: list[Literal["payment_3p", "stripe"]] = Field(
        default=["payment_3p"],
        min_length=1,
        description="The gateways that payments may go through, as a JSON list. New orders are paid"
        " through the first; what was begun at another one ends there as long as it is named.",
    )

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
    email_ses: bool = Field(
        default=False, description="Amazon SES takes mails, whatever EMAIL_HOST says."
    )
    ses_configuration_set: str = Field(
        default="", description="SES's configuration set, which tells what becomes of mails."
    )
    ses_webhook_secret: str = Field(
        default="",
        pattern="^([^:]+:.{16,})?$",
        description="user:password, as they stand in the URL that SES's reports are sent to."
        " Without them none is heard.",
    )

    order_timeout_minutes: int = Field(
        default=15,
        ge=1,
        le=1440,
        description="An order that has not heard of stock and payment by then is cancelled.",
    )
    order_link_days: int = Field(
        default=90, ge=1, le=3650, description="How long a guest's link to an order is good."
    )
    guest_cart_days: int = Field(
        default=30,
        ge=1,
        le=3650,
        description="A guest's cart is forgotten if nobody changed it for so long.",
    )
    cart_days: int = Field(
        default=180,
        ge=1,
        le=3650,
        description="A customer's cart is forgotten if nobody changed it for so long.",
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
    prices_include_tax: bool = Field(
        default=True,
        description="Prices of products and delivery contain the tax; 0: it is added to them.",
    )
    refuse_sold_out: bool = Field(
        default=True,
        description="Orders refuses at once what its replica of the stock shows as sold out.",
    )

    throttle: bool = Field(
        default=True,
        description="Count requests, and refuse those beyond the rates that follow: so many in a"
        " second, minute, hour or day, by user or, without one, by address.",
    )
    throttle_read: str = Field(
        default="1200/minute", pattern=_RATE, description="How often one may read."
    )
    throttle_write: str = Field(
        default="120/minute", pattern=_RATE, description="How often one may change something."
    )
    throttle_order: str = Field(
        default="30/minute", pattern=_RATE, description="How often one may place an order."
    )
    throttle_login: str = Field(
        default="10/minute", pattern=_RATE, description="How often an address may log in."
    )
    throttle_register: str = Field(
        default="20/hour", pattern=_RATE, description="How often an address may open an account."
    )
    throttle_password_reset: str = Field(
        default="10/hour",
        pattern=_RATE,
        description="How often an address may ask for a new password.",
    )
    throttle_order_link: str = Field(
        default="10/hour",
        pattern=_RATE,
        description="How often an address may ask for a lost link to an order.",
    )
    throttle_staff_factor: int = Field(
        default=5, ge=1, le=1000, description="How many times as often staff may ask."
    )

    @field_validator("log_retention_days")
    @classmethod
    def _keep_what_may_come_again(cls, days: int) -> int:
        if 0 < days < limits.LOG_DAYS:
            raise ValueError(f"Input should be 0, or at least {limits.LOG_DAYS}")
        return days

    @field_validator("payment_gateways")
    @classmethod
    def _demand_secrets(cls, names: list[str], info: ValidationInfo) -> list[str]:
        if "stripe" in names and not (
            info.data.get("stripe_secret_key") and info.data.get("stripe_webhook_secret")
        ):
            raise ValueError("stripe needs STRIPE_SECRET_KEY and STRIPE_WEBHOOK_SECRET")
        return names


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
