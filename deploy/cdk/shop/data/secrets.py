"""Secrets that we choose, and those that others gave us."""

from __future__ import annotations

import json

import aws_cdk as cdk
from aws_cdk import aws_secretsmanager as secrets
from constructs import Construct

from shop.acknowledged import acknowledge

# What people fill in once: the keys of one secret, named as the settings are.
FROM_OTHERS = ("STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET", "SES_WEBHOOK_SECRET")


class Secrets(Construct):
    """`django` signs tokens and sessions; `providers` holds what providers gave us."""

    def __init__(self, scope: Construct, name: str, *, keeps: cdk.RemovalPolicy) -> None:
        super().__init__(scope, name)
        self.django = secrets.Secret(
            self,
            "Django",
            description="SECRET_KEY: changing it ends every session and every link in a mail",
            generate_secret_string=secrets.SecretStringGenerator(
                password_length=64, exclude_punctuation=True
            ),
            removal_policy=keeps,
        )
        acknowledge(self.django, "SMG4", "Changing it logs everyone out: people decide when.")
        self.providers = secrets.Secret(
            self,
            "Providers",
            description="What providers gave us; filled in by hand",
            generate_secret_string=secrets.SecretStringGenerator(
                # The generated key only makes this form possible.
                secret_string_template=json.dumps(dict.fromkeys(FROM_OTHERS, "")),
                generate_string_key="unused",
            ),
            removal_policy=keeps,
        )
        acknowledge(self.providers, "SMG4", "Providers give it; nobody else can change it.")
