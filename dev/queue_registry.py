"""
What the deployment knows of queues and figures: taken from the code, and so written once.

`deploy/cdk` has an environment of its own, without Django; this writes what it reads.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from dev import ROOT
from dev.stand_in import STAND_IN

os.environ.update(STAND_IN, DJANGO_SETTINGS_MODULE="ecommerce.settings")

import django
from django.conf import settings

django.setup()

from kernel import limits  # noqa: E402 -- apps are loaded first
from kernel.bus import figures  # noqa: E402

PATH = ROOT / "deploy/cdk/shop/registry.json"


def main() -> int:
    """Write the file; with `--check` only say whether it is current."""
    if "--check" not in sys.argv:
        PATH.write_text(text(), encoding="utf-8")
        return 0
    is_current = PATH.exists() and PATH.read_text(encoding="utf-8") == text()
    if not is_current:
        print(f"{PATH.relative_to(ROOT)} is not current: run `make docs`.")
    return 0 if is_current else 1


def text() -> str:
    """Return the file as it should be."""
    return json.dumps(_registry(), indent=2) + "\n"


def _registry() -> dict[str, Any]:
    return {
        "modules": settings.MODULES,
        "queues": settings.QUEUES,
        "foreign_queues": settings.FOREIGN_QUEUES,
        "uploads_told": settings.UPLOADS_TOLD,
        "uploads_kept_days": settings.UPLOADS_KEPT_DAYS,
        "visibility_seconds": limits.VISIBILITY_SECONDS,
        "retention_seconds": limits.RETENTION_SECONDS,
        "max_receives": limits.MAX_RECEIVES,
        "task_seconds": limits.TASK_SECONDS,
        "figures": {figure.name: figure.unit for figure in figures.all_figures()},
    }


if __name__ == "__main__":
    sys.exit(main())
