"""`make check`: everything that can be judged without running the tests."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from dev import ROOT
from dev.stand_in import STAND_IN
from dev.terminal import bad, bold, dim, good

_MANAGE = [sys.executable, "manage.py"]
CHECKS = {
    "types (mypy)": ["mypy"],
    "format (ruff)": ["ruff", "format", "--check", "."],
    "lint (ruff)": ["ruff", "check", "."],
    "contracts (import-linter)": ["lint-imports"],
    "requirements (deptry)": ["deptry", "."],
    "dead code (vulture)": ["vulture"],
    "image (hadolint)": ["hadolint", "Dockerfile"],
    "generated docs": [*_MANAGE, "docs", "--check"],
    "API keeps its promise": [sys.executable, "-m", "dev.breaking"],
    "migrations (squawk)": [sys.executable, "-m", "dev.migration_lint"],
    "costs of the deployment": [sys.executable, "deploy/cdk/costs.py", "--check"],
    "queues of the deployment": [sys.executable, "-m", "dev.queue_registry", "--check"],
    ".env.example": [sys.executable, "-m", "dev.env_example", "--check"],
    "architecture (pytest)": ["pytest", "-q", "tests/test_architecture.py"],
}
AT_ONCE = 2


def main() -> int:
    """Run all checks, two at a time; return how many failed."""
    if sys.argv[1:]:  # a management command that needs no database: `docs`
        return subprocess.run(
            [*_MANAGE, *sys.argv[1:]], env=_environment(), cwd=ROOT, check=False
        ).returncode
    with ThreadPoolExecutor(AT_ONCE) as pool:
        failed = [
            name
            for name, is_good in zip(CHECKS, pool.map(_judge, CHECKS), strict=True)
            if not is_good
        ]
    if failed:
        print(bad(f"\n{len(failed)} of {len(CHECKS)} checks failed: {', '.join(failed)}"))
    return len(failed)


def _judge(name: str) -> bool:
    begun = time.monotonic()
    done = subprocess.run(
        _command(name),
        env=_environment(),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    is_good = done.returncode == 0
    mark = good("✓") if is_good else bad("✗")
    text = f"{mark} {name:<28}{dim(f'{time.monotonic() - begun:5.1f} s')}"
    print(
        text if is_good else f"{text}\n{bold(' '.join(map(str, CHECKS[name])))}\n{done.stdout}",
        flush=True,
    )
    return is_good


def _command(name: str) -> list[str | Path]:
    program, *arguments = CHECKS[name]
    return [Path(sys.executable).parent / program, *arguments]


def _environment() -> dict[str, str]:
    return {**os.environ, **STAND_IN}


if __name__ == "__main__":
    sys.exit(main())
