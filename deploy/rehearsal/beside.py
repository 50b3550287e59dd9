"""What a release meets that the emulator doesn't run: PostgreSQL, and who takes the payments."""

from __future__ import annotations

import datetime as dt
import json
import os
import secrets

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from deploy.rehearsal import engine
from deploy.rehearsal.aws import Aws

POSTGRES_IMAGE = os.environ.get("POSTGRES_IMAGE", "postgres:18")
DATABASE, GATEWAY = "database", "payment-3p"
SHARED = {
    "PAYMENT_3P_API_KEY": secrets.token_hex(16),
    "PAYMENT_3P_WEBHOOK_SECRET": secrets.token_hex(16),
}
# What the templates leave to people: where payments go. All who play here have one address, and log
# in more often than one person may.
SETTINGS = {
    **SHARED,
    "THROTTLE_LOGIN": "600/minute",
    "PAYMENT_GATEWAYS": json.dumps(["payment_3p"]),
    "PAYMENT_3P_URL": f"http://{GATEWAY}:8000",
}
_GATEWAYS_DATABASE = "gateway"


def start_database(aws: Aws, owner: str) -> None:
    """Start PostgreSQL with TLS, where the stacks say it is, with the password they say."""
    [instance] = aws.client("rds").describe_db_instances()["DBInstances"]
    password = _password(aws, owner)
    engine.run(
        POSTGRES_IMAGE,
        name=DATABASE,
        environment={
            "LANG": "C.UTF-8",
            "POSTGRES_USER": owner,
            "POSTGRES_PASSWORD": password,
            "POSTGRES_DB": instance["DBName"],
        },
        options=["--network-alias", instance["Endpoint"]["Address"]],
    )
    engine.eventually(DATABASE, "pg_isready", "-h", "127.0.0.1", "-U", owner)
    _encrypt(owner)
    _sql(owner, f"CREATE DATABASE {_GATEWAYS_DATABASE}")


def start_gateway(image: str, owner: str, aws: Aws, *, shop: str) -> str:
    """Start the simulated gateway, which calls the shop back there; return its address."""
    url = f"postgresql://{owner}:{_password(aws, owner)}@{DATABASE}/{_GATEWAYS_DATABASE}"
    environment = {
        **SHARED,
        "PAYMENT_3P_DATABASE_URL": url,
        "PAYMENT_3P_WEBHOOK_URL": f"{shop}/api/v1/payments/webhooks/payment_3p",
    }
    python = ("--entrypoint", "python")
    engine.run(image, "-m", "payment_3p", "migrate", environment=environment, options=python)
    engine.run(image, "payment-3p", name=GATEWAY, environment=environment)
    engine.eventually(GATEWAY, "python", "-m", "ecommerce.roles", "healthy")
    return f"http://{engine.address(GATEWAY)}:8000"


def _password(aws: Aws, user: str) -> str:
    client = aws.client("secretsmanager")
    for secret in client.list_secrets()["SecretList"]:
        said = client.get_secret_value(SecretId=secret["ARN"])["SecretString"]
        if said.startswith("{") and json.loads(said).get("username") == user:
            return str(json.loads(said)["password"])
    raise LookupError(f"No secret holds the password of {user}.")


def _encrypt(owner: str) -> None:
    """Turn TLS on, with a certificate made for this: the shop demands it, and not whose it is."""
    for name, content in zip(("server.crt", "server.key"), _certificate(), strict=True):
        keep = f'umask 077; cat > "$PGDATA/{name}"'
        engine.docker("exec", "-i", "-u", "postgres", DATABASE, "sh", "-c", keep, given=content)
    _sql(owner, "ALTER SYSTEM SET ssl = on", "SELECT pg_reload_conf()")


def _certificate() -> tuple[str, str]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, DATABASE)])
    now = dt.datetime.now(dt.UTC)  # noqa: TID251 -- no module reads it here
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return certificate.public_bytes(pem).decode(), private.decode()


def _sql(owner: str, *statements: str) -> None:
    said = [part for statement in statements for part in ("-c", statement)]
    engine.docker("exec", "-u", "postgres", DATABASE, "psql", "-qU", owner, "postgres", *said)
