"""Measures all that the table of targets names: `make bench`, or `python -m bench --only place`."""

from __future__ import annotations

import sys

from bench import (
    audit,
    backlog,
    burst,
    catalogue,
    events,
    flow,
    imports,
    invoice_import,
    latency,
    memory,
    million,
    place,
    streams,
)
from bench.program import main

if __name__ == "__main__":
    modules = (
        latency,
        place,
        catalogue,
        events,
        flow,
        backlog,
        memory,
        burst,
        streams,
        million,
        imports,
        invoice_import,
        audit,
    )
    sys.exit(main(*(module.MEASUREMENT for module in modules)))
