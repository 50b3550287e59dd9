"""
One image, and a role for each container: `python -m ecommerce.roles worker payment-outside`.

The process becomes the role's own program, so that signals reach it. `healthy`, which the image's
health check calls, says whether the role that this container has still does its work.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

# What doesn't listen touches a file: if it is older than this, the process has stopped working.
MAX_SILENCE = 60.0  # seconds
NOTE = Path(tempfile.gettempdir()) / "role"
_MANAGE = (sys.executable, "manage.py")
_PROGRAMS = {
    "web": ("gunicorn", "-c", "python:ecommerce.gunicorn", "ecommerce.wsgi"),
    "worker": (
        *("celery", "-A", "ecommerce", "-q", "worker", "-P", "prefork"),
        *("--without-gossip", "--without-mingle", "--without-heartbeat"),
    ),
    "streams": (*_MANAGE, "streams"),
    "relay": (*_MANAGE, "relay"),
    "scheduler": (*_MANAGE, "scheduler"),
    "payment-3p": ("gunicorn", "-c", "python:payment_3p.gunicorn", "payment_3p.wsgi"),
    "migrate": (*_MANAGE, "migrate"),
    "manage": _MANAGE,
}
_HELP = {
    "web": "the API and the admin, at PORT",
    "worker": "handles what the queues named bring: one queue a worker is best",
    "streams": "live timelines of orders, at PORT",
    "relay": "sends the outbox to the queues",
    "scheduler": "starts jobs when they are due",
    "payment-3p": "the simulated payment gateway, at PORT (never in production)",
    "migrate": "brings the tables up to date, and ends",
    "manage": "any other command of manage.py",
    "healthy": "exit code 0 if this container's role does its work",
}


def main() -> int:
    """Become what was asked for; or tell whether it is healthy."""
    parser = argparse.ArgumentParser(
        prog="python -m ecommerce.roles",
        description=__doc__,
        epilog="\n".join(f"  {role:<12}{told}" for role, told in _HELP.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("role", metavar="ROLE", choices=_HELP)
    parser.add_argument("arguments", nargs=argparse.REMAINDER)
    asked = parser.parse_args()
    if asked.role == "healthy":
        return 0 if is_healthy(NOTE.read_text()) else 1
    if asked.role == "worker" and not asked.arguments:
        parser.error("a worker needs the names of its queues")
    NOTE.write_text(asked.role)
    os.environ.setdefault("OTEL_SERVICE_NAME", service_name(asked.role, asked.arguments))
    program = command(asked.role, asked.arguments)
    return os.execvp(program[0], program)  # noqa: S606 -- a program of our own, and no shell


def command(role: str, arguments: Sequence[str]) -> list[str]:
    """Return the program of a role with its arguments: a worker's are its queues."""
    program = _PROGRAMS[role]
    if role != "worker":
        return [*program, *arguments]
    return [*program, "-l", os.environ.get("LOG_LEVEL", "INFO"), "-Q", ",".join(arguments)]


def service_name(role: str, arguments: Sequence[str]) -> str:
    """Return what traces call this process: a worker of one queue by its queue."""
    return f"worker-{arguments[0]}" if role == "worker" and len(arguments) == 1 else role


def is_healthy(role: str) -> bool:
    """Say whether a role does its work in this container: one that only runs does not."""
    match role:
        case "web":
            return _answers("/api/v1/health/live")
        case "streams":
            return _answers(f"{urlsplit(os.environ['STREAMS_URL']).path}/health/live")
        case "payment-3p":
            return _answers("/health")
        case "worker" | "relay" | "scheduler":
            return _showed_alive()
    return True


def _answers(path: str) -> bool:
    url = f"http://127.0.0.1:{os.environ.get('PORT', '8000')}{path}"
    try:
        with urllib.request.urlopen(url, timeout=4) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _showed_alive() -> bool:
    try:
        shown = Path(os.environ["LIVENESS_FILE"]).stat().st_mtime
    except OSError:
        return False
    return time.time() - shown < MAX_SILENCE


if __name__ == "__main__":
    sys.exit(main())
