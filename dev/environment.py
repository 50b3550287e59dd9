"""The settings of a shop on one machine: what is given is used, what isn't is made here."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_settings import DotEnvSettingsSource

from dev import ROOT
from ecommerce.environment import Environment


class LocalEnvironment(BaseModel):
    """What `make run` and its like read beside the shop's own settings."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    port: int = Field(
        default=8000,
        ge=1,
        le=65531,
        description="Where `make run` serves the shop. Gateway, emulator, streams and storefront"
        " take the next four ports, or others if those are taken.",
    )
    demo: bool = Field(default=True, description="0: `make run` plays no order when it is ready.")
    state_dir: Path = Field(
        default=Path(".local"), description="Where `make run` keeps database, queues and files."
    )
    owner_database_url: str = Field(
        default="",
        description="PostgreSQL as the role that owns the tables, for migrations; without it"
        " they run as DATABASE_URL says.",
    )
    payment_3p_database_url: str = Field(
        default="", description="The simulated gateway's own database."
    )


def given_values() -> dict[str, str]:
    """Return what the environment and `.env` give, in this order; empty values don't count."""
    file = os.environ.get("ENV_FILE", ROOT / ".env")
    found = DotEnvSettingsSource(Environment, env_file=file).env_vars
    values = {name.upper(): value for name, value in found.items()} | dict(os.environ)
    return {name: value for name, value in values.items() if value}


def read_local(given: Mapping[str, str]) -> LocalEnvironment:
    """Return the local settings, or stop with a sentence for each that is wrong."""
    try:
        return LocalEnvironment.model_validate(
            {name.lower(): value for name, value in given.items()}
        )
    except ValidationError as error:
        for problem in error.errors():
            name = str(problem["loc"][0])
            meaning = LocalEnvironment.model_fields[name].description
            print(f"Setting {name.upper()}: {problem['msg']}. {meaning}", file=sys.stderr)
        sys.exit("Set it in the environment or in .env; .env.example explains every setting.")


def kept_secret(directory: Path, name: str, size: int = 48) -> str:
    """Return a secret of this machine, made of `size` random bytes when first asked for."""
    path = directory / name
    if not path.exists():
        directory.mkdir(parents=True, exist_ok=True, mode=0o755)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(size))
    return path.read_text()
