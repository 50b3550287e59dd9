"""The TypeScript client is generated from the schema, compiles, and buys something."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from dev import ROOT, client
from dev.client import FOLDER, ClientFailed, npm
from tests.whole.machine import Machine

DECLINED_CARD = "4000000000000002"
pytestmark = [pytest.mark.processes, pytest.mark.timeout(500)]


@pytest.fixture(scope="module", autouse=True)
def installed() -> None:
    """Install the client's packages; a machine without a way to npm's registry can't."""
    try:
        client.install()
    except ClientFailed as error:
        verdict = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        verdict(f"The packages of {FOLDER.relative_to(ROOT)} can't be installed. {error}")


def test_compiles_and_drives_an_order_until_it_is_confirmed(machine: Machine) -> None:
    npm("run", "generate")
    npm("run", "check")
    known = client.where(machine.addresses)

    assert "is CONFIRMED" in npm("run", "order", environment=known)
    with pytest.raises(ClientFailed, match="is CANCELLED"):
        npm("run", "order", environment={**known, "CARD": DECLINED_CARD})


def test_does_not_compile_once_the_schema_takes_away_what_it_uses(tmp_path: Path) -> None:
    folder = tmp_path / "examples/typescript"
    shutil.copytree(FOLDER, folder, ignore=shutil.ignore_patterns("node_modules"))
    (folder / "node_modules").symlink_to(FOLDER / "node_modules")
    schema = (ROOT / "docs/openapi.yaml").read_text()
    (tmp_path / "docs").mkdir()
    changed = schema.replace("delivery_quote", "quote_of_delivery")
    (tmp_path / "docs/openapi.yaml").write_text(changed)
    npm("run", "generate", folder=folder)

    with pytest.raises(ClientFailed, match="quote_of_delivery"):
        npm("run", "check", folder=folder)
