"""Settings: each is explained, and a wrong one stops the start with a sentence."""

from __future__ import annotations

import os
import re
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from dev import ROOT, env_example
from dev.environment import given_values, kept_secret, read_local
from dev.plan import PortTaken, demand_free, free_port
from dev.shop import AlreadyRunning, Shop
from dev.stand_in import STAND_IN

# Told by the terminal, the shell or another tool, not set for the shop.
_FOREIGN = {"PATH", "NO_COLOR", "FORCE_COLOR", "TERM", "CI", "ENV_FILE"}
_FOREIGN |= {"ENDING", "DEMO_PASSWORD", "STRIPE_PUBLISHABLE_KEY"}  # of the demo
# Set by the programs themselves, for their own processes.
_OWN = {"DJANGO_SETTINGS_MODULE", "SHOP_TEST_TEMPLATE", "PROMETHEUS_MULTIPROC_DIR"}


def start(**changes: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **STAND_IN, **changes}
    command = [sys.executable, "manage.py", "check"]
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )


def test_env_example_is_current() -> None:
    assert env_example.PATH.read_text(encoding="utf-8") == env_example.text()


def test_every_variable_that_the_code_reads_is_explained() -> None:
    pattern = re.compile(r'environ(?:\.get\(|\[|\.setdefault\()"([A-Z0-9_]+)"')
    roots = ("apps", "dev", "ecommerce", "kernel", "payment_3p")
    files = [path for root in roots for path in (ROOT / root).rglob("*.py")]
    read = {name for path in files for name in pattern.findall(path.read_text())}
    explained = set(re.findall(r"^# ([A-Z0-9_]+)=", env_example.text(), re.MULTILINE))
    assert read - explained - _FOREIGN - _OWN == set()


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("SECRET_KEY", "", "Setting SECRET_KEY: "),
        ("SECRET_KEY", "short", "Setting SECRET_KEY: "),
        ("LOG_LEVEL", "LOUD", "Setting LOG_LEVEL: "),
        ("ORDER_TIMEOUT_MINUTES", "0", "Setting ORDER_TIMEOUT_MINUTES: "),
        ("ALLOWED_HOSTS", "shop.example", "Setting ALLOWED_HOSTS: "),
        ("PAYMENT_GATEWAYS", "[]", "Setting PAYMENT_GATEWAYS: "),
        ("PAYMENT_GATEWAYS", '["piggy_bank"]', "Setting PAYMENT_GATEWAYS: "),
        ("PAYMENT_GATEWAYS", '["stripe"]', "Setting PAYMENT_GATEWAYS: Value error, stripe needs"),
        ("CORS_ALLOWED_ORIGINS", '["shop.example"]', "Setting CORS_ALLOWED_ORIGINS: "),
        ("CORS_ALLOWED_ORIGINS", '["https://a.example/"]', "Setting CORS_ALLOWED_ORIGINS: "),
    ],
)
def test_a_wrong_setting_stops_the_start_with_a_sentence(
    name: str, value: str, sentence: str
) -> None:
    done = start(**{name: value})
    assert done.returncode == 1
    assert done.stderr.startswith(sentence)
    assert ".env.example explains every setting" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_wrong_local_setting_stops_the_start_with_a_sentence(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        read_local({"PORT": "http"})
    assert capsys.readouterr().err.startswith("Setting PORT: Input should be a valid integer")


def test_the_environment_wins_over_the_file_and_empty_values_do_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "env"
    file.write_text("PORT=9000\nCURRENCY=SEK\nDATABASE_URL=\n")
    monkeypatch.setenv("ENV_FILE", str(file))
    monkeypatch.setenv("PORT", "9100")
    monkeypatch.setenv("DATABASE_URL", "")
    given = given_values()
    assert (given["PORT"], given["CURRENCY"]) == ("9100", "SEK")
    assert "DATABASE_URL" not in given


def test_a_secret_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    first = kept_secret(tmp_path / "state", "key")
    assert len(first) >= 50
    assert kept_secret(tmp_path / "state", "key") == first
    assert stat.S_IMODE((tmp_path / "state" / "key").stat().st_mode) == 0o600


def test_a_taken_port_is_named_with_the_cure() -> None:
    port = free_port()
    sentence = rf"Port {port} is taken: .* PORT={port + 1000}\."
    with socket.create_server(("127.0.0.1", port)), pytest.raises(PortTaken, match=sentence):
        demand_free(port)
    demand_free(port)


def test_a_running_shop_is_not_forgotten(tmp_path: Path) -> None:
    shop = Shop({"STATE_DIR": str(tmp_path / "state")})
    with shop.lock():
        other = Shop({"STATE_DIR": str(tmp_path / "state")})
        assert other.is_running()
        with pytest.raises(AlreadyRunning, match="is running already"):
            other.forget()
    shop.forget()
    assert not (tmp_path / "state").exists()
