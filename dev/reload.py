"""
A role of the image that starts anew when code changes: `python -m dev.reload worker users`.

For development in containers (compose.dev.yml); what it restarts ends as at a release.
"""

from __future__ import annotations

import shlex
import sys

from watchfiles import PythonFilter, run_process

CODE = ("apps", "ecommerce", "kernel", "payment_3p")
GRACE_SECONDS = 55


def main() -> int:
    """Run the role that the command line names until someone stops this."""
    run_process(
        *CODE,
        target=shlex.join([sys.executable, "-m", "ecommerce.roles", *sys.argv[1:]]),
        target_type="command",
        watch_filter=PythonFilter(),
        sigint_timeout=GRACE_SECONDS,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
