"""
`make check`: the API keeps what it promised, or says in `docs/breaking.toml` what it doesn't.

The promise is `docs/openapi-promised.yaml`: the schema of the last release, which nothing but
`make promise` rewrites. What the code says today is `docs/openapi.yaml`.
"""

from __future__ import annotations

import shutil
import sys
import tomllib
from collections.abc import Mapping
from typing import Any

import yaml

from dev import ROOT
from dev.schema_changes import breaking_changes

TODAY, PROMISED = ROOT / "docs/openapi.yaml", ROOT / "docs/openapi-promised.yaml"
DECLARED = ROOT / "docs/breaking.toml"
HEAD = """\
# What `docs/openapi.yaml` takes away from those who call by `docs/openapi-promised.yaml`, and why.
# `make check` fails on a breaking change that isn't declared here, and prints what to write:
#
# [[change]]
# what = "GET /api/v1/orders 200.results[].number is gone"
# why = "Numbers were guessed: the id is what to use."
"""


def main() -> int:
    """Compare, and return how much is wrong; `promise` makes today's schema the promise."""
    if sys.argv[1:] == ["promise"]:
        shutil.copyfile(TODAY, PROMISED)
        DECLARED.write_text(HEAD)
        return 0
    old, new = (yaml.safe_load(path.read_text()) for path in (PROMISED, TODAY))
    wrong = verdict(breaking_changes(old, new), tomllib.loads(DECLARED.read_text()))
    print(*wrong, sep="\n")
    return len(wrong)


def verdict(found: list[str], declared: Mapping[str, Any]) -> list[str]:
    """Say what is found and not declared, and what is declared and not (or no longer) found."""
    reasons = {
        change["what"]: change.get("why", "").strip() for change in declared.get("change", [])
    }
    return [
        *(f'[[change]]\nwhat = "{what}"\nwhy = ""\n' for what in found if not reasons.get(what)),
        *(f"Declared, but not so: {what}" for what in reasons if what not in found),
    ]


if __name__ == "__main__":
    sys.exit(main())
