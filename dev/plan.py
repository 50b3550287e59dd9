"""Which programs a shop on one machine consists of, and what each is told."""

from __future__ import annotations

import dataclasses
import json
import os
import socket
import sys
from pathlib import Path

from dev.environment import kept_secret
from dev.postgres import LocalPostgres
from dev.processes import Program
from dev.shop import Addresses, Shop
from dev.terminal import is_colourful

LOOPBACK = "127.0.0.1"
# What one worker process hears. In production each queue has a service of its own; here memory
# is dearer. A group of its own has what waits for the outside world.
WORKERS = {
    "flow": ("orders", "warehouse", "delivery", "payment"),
    "outside": ("payment-outside", "invoices-outside", "users-outside", "products-outside"),
    "rest": ("users", "products", "invoices", "audit", "bus"),
}
LOCAL_KEYS = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}

_KNOWN_WARNINGS = (
    "No directory at",  # static files are collected for production only
    "You're running the worker with superuser privileges",
)


class PortTaken(Exception):
    """Something else listens on the port that was asked for."""


class Plan:
    """One start of a shop: its ports, its environment, its programs."""

    def __init__(self, shop: Shop) -> None:
        self._shop, self._given = shop, shop.given
        first = shop.local.port
        demand_free(first)
        self.ports = {"web": first}
        for offset, name in enumerate(("payment_3p", "emulator", "streams", "storefront"), start=1):
            self.ports[name] = first + offset if is_free(first + offset) else free_port()
        self.postgres = LocalPostgres(shop.state / "postgres") if self._needs_postgres() else None
        self.environment = self._environment()

    @property
    def has_emulator(self) -> bool:
        """Whether SQS and S3 are emulated here."""
        return "AWS_ENDPOINT_URL" not in self._given and "QUEUE_URL_PREFIX" not in self._given

    @property
    def has_gateway(self) -> bool:
        """Whether the simulated payment gateway runs here."""
        return "PAYMENT_3P_URL" not in self._given

    @property
    def addresses(self) -> Addresses:
        """Where this shop will be reached."""
        return Addresses(
            shop=f"http://{LOOPBACK}:{self.ports['web']}",
            payment_3p=self.environment["PAYMENT_3P_URL"],
            storefront=f"http://{LOOPBACK}:{self.ports['storefront']}",
        )

    @property
    def owner_environment(self) -> dict[str, str]:
        """What those get who change tables."""
        given = self._given.get("OWNER_DATABASE_URL")
        embedded = self.postgres.url() if self.has_own_database and self.postgres else None
        url = given or embedded or self.environment["DATABASE_URL"]
        return {**self.environment, "DATABASE_URL": url}

    def emulator(self) -> Program:
        """SQS and S3; what they hold lies in the state directory after a clean stop."""
        state = self._shop.state
        return Program(
            name="emulator",
            command=[sys.executable, "-m", "dev.emulator"],
            environment={
                "BIND_HOST": LOOPBACK,
                "MINISTACK_HOST": LOOPBACK,
                "GATEWAY_PORT": str(self.ports["emulator"]),
                "MINISTACK_REGION": self.environment["AWS_DEFAULT_REGION"],
                **LOCAL_KEYS,  # of others it takes no signed link
                "PERSIST_STATE": "1",
                "STATE_DIR": str(state / "emulator"),
                "S3_PERSIST": "1",
                "S3_DATA_DIR": str(state / "s3"),
                "SERVICES": "sqs,s3,sts",
                "IOT_MTLS_ENABLED": "0",
                "SFTP_ENABLED": "0",
                "LOG_LEVEL": "ERROR",
            },
            rank=0,
            after_restart=self.queues(),
        )

    def servers(self) -> list[Program]:
        """Return what must be there before anything else can start."""
        postgres = [self.postgres.program()] if self.postgres else []
        return [*postgres, *([self.emulator()] if self.has_emulator else [])]

    def programs(self) -> list[Program]:
        """Return the shop's own processes, as in production (see Procfile)."""
        gateway = [self._gateway()] if self.has_gateway else []
        return [
            self._program("web", "gunicorn", "-c", "python:ecommerce.gunicorn", "ecommerce.wsgi"),
            *[self._worker(name, queues) for name, queues in WORKERS.items()],
            self._streams(),
            self._manage("relay", "relay"),
            self._manage("scheduler", "scheduler"),
            self._storefront(),
            *gateway,
        ]

    def prepare(self) -> Program:
        """Return what brings tables and queues up to date, as the role that owns the tables."""
        return Program("prepare", [sys.executable, "-m", "dev.prepare"], self.owner_environment)

    def queues(self) -> Program:
        """Return what makes the queues and buckets that are missing."""
        return self._manage("queues", "create_queues")

    def migrate_gateway(self) -> Program:
        """Return what brings the gateway's own tables up to date."""
        command = [sys.executable, "-m", "payment_3p", "migrate", "--verbosity", "0"]
        return Program("gateway's", command, self._gateway_environment())

    def demo_data(self, password: str) -> Program:
        """Return what fills an empty shop."""
        command = [sys.executable, "-m", "dev.demo_data"]
        environment = {**self.environment, "DEMO_PASSWORD": password}
        return Program("demo-data", command, environment)

    def play(self, ending: str) -> Program:
        """Return what plays one order over HTTP."""
        command = [sys.executable, "-m", "dev.play", ending]
        return Program("demo", command, self.environment, is_plain=True)

    def _program(self, name: str, program: str, *arguments: str) -> Program:
        path = Path(sys.executable).with_name(program)
        return Program(name, [path, *arguments], self._environment_of(name))

    def _manage(self, name: str, *arguments: str) -> Program:
        command = [sys.executable, "manage.py", *arguments]
        return Program(name, command, self._environment_of(name))

    def _environment_of(self, name: str) -> dict[str, str]:
        return {**self.environment, "OTEL_SERVICE_NAME": name}

    def _worker(self, name: str, queues: tuple[str, ...]) -> Program:
        level = self.environment["LOG_LEVEL"]
        options = ["-P", "threads", "-c", "8", "-n", f"{name}@local", "-l", level]
        return self._program(
            f"worker-{name}", "celery", "-A", "ecommerce", "-q", "worker",
            *options, "--without-gossip", "--without-mingle", "--without-heartbeat",
            "-Q", ",".join(queues),
        )  # fmt: skip

    def _streams(self) -> Program:
        environment = {**self.environment, "PORT": str(self.ports["streams"])}
        return dataclasses.replace(self._manage("streams", "streams"), environment=environment)

    def _storefront(self) -> Program:
        files = self.environment.get("AWS_ENDPOINT_URL")
        told = {
            "port": str(self.ports["storefront"]),
            "api": f"{self.addresses.shop}/api/v1",
            "payment": self.environment["PAYMENT_3P_URL"],
            "streams": self.environment["STREAMS_URL"],
            "files": files or "https://*.amazonaws.com",
        }
        options = [f"--{name}={value}" for name, value in told.items()]
        return Program("storefront", [sys.executable, "-m", "dev.storefront", *options])

    def _gateway(self) -> Program:
        options = ["-c", "python:payment_3p.gunicorn", "payment_3p.wsgi"]
        program = self._program("payment_3p", "gunicorn", *options)
        place = {"BIND_HOST": LOOPBACK, "PORT": str(self.ports["payment_3p"])}
        return dataclasses.replace(program, environment=self._gateway_environment() | place)

    def _gateway_environment(self) -> dict[str, str]:
        url = self._given.get("PAYMENT_3P_DATABASE_URL")
        if not url and self.postgres:
            url = self.postgres.url("payment_3p")
        shared = ("PAYMENT_3P_API_KEY", "PAYMENT_3P_WEBHOOK_SECRET")
        webhooks = f"http://{LOOPBACK}:{self.ports['web']}/api/v1/payments/webhooks/payment_3p"
        return {
            "PAYMENT_3P_DATABASE_URL": url or "",
            "PAYMENT_3P_ALLOWED_ORIGINS": self.addresses.storefront,
            "PAYMENT_3P_WEBHOOK_URL": self._given.get("PAYMENT_3P_WEBHOOK_URL", webhooks),
            **{name: self.environment[name] for name in shared},
        }

    @property
    def has_own_database(self) -> bool:
        """Whether the shop's database is the embedded one."""
        return "DATABASE_URL" not in self._given

    def _needs_postgres(self) -> bool:
        is_gateways = self.has_gateway and "PAYMENT_3P_DATABASE_URL" not in self._given
        return self.has_own_database or is_gateways

    def _environment(self) -> dict[str, str]:
        """Return what the shop's processes get: our own values below those that are given."""
        web, gateway, emulator = (self.ports[n] for n in ("web", "payment_3p", "emulator"))
        storefront = f"http://{LOOPBACK}:{self.ports['storefront']}"
        state = self._shop.state
        values = {
            "SECRET_KEY": kept_secret(state, "secret_key"),
            "LOG_FORMAT": "console",
            "LOG_LEVEL": "INFO",
            "PYTHONWARNINGS": ",".join(f"ignore:{text}" for text in _KNOWN_WARNINGS),
            "AWS_DEFAULT_REGION": "eu-north-1",
            "PAYMENT_3P_URL": f"http://{LOOPBACK}:{gateway}",
            "PAYMENT_3P_API_KEY": kept_secret(state, "payment_3p_api_key"),
            "PAYMENT_3P_WEBHOOK_SECRET": kept_secret(state, "payment_3p_webhook_secret"),
            "BIND_HOST": LOOPBACK,
            "EMAIL_DIRECTORY": str(state / "mails"),
            "PORT": str(web),
            # All who use a shop on one machine have one address.
            "THROTTLE_LOGIN": "600/minute",
            "THROTTLE_REGISTER": "600/hour",
            "STOREFRONT_URL": storefront,
            "CORS_ALLOWED_ORIGINS": json.dumps([storefront]),
            "STREAMS_URL": f"http://{LOOPBACK}:{self.ports['streams']}",
        }
        if is_colourful():
            values["FORCE_COLOR"] = "1"
        if self.postgres:
            values["DATABASE_URL"] = self.postgres.url(user="app")
        endpoint = self._given.get("AWS_ENDPOINT_URL")
        if self.has_emulator:
            endpoint = f"http://{LOOPBACK}:{emulator}"
        if endpoint:
            values |= {
                "AWS_ENDPOINT_URL": endpoint,
                **LOCAL_KEYS,
                "QUEUE_URL_PREFIX": f"{endpoint}/000000000000/shop-",
            }
        inherited = os.environ.keys() - values.keys()
        given = {k: v for k, v in self._given.items() if k not in inherited}
        return values | given | {"DJANGO_SETTINGS_MODULE": "ecommerce.settings"}


def is_free(port: int) -> bool:
    """Say whether nothing listens on this port of the loopback."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def demand_free(port: int) -> None:
    """
    Do nothing if the port is free.

    :raises PortTaken: if something listens there.
    """
    if not is_free(port):
        raise PortTaken(
            f"Port {port} is taken: stop what listens there, or take another, PORT={port + 1000}."
        )


def free_port() -> int:
    """Return a port of the loopback that nothing uses now."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port
