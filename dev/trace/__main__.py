"""
Takes traces and prints each as a tree, once nothing more comes; a page shows it as a picture.

    python -m dev.trace                                             in one terminal, and
    OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318 make run      in another
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
from pathlib import Path

from dev import ROOT
from dev.terminal import bold, dim
from dev.trace.picture import as_html
from dev.trace.receiver import Receiver, receiving
from dev.trace.tree import as_text

QUIET_SECONDS = 8.0  # longer than exporters keep what they have
LEAST_SPANS = 5  # what is shorter is a job that found nothing to do


def main() -> int:
    """Take traces until Ctrl-C."""
    parser = argparse.ArgumentParser(
        prog="python -m dev.trace",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--port", type=int, default=4318)
    parser.add_argument("--to", type=Path, default=ROOT / ".local" / "traces", metavar="DIRECTORY")
    asked = parser.parse_args()
    asked.to.mkdir(parents=True, exist_ok=True)
    shown: dict[str, int] = {}
    with receiving(asked.port) as (receiver, endpoint), contextlib.suppress(KeyboardInterrupt):
        print(dim(f"OTEL_EXPORTER_OTLP_ENDPOINT={endpoint}; Ctrl-C ends it."))
        while True:
            time.sleep(1)
            if receiver.quiet_for() > QUIET_SECONDS:
                _show_new(receiver, shown, asked.to)
    return 0


def _show_new(receiver: Receiver, shown: dict[str, int], directory: Path) -> None:
    """Print the traces of which more has come than was shown."""
    for trace, spans in receiver.traces().items():
        if len(spans) < LEAST_SPANS or shown.get(trace) == len(spans):
            continue
        shown[trace] = len(spans)
        page = directory / f"{trace}.html"
        page.write_text(as_html(spans), encoding="utf-8")
        print(f"\n{bold(f'Trace {trace}')}\n{as_text(spans)}\n{dim(str(page))}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
